"""After the suite: what lies in the vault, and what was only passed on, must lie nowhere else.

The needles are every value that the vault of the stack holds, the card numbers that the documents and the sandbox name,
and the secrets that the demo wrote down. They are sought in a dump of every table, in the sessions as they are read, in
the queue and the cache, and in all that the processes logged.
"""

import base64
import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
import redis
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from psycopg import sql

from providers.sandbox import scenarios
from tests.stack import Stack
from vault.keys import KeyRing

CONTRACT = Path(__file__).parent / "contract"
DIGITS_AT_LEAST = 9
"""Shorter ones are found by chance."""

_NUMBER = re.compile(r"[0-9]{9,}")
_BETWEEN_GROUPS = re.compile(r"(?<=[0-9]{4})[ -](?=[0-9]{2,4})")
_A_CARD = re.compile(r"(?<![0-9A-Za-z.])[3-6][0-9]{13,18}(?![0-9A-Za-z])")
# The name is whole, or ends a short one: an id may end in CVV by chance, and a category code stand in the next column.
_A_CODE = re.compile(r"(?<![a-z0-9])[a-z]{0,12}(?:cvv|cvc|csc|security_code)\W{1,6}[0-9]{3,4}\b", re.IGNORECASE)
_NOT_SEARCHED = {"vault_value", "vault_key_check", "django_migrations"}
_ROUTING_NUMBER = "bank_code"  # the documents' sample account has the same number as its bank


def needles(stack: Stack) -> dict[str, str]:
    """What must not be found, by what it is."""
    return {
        **{value: f"{name} of the vault" for name, value in _in_the_vault(stack)},
        **dict.fromkeys(_card_numbers(), "a card number"),
        **{value: name for name, value in stack.credentials.items() if name.endswith(("SECRET", "PASSWORD"))},
    }


def findings(stack: Stack) -> list[str]:
    """Where a needle was found: the place and what it is, never the value."""
    sought = needles(stack)
    assert any("vault" in what for what in sought.values()), "the vault is empty, so nothing would be looked for"
    disguises = {form: what for value, what in sought.items() for form in _disguises(value)}
    found: set[str] = set()
    for place, text in _haystacks(stack):
        numbers = set(_NUMBER.findall(_BETWEEN_GROUPS.sub("", text)))
        numbers |= {number[::-1] for number in numbers}
        found |= {f"{place}: {sought[number]}" for number in numbers & sought.keys()}
        found |= {f"{place}: {what}" for value, what in sought.items() if not value.isdigit() and value in text}
        found |= {f"{place}: {what} in disguise" for form, what in disguises.items() if form in text}
        found |= {f"{place}: a security code" for _ in _A_CODE.findall(text)[:1]}
        found |= {f"{place}: what looks like a card number" for number in _A_CARD.findall(text) if _is_card(number)}
    return sorted(found)


def _in_the_vault(stack: Stack) -> Iterator[tuple[str, str]]:
    ring = KeyRing.parse(stack.environment["VAULT_KEYS"])
    with psycopg.connect(stack.owner_url) as connection:
        rows = connection.execute("SELECT owner_table, owner_id, name, sealed FROM vault_value").fetchall()
    for table, owner, name, sealed in rows:
        value = ring.unseal(bytes(sealed), context=f"{table}:{owner}:{name}")
        if value.isdigit() and len(value) >= DIGITS_AT_LEAST:
            yield f"{table}.{name}", value


def _card_numbers() -> set[str]:
    told = json.loads((CONTRACT / "test_data.json").read_text())
    named = set(re.findall(r"\b[0-9]{13,19}\b", json.dumps(told)))
    return named | {number for table in vars(scenarios).values() if isinstance(table, dict) for number in _keys(table)}


def _keys(table: dict[object, object]) -> Iterator[str]:
    return (key for key in table if isinstance(key, str) and key.isdigit() and len(key) >= 13)


def _disguises(value: str) -> Iterator[str]:
    """In hexadecimal, and in base64 at each of the three places in a group."""
    yield value.encode().hex()
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + value.encode()).decode().rstrip("=")
        yield encoded[(before * 4 + 2) // 3 : -1]


def _haystacks(stack: Stack) -> Iterator[tuple[str, str]]:
    with psycopg.connect(stack.owner_url) as connection:
        for table in _tables(connection):
            yield f"table {table}", _dump(connection, table)
        yield from _sessions(connection)
    yield "queue", "\n".join(_everything_in(redis.Redis.from_url(_address(stack.broker_url))))
    yield "cache", "\n".join(_everything_in(redis.Redis.from_url(stack.environment["CACHE_URL"])))
    for log in sorted(stack.folder.glob("*.log")):
        yield f"log {log.name}", log.read_text(errors="replace")


def _tables(connection: psycopg.Connection) -> list[str]:
    rows = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1").fetchall()
    return [name for (name,) in rows if name not in _NOT_SEARCHED]


def _dump(connection: psycopg.Connection, table: str) -> str:
    columns = connection.execute(
        "SELECT column_name FROM information_schema.columns WHERE table_name = %s AND column_name <> %s",
        [table, _ROUTING_NUMBER],
    ).fetchall()
    listed = sql.SQL(", ").join(sql.Identifier(name) for (name,) in columns)
    copy = sql.SQL("COPY (SELECT {} FROM {}) TO STDOUT").format(listed, sql.Identifier(table))
    with connection.cursor().copy(copy) as rows:
        return b"".join(bytes(part) for part in rows).decode(errors="replace")


def _sessions(connection: psycopg.Connection) -> Iterator[tuple[str, str]]:
    store: SessionBase = SessionStore()
    for (data,) in connection.execute("SELECT session_data FROM django_session").fetchall():
        yield "a session", json.dumps(store.decode(data), default=str)


def _everything_in(server: redis.Redis) -> Iterator[str]:
    readers = {
        b"string": lambda key: [server.get(key)],
        b"list": lambda key: server.lrange(key, 0, -1),
        b"hash": lambda key: [part for pair in server.hgetall(key).items() for part in pair],
        b"set": lambda key: list(server.smembers(key)),
        b"zset": lambda key: server.zrange(key, 0, -1),
    }
    for key in server.scan_iter():
        reader = readers.get(server.type(key), lambda _: [])  # of type "none" is what has expired meanwhile
        values: Iterable[bytes] = reader(key)
        yield from (bytes(value or b"").decode(errors="replace") for value in [key, *values])


def _address(broker: str) -> str:
    """Celery's way to write a socket and its database, as redis-py reads it."""
    return broker.replace("redis+socket://", "unix://").replace("virtual_host=", "db=")


def _is_card(number: str) -> bool:
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return len(number) in {14, 15, 16, 19} and (sum(digits[::2]) + sum(doubled)) % 10 == 0
