"""Wrong secrets and too many requests: counted by Valkey, by PostgreSQL while it is away, and atomically by both."""

import base64
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connection, connections
from pytest_django import DjangoDbBlocker, Settings

from api import limits
from api.errors import TooManyRequests
from api.models import Limit
from events.models import Audit
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.api.conftest import Tenant, errors_of, send
from tests.conftest import ApiClient

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WRONG = "wrong"
NOWHERE = "unix:///nonexistent/valkey.sock?db=0"


@pytest.fixture(params=["valkey", "postgresql"])
def counter(request: pytest.FixtureRequest, settings: Settings) -> Iterator[str]:
    """Either store of the counters, at a minute that stands still."""
    if request.param == "postgresql":
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": NOWHERE}}
    limits._script.cache_clear()
    with time_machine.travel(NOON, tick=False):
        yield request.param
    limits._script.cache_clear()


def with_secret(user_id: str, secret: str = WRONG) -> ApiClient:
    client = ApiClient()
    client.headers["Authorization"] = "Basic " + base64.b64encode(f"{user_id}:{secret}".encode()).decode()
    return client


def ask(client: ApiClient, *, address: str = "192.0.2.1") -> Any:
    return send(client, "GET", "/identities", REMOTE_ADDR=address)


def test_eleventh_wrong_secret_of_a_minute_is_429(own: Tenant, counter: str) -> None:
    guesser = with_secret(own.partner.user.public_id)

    answers = [ask(guesser) for _ in range(12)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    error = {"code": "TOO_MANY_REQUESTS", "message": "Too many requests; try again later."}
    assert (errors_of(answers[-1]), answers[-1]["Retry-After"]) == ([error], "60")
    assert Limit.objects.exists() == (counter == "postgresql")


def test_right_secret_counts_as_the_guessers_where_the_guesses_came_from(own: Tenant, counter: str) -> None:
    guesser, holder = with_secret(own.partner.user.public_id), ApiClient(own.partner)
    for _ in range(10):
        ask(guesser)

    assert ask(holder).status_code == 429
    assert ask(holder, address="192.0.2.2").status_code == 200


def test_next_minute_begins_at_nought(own: Tenant, counter: str) -> None:
    guesser = with_secret(own.partner.user.public_id)
    for _ in range(11):
        ask(guesser)

    with time_machine.travel(NOON + timedelta(seconds=60), tick=False):
        assert ask(guesser).status_code == 401
        assert ask(ApiClient(own.partner)).status_code == 200


def test_spray_over_many_ids_is_counted_by_address(own: Tenant, counter: str) -> None:
    answers = [ask(with_secret(f"US{number}")) for number in range(12)]

    assert [answer.status_code for answer in answers] == [401] * 10 + [429] * 2
    assert ask(with_secret("US99"), address="192.0.2.2").status_code == 401


def test_guesses_from_many_addresses_do_not_lock_out_the_right_holder(own: Tenant, counter: str) -> None:
    guesser = with_secret(own.partner.user.public_id)

    answers = [ask(guesser, address=f"198.51.100.{number}") for number in range(30)]

    assert {answer.status_code for answer in answers} == {401}
    assert ask(ApiClient(own.partner)).status_code == 200


def test_reads_and_writes_are_counted_apart(own: Tenant, counter: str, settings: Settings) -> None:
    settings.API_REQUESTS_PER_SECOND = 2
    holder, other = ApiClient(own.partner), ApiClient(own.merchant)

    reads = [ask(holder) for _ in range(3)]
    writes = [holder.post("/identities", {"entity": {}}) for _ in range(3)]

    assert [answer.status_code for answer in reads] == [200, 200, 429]
    assert [answer.status_code for answer in writes] == [201, 201, 429]
    assert writes[-1]["Retry-After"] == "1"
    assert ask(other).status_code == 200
    with time_machine.travel(NOON + timedelta(seconds=1), tick=False):
        assert ask(holder).status_code == 200


def test_no_limit_of_requests_where_the_setting_is_nought(own: Tenant, counter: str, settings: Settings) -> None:
    settings.API_REQUESTS_PER_SECOND = 0

    assert {ask(ApiClient(own.partner)).status_code for _ in range(5)} == {200}


@pytest.mark.parametrize("kind", ["unknown", "wrong", "disabled", "malformed", "other prefix", "application off"])
def test_every_refusal_looks_alike_and_is_audited(own: Tenant, kind: str) -> None:
    user, secret = own.partner.user, own.partner.secret.reveal()
    if kind == "disabled":
        type(user).objects.filter(pk=user.pk).update(enabled=False)
    if kind == "application off":
        with transaction(by=system()):
            type(own.application).objects.filter(pk=own.application.pk).update(enabled=False)
    user_id = {"unknown": "US" + "2" * 21, "malformed": "nonsense", "other prefix": "ID" + user.public_id[2:]}.get(
        kind, user.public_id
    )

    answer = ask(with_secret(user_id, "wrong" if kind == "wrong" else secret))

    assert (answer.status_code, errors_of(answer)) == (401, [{"code": "UNKNOWN", "message": "Unauthorized"}])
    with transaction(by=system()):
        row = Audit.objects.get(action="log_in")
    assert (row.result, row.reason) == ("DENIED", "wrong API credentials")
    assert (row.author_kind, row.author_name, row.address) == ("STRANGER", user_id, "192.0.2.1")


@pytest.mark.parametrize("secret", ["", ":", "a:b", "x" * 5000, "ß", "�"])
def test_secret_of_any_shape_is_only_wrong(own: Tenant, secret: str) -> None:
    assert ask(with_secret(own.partner.user.public_id, secret)).status_code == 401


@pytest.mark.parametrize("user_id", ["", "US\x00", "US" + "2" * 5000, "ß" * 100, "' OR 1=1 --"])
def test_user_id_of_any_shape_is_only_unknown(own: Tenant, user_id: str) -> None:
    assert ask(with_secret(user_id, own.partner.secret.reveal())).status_code == 401


@pytest.mark.usefixtures("django_db_setup")
def test_guesses_at_one_time_get_no_more_answers_than_in_turn(counter: str, django_db_blocker: DjangoDbBlocker) -> None:
    """On connections of their own, which commit: the counters of PostgreSQL are rows."""

    def guess(_: int) -> str:
        try:
            limits.admit_wrong_secret("US-parallel", "203.0.113.9")
        except TooManyRequests:
            return "429"
        finally:
            connections.close_all()
        return "401"

    with django_db_blocker.unblock():
        with ThreadPoolExecutor(16) as threads:
            answers = Counter(threads.map(guess, range(60)))
        Limit.objects.all().delete()
        connection.close()

    assert answers == {"401": 10, "429": 50}
