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
        "accountno", "accountnum", "accountnumber", "acctno", "acctnum", "acctnumber", "birthdate", "birthday",
        "cardno", "cardnum", "cardnumber", "cvc", "cvc2", "cvccode", "cvn", "cvv", "cvv2", "cvvcode", "dateofbirth",
        "dob", "ein", "iban", "itin", "pan", "pannumber", "pin", "pinblock", "securitycode", "socialsecuritynumber",
        "ssn", "taxid", "taxidnumber", "taxnumber", "tin", "track1", "track2", "trackdata",
    }
)  # fmt: skip
"""What a name is, or ends with: bankAccountNumber, business_tax_id; also over two levels: a card's number."""
_NO_SECRETS = frozenset({"idempotency_key", "operation_key"})
_KEPT_DETAILS = frozenset({"currency", "descriptor", "id", "mcc", "mid", "name", "state", "status", "tid", "type"})
_NUMBER = re.compile(r"(?<![0-9A-Za-z])[0-9](?:[ -]?[0-9]){8,}(?![0-9A-Za-z])")
"""Of nine digits and more in a sentence, as of a card, an account or a person, with blanks and dashes between."""
_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


def redacted(told: Any) -> Any:
    """What a provider said, with a mask over everything whose name is that of a secret, however deep it stands."""
    return _redacted(told, "", within="")


def redacted_details(details: Mapping[str, Any]) -> dict[str, Any]:
    """`processor_details`: a mask over all but what is known to be shown, for nobody knows what else stands there."""
    return {name: _detail(name, value) for name, value in details.items()}


def redacted_text(sentence: str) -> str:
    """A sentence of a provider, for people, with a mask over what may be the number that it complains of."""
    return _NUMBER.sub(MASK, sentence)


def _redacted(told: Any, name: str, *, within: str) -> Any:
    if _is_secret(name, within):
        return _masked(told)
    if isinstance(told, Mapping):
        if name == "processor_details":
            return redacted_details(told)
        return {inner: _redacted(value, inner, within=name) for inner, value in told.items()}
    if isinstance(told, list | tuple):
        return [_redacted(item, name, within="") for item in told]
    return redacted_text(told) if isinstance(told, str) and _is_sentence(told) else told


def _is_sentence(text: str) -> bool:
    return " " in text and any(letter.isalpha() for letter in text)


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


def _is_secret(name: str, within: str = "") -> bool:
    words = _words(name)
    if not words or "_".join(words) in _NO_SECRETS:
        return False
    path = [*(word.removesuffix("s") for word in _words(within)), *words]
    ends = ("".join(path[at:]) for at in range(len(path)))
    return not _SECRET_NAMES.isdisjoint(ends) or "".join(words) in _SECRET_WORDS or not _SECRET_WORDS.isdisjoint(words)


def _words(name: str) -> list[str]:
    """The words of a name in any case: apiKey, API_KEY and api-key are one."""
    return [word.lower() for word in _WORD.findall(name)]
