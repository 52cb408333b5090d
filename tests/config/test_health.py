"""Health while database or cache are away: told without detail, and over as soon as they are back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import connections

from config.embedded.processes import wait_until
from tests.calls import HttpClient
from tests.conftest import ApiClient
from tests.stack import Stack

NOT_READY = {"status": "not ready"}


@contextmanager
def database_away() -> Iterator[None]:
    settings_dict = connections["default"].settings_dict
    before = settings_dict["HOST"]
    connections["default"].close()
    settings_dict["HOST"] = "/nonexistent"
    try:
        yield
    finally:
        connections["default"].close()
        settings_dict["HOST"] = before


@pytest.mark.usefixtures("own_database")
def test_ready_follows_the_database(anonymous: ApiClient) -> None:
    before = anonymous.get("/readyz")
    with database_away():
        away, alive, call = anonymous.get("/readyz"), anonymous.get("/healthz"), anonymous.get("/identities")
    after = anonymous.get("/readyz/")

    assert (before.status_code, before.json()) == (after.status_code, after.json()) == (200, {"status": "ready"})
    assert (away.status_code, away.json(), away["Retry-After"]) == (503, NOT_READY, "1")
    assert (alive.status_code, alive.json()) == (200, {"status": "alive"})
    assert call.status_code == 401  # a stranger is refused before anything is asked


@pytest.mark.django_db
def test_ready_follows_the_cache(anonymous: ApiClient, settings: Any) -> None:
    here = settings.CACHES
    settings.CACHES = {"default": here["default"] | {"LOCATION": "unix:///nonexistent?db=1"}}
    away = anonymous.get("/readyz")
    settings.CACHES = here
    after = anonymous.get("/readyz")

    assert (away.status_code, away.json(), away["Retry-After"]) == (503, NOT_READY, "1")
    assert after.status_code == 200


class Operator:
    """Closes the database as its owner, and cuts the app role's connections as the app role."""

    def __init__(self, stack: Stack) -> None:
        self.name = psycopg.conninfo.conninfo_to_dict(stack.app_url)["dbname"]
        self.owner = psycopg.connect(stack.owner_url, dbname="postgres", autocommit=True)
        self.app_role = psycopg.connect(stack.app_url, dbname="postgres", autocommit=True)

    def cut_connections(self) -> int:
        cut = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = %s AND usename = user"
        found = self.app_role.execute(cut, [self.name]).fetchone()
        return int(found[0]) if found else 0

    @contextmanager
    def closed_database(self) -> Iterator[None]:
        self.owner.execute(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS false')
        try:
            self.cut_connections()
            yield
        finally:
            self.owner.execute(f'ALTER DATABASE "{self.name}" ALLOW_CONNECTIONS true')


@pytest.fixture
def operator(stack: Stack) -> Iterator[Operator]:
    operator = Operator(stack)
    yield operator
    operator.owner.close()
    operator.app_role.close()


@pytest.mark.stack
def test_connections_that_were_cut_are_replaced_unseen(stack: Stack, operator: Operator) -> None:
    client = HttpClient(stack, "PARTNER")
    client.call("GET", "/identities")

    assert operator.cut_connections() > 0

    assert {client.call("GET", "/identities").status for _ in range(20)} == {200}


@pytest.mark.stack
def test_database_that_is_away_is_503_and_needs_no_restart(stack: Stack, operator: Operator) -> None:
    client = HttpClient(stack, "PARTNER")
    with operator.closed_database():
        ready, call = client.call("GET", "/readyz"), client.call("GET", "/identities")
        alive = client.call("GET", "/healthz")

    assert (ready.status, ready.json()) == (503, NOT_READY)
    assert alive.status == 200
    (error,) = call.json()["_embedded"]["errors"]
    assert (call.status, error["code"], call.headers["Retry-After"]) == (503, "SERVICE_UNAVAILABLE", "1")
    assert wait_until(lambda: client.call("GET", "/identities").status == 200, 10)
    assert client.call("GET", "/readyz").status == 200
