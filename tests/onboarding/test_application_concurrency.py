"""What may happen once, asked for many times at once, over real connections."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.calls import Answer, HttpClient
from tests.stack import Stack

pytestmark = pytest.mark.stack

AT_ONCE = 6
ENTITY = {"first_name": "Olga", "last_name": "Owner", "business_name": "Race Co"}


def all_at_once(client: HttpClient, path: str, body: Any) -> list[Answer]:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(lambda _: client.call("POST", path, body), range(AT_ONCE)))


def refusals(answers: list[Answer]) -> set[tuple[int, str]]:
    refused = [answer for answer in answers if answer.status != 201]
    return {(answer.status, answer.json()["_embedded"]["errors"][0]["message"]) for answer in refused}


@pytest.fixture
def admin(stack: Stack) -> HttpClient:
    return HttpClient(stack, "ADMIN")


def test_user_owns_one_application(admin: HttpClient) -> None:
    owner = admin.call("POST", "/users", {"role": "ROLE_PARTNER"}).json()["id"]

    answers = all_at_once(admin, "/applications", {"user": owner, "entity": ENTITY})

    (made,) = [answer.json() for answer in answers if answer.status == 201]
    assert refusals(answers) == {(422, "This user has an application already.")}
    owned = admin.call("GET", f"/users/{owner}").json()["_links"]["application"]["href"]
    assert owned == made["_links"]["self"]["href"]


def test_processor_is_enabled_once(admin: HttpClient) -> None:
    owner = admin.call("POST", "/users", {"role": "ROLE_PARTNER"}).json()["id"]
    application = admin.call("POST", "/applications", {"user": owner, "entity": ENTITY}).json()["id"]
    path = f"/applications/{application}/processors"

    answers = all_at_once(admin, path, {"type": "DUMMY_V1"})

    assert refusals(answers) == {(422, "The application has this processor already.")}
    assert admin.call("GET", path).json()["page"]["count"] == 1
