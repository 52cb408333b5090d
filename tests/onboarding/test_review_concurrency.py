"""Several people deciding on one merchant at once, and web processes that are killed at each point of a decision."""

import uuid
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from config.embedded.processes import wait_until
from onboarding.models import ReviewItem
from tests.calls import Answer, HttpClient
from tests.factories.onboarding import MERCHANT
from tests.payments.stack_shop import NO_LIMIT, PATIENCE, StackShop, answer_or_none, open_shop
from tests.stack import IS_LONG, Stack

pytestmark = pytest.mark.stack

HELD = "000000002"
WHY = "The address belongs to somebody else."
ROUNDS = 10 if IS_LONG else 2
POINTS = ["claiming", "claimed", "executing", "answered", "concluding", "concluded"]


@pytest.fixture(scope="module")
def shop(stack: Stack) -> StackShop:
    return open_shop(stack)


def reviewer(stack: Stack, url: str = "", key: str = "") -> HttpClient:
    client = HttpClient(stack, "ADMIN")
    client.url = url or stack.url
    client.headers |= {"Idempotency-Key": key} if key else {}
    return client


def hold(shop: StackShop) -> str:
    """A merchant that waits; gives the address of its item."""
    partner = shop.client()
    identity = partner.call("POST", "/identities", {"entity": MERCHANT | {"business_tax_id": HELD}}).json()["id"]
    merchant = partner.call("POST", f"/identities/{identity}/merchants", {}).json()["id"]
    answer = reviewer(shop.stack).call("GET", f"/review_queue?entity_id={merchant}")
    (item,) = answer.json()["_embedded"]["review_queue_items"]
    return f"/review_queue/{item['id']}"


def words_heard(shop: StackShop, item: str) -> int:
    """How many words on an item the sandbox has taken."""
    key = ReviewItem.parse_id(item.rpartition("/")[2])
    with psycopg.connect(shop.stack.owner_url, autocommit=True) as owner:
        query = (
            "SELECT count(*) FROM sandbox_call JOIN review_queue_item ON verification_id = resource_id"
            " WHERE operation = 'decide_merchant' AND code = '' AND review_queue_item.id = %s"
        )
        found: Any = owner.execute(query, [key]).fetchone()
        return int(found[0])


def states(stack: Stack, item: str) -> tuple[str, str]:
    """Of the item and of its merchant."""
    found = reviewer(stack).call("GET", item).json()
    merchant = reviewer(stack).call("GET", f"/merchants/{found['entity_id']}").json()
    return found["outcome"], merchant["onboarding_state"]


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_one_of_many_wins(stack: Stack, shop: StackShop, round_number: int) -> None:
    del round_number
    item = hold(shop)
    words = [{"outcome": "ACCEPTED"}, {"outcome": "REJECTED", "reason": WHY}] * 3

    with ThreadPoolExecutor(len(words)) as pool:
        answers = list(pool.map(lambda body: reviewer(stack).call("PUT", item, body), words))

    assert Counter(answer.status for answer in answers) == {200: 1, 422: 5}
    (won,) = [answer.json()["outcome"] for answer in answers if answer.status == 200]
    assert states(stack, item) == (won, "APPROVED" if won == "ACCEPTED" else "REJECTED")
    assert words_heard(shop, item) == 1


def test_same_key_at_once_is_one_word(stack: Stack, shop: StackShop) -> None:
    item, key = hold(shop), uuid.uuid4().hex

    with ThreadPoolExecutor(5) as pool:
        answers = list(
            pool.map(lambda _: reviewer(stack, key=key).call("PUT", item, {"outcome": "ACCEPTED"}), range(5))
        )

    assert {(answer.status, answer.text) for answer in answers} == {(200, answers[0].text)}
    assert answers[0].json()["outcome"] == "ACCEPTED"
    assert words_heard(shop, item) == 1


@pytest.mark.parametrize("point", POINTS)
def test_killed_process_loses_no_word_and_gives_none_twice(stack: Stack, shop: StackShop, point: str) -> None:
    item, key = hold(shop), uuid.uuid4().hex
    body = {"outcome": "REJECTED", "reason": WHY}

    with stack.another_web(f"review-{point}", CRASH_POINT=point, **NO_LIMIT) as url:
        killed: Answer | None = answer_or_none(lambda: reviewer(stack, url, key).call("PUT", item, body))
    assert killed is None

    if point != "claiming":  # there nothing was left behind
        assert wait_until(lambda: states(stack, item) == ("REJECTED", "REJECTED"), PATIENCE)
    again = reviewer(stack, key=key).call("PUT", item, body)
    assert (again.status, again.json()["outcome"], again.json()["reason"]) == (200, "REJECTED", WHY)
    assert states(stack, item) == ("REJECTED", "REJECTED")
    assert words_heard(shop, item) == 1
    assert wait_until(lambda: shop.rows("attempt", "operation = 'decision' AND decided_at IS NULL") == 0, PATIENCE)
