"""What of a provider's words is never kept: keys, passwords and numbers that are nobody's to show.

An adapter takes them out of what it tells, and the copying functions do once more, with the same functions.
"""

import re
from collections.abc import Mapping
from typing import Any

MASK = "•" * 8

_SECRET_WORDS = frozenset(
    {
        "apikey", "auth", "authorization", "bearer", "certificate", "cookie", "credential", "credentials", "key",
        "keys", "passcode", "passphrase", "passwd", "password", "passwords", "private", "pwd", "secret", "secrets",
        "session", "signature", "token", "tokens",
    }
)  # fmt: skip
_SECRET_NAMES = frozenset(
    {
        "accountnumber", "birthdate", "cardnumber", "cvc", "cvc2", "cvn", "cvv", "cvv2", "dateofbirth", "dob", "ein",
        "pan", "pin", "securitycode", "socialsecuritynumber", "ssn", "taxid", "track1", "track2", "trackdata",
    }
)  # fmt: skip
"""What a name is, or ends with: bankAccountNumber, business_tax_id."""
_NO_SECRETS = frozenset({"idempotency_key", "operation_key"})
_KEPT_DETAILS = frozenset({"currency", "descriptor", "id", "mcc", "mid", "name", "state", "status", "tid", "type"})
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def redacted(told: Any, name: str = "") -> Any:
    """What a provider said, with a mask over everything whose name is that of a secret, however deep it stands."""
    if _is_secret(name):
        return _masked(told)
    if isinstance(told, Mapping):
        inner = redacted_details if name == "processor_details" else _redacted_members
        return inner(told)
    if isinstance(told, list | tuple):
        return [redacted(item) for item in told]
    return told


def redacted_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """`processor_details`: a mask over all but what is known to be shown, for nobody knows what else stands there."""
    return {name: _detail(name, value) for name, value in details.items()}


def _redacted_members(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: redacted(value, name) for name, value in told.items()}


def _detail(name: str, value: Any) -> Any:
    if _is_secret(name):
        return _masked(value)
    if isinstance(value, Mapping):
        return redacted_details(value)
    if isinstance(value, list | tuple):
        return [_detail(name, item) for item in value]
    return value if _words(name)[-1:] and _words(name)[-1] in _KEPT_DETAILS else _masked(value)


def _masked(value: Any) -> Any:
    """Whether there is something may be seen, and a yes or a no; nothing else."""
    return value if value is None or isinstance(value, bool) else MASK


def _is_secret(name: str) -> bool:
    words = _words(name)
    if "_".join(words) in _NO_SECRETS:
        return False
    ends = ("".join(words[at:]) for at in range(len(words)))
    return not _SECRET_NAMES.isdisjoint(ends) or "".join(words) in _SECRET_WORDS or not _SECRET_WORDS.isdisjoint(words)


def _words(name: str) -> list[str]:
    """The words of a name in any case: apiKey, API_KEY and api-key are one."""
    return [word.lower() for word in _WORD.findall(name)]
