"""Updates of one identity at once, over real connections: nothing is lost, and its history has no gaps."""

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from onboarding.models import Identity
from tests.calls import HttpClient
from tests.factories.onboarding import BUYER
from tests.stack import Stack

pytestmark = pytest.mark.stack

MEMBERS = ["title", "first_name", "last_name", "business_name", "doing_business_as", "short_business_name"]


def sequences(stack: Stack, public_id: str) -> list[int]:
    with psycopg.connect(stack.owner_url) as owner:
        query = "SELECT sequence FROM event WHERE resource_id = %s ORDER BY sequence"
        return [number for (number,) in owner.execute(query, [Identity.parse_id(public_id)]).fetchall()]


@pytest.mark.parametrize("round_number", range(3))
def test_updates_at_once_lose_nothing(stack: Stack, round_number: int) -> None:
    client = HttpClient(stack, "PARTNER")
    public_id = client.call("POST", "/identities", {"entity": BUYER}).json()["id"]
    path = f"/identities/{public_id}"

    def update(name: str) -> int:
        return client.call("PUT", path, {"entity": {name: f"{name} {round_number}"}}).status

    with ThreadPoolExecutor(len(MEMBERS)) as pool:
        statuses = list(pool.map(update, MEMBERS))

    assert set(statuses) == {200}
    entity = client.call("GET", path).json()["entity"]
    assert {name: entity[name] for name in MEMBERS} == {name: f"{name} {round_number}" for name in MEMBERS}
    assert sequences(stack, public_id) == [*range(1, len(MEMBERS) + 2)]


def test_the_same_change_many_times_is_one_event(stack: Stack) -> None:
    client = HttpClient(stack, "PARTNER")
    public_id = client.call("POST", "/identities", {"entity": BUYER}).json()["id"]

    def update(_: int) -> int:
        return client.call("PUT", f"/identities/{public_id}", {"tags": {"plan": "gold"}}).status

    with ThreadPoolExecutor(6) as pool:
        statuses = set(pool.map(update, range(6)))

    assert (statuses, sequences(stack, public_id)) == ({200}, [1, 2])
