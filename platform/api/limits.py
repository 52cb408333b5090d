"""How often is too often: wrong secrets, and requests of one API user.

One atomic script in Valkey or Redis counts; while that is away, rows in PostgreSQL do.
"""

import hashlib
import ipaddress
import logging
import time
import uuid
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from django.db import connection

from api.errors import TooManyRequests
from tenancy.actors import Actor
from vault.keys import keyed_hash
from vault.secret import Secret

logger = logging.getLogger(__name__)

WRONG_SECRETS_PER_MINUTE = 10
TOKENS_PER_ADDRESS = 30
TOKENS_PER_APPLICATION = 600
"""Within a minute, of those who need no credentials: see docs/api.md."""
ALIKE_PER_HOUR = 10
"""Different numbers of one application that show the same digits: a token's fingerprint tells who guessed right."""
_MINUTE = 60
_HOUR = 3600

_COUNT = """
local counts = {}
for position, key in ipairs(KEYS) do
  counts[position] = redis.call('INCRBY', key, ARGV[2 * position - 1])
  redis.call('EXPIRE', key, ARGV[2 * position], 'NX')
end
return counts
"""


@dataclass(frozen=True)
class _Counter:
    name: str
    window_seconds: int
    by: int

    def key(self, now: float) -> str:
        return f"limit:{self.name}:{int(now) // self.window_seconds}"


def admit_wrong_secret(user_id: str, address: str | None) -> None:
    """Count a wrong secret. Raises TooManyRequests once this id or this address had its share of the minute.

    Counting and judging are one step, so guesses sent at once get no more answers than guesses in turn. The id is
    counted together with the address: a guesser elsewhere does not lock out the right holder.
    """
    if max(_count(_guesses(user_id, address, by=1))) > WRONG_SECRETS_PER_MINUTE:
        raise TooManyRequests(_MINUTE)


def admit_request(actor: Actor, *, user_id: str, address: str | None, is_write: bool) -> None:
    """Count a request with right credentials. Raises TooManyRequests beyond the user's share of this second.

    Where guesses have used up the minute the right secret is refused too: it may be the guesser's.
    """
    kind = "write" if is_write else "read"
    *guesses, requests = _count([*_guesses(user_id, address, by=0), _Counter(f"{kind}:{actor.id}", 1, 1)])
    if max(guesses) >= WRONG_SECRETS_PER_MINUTE:
        raise TooManyRequests(_MINUTE)
    if settings.API_REQUESTS_PER_SECOND and requests > settings.API_REQUESTS_PER_SECOND:
        raise TooManyRequests(1)


def admit_visitor(address: str | None) -> None:
    """Count a request for a token. Raises TooManyRequests once this address had its share of the minute."""
    (requests,) = _count([_Counter(f"token:{_line_of(address)}", _MINUTE, 1)])
    if requests > TOKENS_PER_ADDRESS:
        raise TooManyRequests(_MINUTE)


def admit_visitor_of(application_id: uuid.UUID) -> None:
    """Count it for its application too: apart, so that what one address sends in vain uses up nobody else's share."""
    (requests,) = _count([_Counter(f"tokens:{application_id}", _MINUTE, 1)])
    if requests > TOKENS_PER_APPLICATION:
        raise TooManyRequests(_MINUTE)


def admit_number(number: Secret, *, application_id: uuid.UUID, bank: str) -> None:
    """Count a card or account number that a visitor enters. Raises TooManyRequests once an hour had its share of those
    of one `bank` (a card's first six digits) with the same last four.

    Whoever knows these and the fingerprint could otherwise try what lies between. The same number again tells nothing
    new, and is not counted. Neither counter's name shows any of the digits.
    """
    alike, itself = (
        keyed_hash(settings.VAULT_INDEX_KEY, f"{application_id}:{kind}:{bank}:{digits}").hex()[:32]
        for kind, digits in (("alike", number.reveal()[-4:]), ("number", number.reveal()))
    )
    (before,) = _count([_Counter(f"number:{itself}", _HOUR, 0)])
    if before:
        return
    (different,) = _count([_Counter(f"alike:{alike}", _HOUR, 1)])
    if different > ALIKE_PER_HOUR:
        raise TooManyRequests(_HOUR)
    _count([_Counter(f"number:{itself}", _HOUR, 1)])


def admit_stranger(what: str, address: str | None, *, per_minute: int) -> None:
    """Count what somebody without an account does. Raises TooManyRequests once this address had its share of it."""
    (count,) = _count([_Counter(f"{what}:{_line_of(address)}", _MINUTE, 1)])
    if count > per_minute:
        raise TooManyRequests(_MINUTE)


def _line_of(address: str | None) -> str | None:
    """Whom an address stands for: of IPv6 the first half, since whoever has one address has all that share it."""
    if address is None or ":" not in address:
        return address
    told = ipaddress.IPv6Address(address.partition("%")[0])
    return str(told.ipv4_mapped or ipaddress.ip_network((told, 64), strict=False))


def _guesses(user_id: str, address: str | None, *, by: int) -> list[_Counter]:
    who, line = hashlib.sha256(user_id.encode()).hexdigest()[:24], _line_of(address)
    return [_Counter(f"guess:{who}:{line}", _MINUTE, by), _Counter(f"guess:{line}", _MINUTE, by)]


def _count(counters: list[_Counter]) -> list[int]:
    now = time.time()
    arguments = [value for counter in counters for value in (counter.by, counter.window_seconds + 1)]
    try:
        counts: list[int] = _script()(keys=[counter.key(now) for counter in counters], args=arguments)
    except redis.RedisError as error:
        logger.warning("limits_without_valkey", extra={"error": type(error).__name__})
        return _count_in_database({counter.key(now): counter.by for counter in counters})
    return counts


@lru_cache(maxsize=1)
def _script() -> Any:
    client = redis.Redis.from_url(
        settings.CACHES["default"]["LOCATION"], socket_connect_timeout=0.2, socket_timeout=0.5
    )
    return client.register_script(_COUNT)


def _count_in_database(steps: dict[str, int]) -> list[int]:
    """One statement for all counters, as the script is: it locks their rows in one order, and nobody comes between."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO api_limit (name, count) SELECT * FROM unnest(%s::text[], %s::int[])"
            " ON CONFLICT (name) DO UPDATE SET count = api_limit.count + excluded.count RETURNING name, count",
            [list(steps), list(steps.values())],
        )
        counts = dict(cursor.fetchall())
    return [counts[name] for name in steps]
