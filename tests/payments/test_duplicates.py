"""Duplicates of a request under one key, many at once against real processes: done once, and answered alike."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.calls import Answer
from tests.factories.onboarding import BUYER, MERCHANT
from tests.factories.payments import BANK_ACCOUNT, CARD
from tests.payments.stack_shop import NO_LIMIT, StackShop, open_shop
from tests.stack import IS_LONG, Stack

pytestmark = pytest.mark.stack

DUPLICATES, WIDTH = (1000, 64) if IS_LONG else (200, 32)


@pytest.fixture(scope="module")
def shop(stack: Stack) -> StackShop:
    return open_shop(stack)


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    with stack.another_web("duplicates", **NO_LIMIT) as url:
        yield url


@pytest.mark.parametrize(("amount", "status", "journals"), [(4711, 201, 1), (102, 402, 0)])
def test_duplicates_charge_once(shop: StackShop, url: str, amount: int, status: int, journals: int) -> None:
    """The provider takes its time, so that many arrive meanwhile. A decline is a result, and replayed like one."""
    before = _counts(shop)
    body = shop.sale(amount, uuid.uuid4().hex)
    shop.arrange("LATENCY", "--operation", "sell", "--seconds", "0.5")

    answers = _at_once(DUPLICATES, WIDTH, lambda _: shop.client(url).call("POST", "/transfers", body))

    shop.clear()
    assert {answer.status for answer in answers} == {status}
    assert len({answer.text for answer in answers}) == 1
    assert sum("Idempotent-Replayed" not in answer.headers for answer in answers) == 1
    done = {"sandbox_call": 1, "sandbox_transfer": 1, "transfer": 1, "attempt": 1, "ledger_journal": journals}
    assert {table: count - before[table] for table, count in _counts(shop).items()} == done


def test_duplicates_under_their_keys_do_not_get_mixed_up(shop: StackShop, url: str) -> None:
    keys = {uuid.uuid4().hex: amount for amount in range(2000, 2012)}
    before = _counts(shop)["sandbox_transfer"]

    answers = _at_once(
        len(keys) * 8,
        WIDTH,
        lambda number: shop.client(url, key=list(keys)[number % len(keys)]).call(
            "POST", "/transfers", shop.sale(keys[list(keys)[number % len(keys)]])
        ),
    )

    told = {(answer.json()["amount"], answer.json()["id"]) for answer in answers}
    assert {answer.status for answer in answers} == {201}
    assert sorted(amount for amount, _ in told) == sorted(keys.values())
    assert _counts(shop)["sandbox_transfer"] - before == len(keys)


@pytest.mark.parametrize("what", ["identity", "card", "bank account", "merchant", "user"])
def test_duplicates_of_other_acts_are_done_once(shop: StackShop, url: str, what: str) -> None:
    client, key = shop.client(url), uuid.uuid4().hex
    fresh = client.call("POST", "/identities", {"entity": MERCHANT}).json()["id"]
    path, body, table = {
        "identity": ("/identities", {"entity": BUYER}, "identity"),
        "card": ("/payment_instruments", CARD | {"identity": shop.buyer}, "payment_instrument"),
        "bank account": ("/payment_instruments", BANK_ACCOUNT | {"identity": shop.buyer}, "payment_instrument"),
        "merchant": (f"/identities/{fresh}/merchants", {}, "merchant"),
        "user": (f"/applications/{shop.application}/users", {}, "api_user"),
    }[what]
    before, calls = shop.rows(table), shop.rows("sandbox_call")
    shop.arrange("LATENCY", "--seconds", "0.3")

    answers = _at_once(24, 12, lambda _: shop.client(url, key=key).call("POST", path, body))

    shop.clear()
    assert {answer.status for answer in answers} == {201}, {answer.text for answer in answers}
    assert shop.rows(table) - before == 1
    assert shop.rows("sandbox_call") - calls == (what not in {"identity", "user"})
    told = [answer for answer in answers if "Idempotent-Replayed" in answer.headers]
    (first,) = [answer for answer in answers if answer not in told]
    if what == "user":
        assert first.json()["password"]
        assert {answer.text for answer in told} == {_without_password(first)}
    else:
        assert {answer.text for answer in answers} == {first.text}


def test_duplicates_of_what_is_refused_are_refused(shop: StackShop, url: str) -> None:
    """A refusal by the provider is how the act ended: all are told the same, then and later, and it is asked once."""
    kept, body = shop.rows("payment_instrument"), CARD | {"identity": shop.buyer}
    shop.arrange("REFUSED", "--operation", "tokenise_card")
    client = shop.client(url, key=uuid.uuid4().hex)

    answers = _at_once(48, 16, lambda _: client.call("POST", "/payment_instruments", body))

    shop.clear()
    assert {answer.status for answer in answers} == {402}
    assert len({answer.text for answer in answers}) == 1
    assert shop.rows("payment_instrument") == kept
    again = client.call("POST", "/payment_instruments", body)
    assert (again.status, again.text, "Idempotent-Replayed" in again.headers) == (402, answers[0].text, True)


def test_key_in_two_applications_is_two_acts(stack: Stack, shop: StackShop, url: str) -> None:
    neighbour, key = open_shop(stack), uuid.uuid4().hex
    answers = [one.client(url).call("POST", "/transfers", one.sale(3300, key)) for one in (shop, neighbour)]

    assert [answer.status for answer in answers] == [201, 201]
    assert [answer.json()["application"] for answer in answers] == [shop.application, neighbour.application]
    assert all("Idempotent-Replayed" not in answer.headers for answer in answers)


def _at_once(times: int, width: int, call: Any) -> list[Answer]:
    with ThreadPoolExecutor(width) as pool:
        return list(pool.map(call, range(times)))


def _counts(shop: StackShop) -> dict[str, int]:
    tables = ("sandbox_transfer", "transfer", "ledger_journal")
    acts = {"sandbox_call": "operation = 'sell'", "attempt": "operation = 'sale'"}
    rows = {table: shop.rows(table) for table in tables}
    return rows | {table: shop.rows(table, which) for table, which in acts.items()}


def _without_password(answer: Answer) -> str:
    return answer.text.replace(f'"{answer.json()["password"]}"', "null")
