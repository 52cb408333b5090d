"""What the portal says when what it stands on is away, over the real processes."""

import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator

import psycopg
import pytest
import redis
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import OperationalError

from portal.errors import is_database_away
from tests.stack import Stack

LOGIN = "/dashboard/account/login/"


class Visitor:
    """A browser without a face: cookies, forms, redirects."""

    def __init__(self, stack: Stack) -> None:
        self.url = stack.url
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))

    def get(self, path: str) -> tuple[int, str]:
        return self._open(urllib.request.Request(self.url + path))

    def sign_in(self, email: str, password: str) -> tuple[int, str]:
        _, page = self.get(LOGIN)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)[1]
        form = {"csrfmiddlewaretoken": token, "login": email, "password": password}
        data = urllib.parse.urlencode(form).encode()
        return self._open(urllib.request.Request(self.url + LOGIN, data, {"Referer": self.url + LOGIN}))

    def _open(self, request: urllib.request.Request) -> tuple[int, str]:
        try:
            with self.opener.open(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()


@pytest.fixture
def ada(stack: Stack) -> Visitor:
    visitor = Visitor(stack)
    credentials = stack.credentials
    status, page = visitor.sign_in(
        credentials["MERCHANTRY_PORTAL_ADMIN_EMAIL"], credentials["MERCHANTRY_PORTAL_ADMIN_PASSWORD"]
    )
    assert (status, "Applications" in page) == (200, True)
    return visitor


@pytest.fixture
def closed_database(stack: Stack) -> Iterator[None]:
    """Nobody is let in to the database, and whoever was in is thrown out."""
    name = urllib.parse.urlsplit(stack.app_url).path.strip("/")
    elsewhere = [url.replace(f"/{name}", "/postgres") for url in (stack.owner_url, stack.app_url)]
    with psycopg.connect(elsewhere[0], autocommit=True) as owner, psycopg.connect(elsewhere[1], autocommit=True) as app:
        owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        app.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
        yield
        owner.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
    stack.wait_until_ready()


def test_database_away_is_a_page_of_its_own(ada: Visitor, closed_database: None) -> None:
    status, page = ada.get("/dashboard/identities/")

    assert (status, "The database does not answer." in page) == (503, True)


def test_sign_in_works_while_valkey_is_stuck(stack: Stack) -> None:
    socket = urllib.parse.urlsplit(stack.environment["CACHE_URL"]).path
    visitor = Visitor(stack)
    stuck = redis.Redis(unix_socket_path=socket)
    stuck.client_pause(4000, all=True)

    status, _ = visitor.sign_in(
        stack.credentials["MERCHANTRY_PORTAL_PARTNER_EMAIL"], stack.credentials["MERCHANTRY_PORTAL_PARTNER_PASSWORD"]
    )

    assert status == 200


def test_interrupted_session_by_a_lost_database_counts_as_that() -> None:
    lost, gone = SessionInterrupted(), SessionInterrupted()
    lost.__context__ = OperationalError()

    assert [is_database_away(error) for error in (lost, gone)] == [True, False]
