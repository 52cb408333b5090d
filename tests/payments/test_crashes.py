"""Web processes that are killed at each point of a sale: nothing is charged twice, nothing is lost.

The client repeats its request under the same key until it is told; the worker finds out what nobody else will.
"""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import pytest

from config.embedded.processes import wait_until
from config.embedded.services import manage
from tests.calls import Answer
from tests.payments.stack_shop import NO_LIMIT, PATIENCE, StackShop, answer_or_none, open_shop, until_told
from tests.stack import IS_LONG, Stack

pytestmark = pytest.mark.stack

KILLS = 10 if IS_LONG else 3
DECLINED = 102
POINTS = {
    "claiming": "before the claim is committed",
    "claimed": "before the act is sent",
    "executing": "while the provider carries it out",
    "answered": "when the answer has arrived",
    "concluding": "before the verdict is committed",
    "concluded": "before the client is answered",
}


@dataclass(frozen=True)
class Sale:
    """What the client knows of a sale whose answer it never got."""

    point: str
    key: str
    amount: int
    is_by_header: bool


@pytest.fixture(scope="module")
def shop(stack: Stack) -> StackShop:
    return open_shop(stack)


@pytest.fixture(scope="module")
def cut_off(stack: Stack, shop: StackShop) -> list[Sale]:
    """Sales at which a process died, as many at each point."""
    return [sale for point in POINTS for sale in _killed_at(point, stack, shop)]


@pytest.fixture(scope="module")
def told(shop: StackShop, stack: Stack, cut_off: list[Sale]) -> Iterator[dict[Sale, Answer]]:
    """What a patient client was told of each, by a server that lives; the worker is killed meanwhile too."""
    with stack.another_web("told", **NO_LIMIT) as url, ThreadPoolExecutor(len(cut_off)) as pool:
        asked = {sale: pool.submit(until_told, partial(_send, shop, url, sale)) for sale in cut_off}
        stack.restart_worker()
        yield {sale: answer.result() for sale, answer in asked.items()}


def test_every_client_is_told_in_the_end(told: dict[Sale, Answer], cut_off: list[Sale]) -> None:
    assert len(told) == len(cut_off) == KILLS * len(POINTS)
    for sale, answer in told.items():
        assert answer.status == (402 if sale.amount == DECLINED else 201), (sale, answer.text)
        if sale.amount == DECLINED:
            assert answer.json()["_embedded"]["errors"][0]["failure_code"] == "GENERIC_DECLINE"
        else:
            assert (answer.json()["state"], answer.json()["amount"]) == ("SUCCEEDED", sale.amount)


def test_only_what_left_nothing_behind_is_done_anew(told: dict[Sale, Answer]) -> None:
    anew = {sale.point for sale, answer in told.items() if "Idempotent-Replayed" not in answer.headers}

    assert anew == {"claiming"}


def test_nothing_is_charged_twice_and_nothing_is_lost(shop: StackShop, told: dict[Sale, Answer]) -> None:
    declined = sum(sale.amount == DECLINED for sale in told)
    charged = sum(sale.amount for sale in told if sale.amount != DECLINED)

    assert shop.rows("sandbox_transfer") == shop.rows("transfer") == len(told)
    assert shop.sum("sandbox_transfer") == shop.sum("transfer") == charged
    assert shop.rows("ledger_journal") == len(told) - declined
    assert shop.rows("sandbox_call", "operation = 'sell'") == len(told)


def test_every_transfer_is_the_providers(shop: StackShop, told: dict[Sale, Answer]) -> None:
    differing = (
        "SELECT count(*) FROM transfer FULL JOIN sandbox_transfer USING (application_id, id) WHERE application_id = {}"
        " AND (transfer.state, transfer.amount) IS DISTINCT FROM (sandbox_transfer.state, sandbox_transfer.amount)"
    )
    assert (shop.rows("transfer"), shop.count(differing)) == (len(told), 0)


def test_nothing_is_left_open(shop: StackShop, told: dict[Sale, Answer]) -> None:
    assert wait_until(lambda: shop.rows("attempt", "decided_at IS NULL") == 0, PATIENCE)
    assert shop.rows("attempt", "operation = 'sale'") == len(told)
    jobs = (
        "SELECT count(*) FROM job WHERE kind = 'providers.resolve' AND arguments ->> 'application_id' = {}"
        " AND finished_at IS NULL"
    )
    assert wait_until(lambda: shop.count(jobs) == 0, PATIENCE)


def test_ledger_is_whole(stack: Stack, told: dict[Sale, Answer]) -> None:
    del told
    manage(stack.environment, stack.root, "check_ledger")


def test_answers_are_told_alike_from_then_on(stack: Stack, shop: StackShop, told: dict[Sale, Answer]) -> None:
    for sale, answer in told.items():
        again, once_more = (_send(shop, stack.url, sale) for _ in range(2))
        assert (again.status, again.headers.get("Idempotent-Replayed")) == (answer.status, "true")
        assert again.text == once_more.text
        if answer.status != 201:  # links of a document tell the address that was asked
            assert again.text == answer.text


def test_sale_whose_wake_up_is_lost_is_found_by_the_sweep(stack: Stack) -> None:
    """Neither the process that sold nor the broker lives to tell the worker, and no client asks again."""
    shop = open_shop(stack)
    open_before = shop.rows("attempt", "decided_at IS NULL")
    no_broker = {"CELERY_BROKER_URL": "redis+socket:///nonexistent?virtual_host=0"}
    with stack.another_web("no_broker", CRASH_POINT="answered", **NO_LIMIT, **no_broker) as url:
        assert answer_or_none(lambda: shop.client(url).call("POST", "/transfers", shop.sale(9100))) is None
    assert shop.rows("attempt", "decided_at IS NULL") == open_before + 1

    assert wait_until(lambda: shop.rows("transfer", "amount = 9100 AND state = 'SUCCEEDED'") == 1, PATIENCE)
    assert shop.rows("sandbox_transfer", "amount = 9100") == 1


def _killed_at(point: str, stack: Stack, shop: StackShop) -> list[Sale]:
    offset = 100 * list(POINTS).index(point)
    amounts = [5000 + offset + number for number in range(KILLS - 1)] + [DECLINED]
    sales = [Sale(point, uuid.uuid4().hex, amount, number % 2 == 1) for number, amount in enumerate(amounts)]
    with stack.another_web(point, CRASH_POINT=point, **NO_LIMIT) as url:
        for sale in sales:
            assert answer_or_none(partial(_send, shop, url, sale)) is None, f"nobody was killed {POINTS[point]}"
    return sales


def _send(shop: StackShop, url: str, sale: Sale) -> Answer:
    client = shop.client(url, key=sale.key if sale.is_by_header else None)
    return client.call("POST", "/transfers", shop.sale(sale.amount, None if sale.is_by_header else sale.key))
