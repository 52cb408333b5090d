"""The search after the suite finds what is planted: `tests.needles` would say nothing at all if it were blind."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import redis

from tests import needles
from tests.stack import Stack


@contextmanager
def in_a_row(stack: Stack, text: str) -> Iterator[None]:
    with psycopg.connect(stack.owner_url, autocommit=True) as connection:
        connection.execute("INSERT INTO api_limit (name, count) VALUES (%s, 1)", [f"once {text} was here"])
        try:
            yield
        finally:
            connection.execute("DELETE FROM api_limit WHERE name = %s", [f"once {text} was here"])


@contextmanager
def in_the_cache(stack: Stack, text: str) -> Iterator[None]:
    server = redis.Redis.from_url(stack.environment["CACHE_URL"])
    server.hset("planted", "member", text)
    try:
        yield
    finally:
        server.delete("planted")


@contextmanager
def in_a_log(stack: Stack, text: str) -> Iterator[None]:
    log = stack.folder / "planted.log"
    log.write_text(f"the value was {text}, it said\n")
    try:
        yield
    finally:
        log.unlink()


@pytest.mark.parametrize("plant", [in_a_row, in_the_cache, in_a_log])
@pytest.mark.parametrize(
    "disguise",
    [
        str,
        lambda number: " ".join([number[:4], number[4:8], number[8:12], number[12:]]),
        lambda number: number[::-1],
        lambda number: number.encode().hex(),
        lambda number: base64.b64encode(f"number={number}".encode()).decode(),
    ],
    ids=["plain", "grouped", "reversed", "hexadecimal", "base64"],
)
def test_planted_card_number_is_found(
    stack: Stack, plant: Callable[..., object], disguise: Callable[[str], str]
) -> None:
    with plant(stack, disguise("4895142232120006")):  # type: ignore[attr-defined]  # a context manager
        found = needles.findings(stack)

    assert len(found) >= 1
    assert all("card number" in finding for finding in found)
    assert "4895142232120006" not in "".join(found)


@pytest.mark.parametrize("name", ["business_tax_id", "account_number"])
def test_planted_value_of_the_vault_is_found(stack: Stack, name: str) -> None:
    value = next(value for value, what in needles.needles(stack).items() if name in what)

    with in_a_row(stack, value):
        (finding,) = needles.findings(stack)

    assert finding.startswith("table api_limit: ")
    assert name in finding


def test_planted_security_code_is_found(stack: Stack) -> None:
    with in_a_log(stack, '{"security_code": "4321"}'):
        assert needles.findings(stack) == ["log planted.log: a security code"]
