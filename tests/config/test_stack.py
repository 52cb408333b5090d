"""The fixture `stack` itself: what tests of faults may rely on."""

import http.client
import os

import psycopg
import pytest
import redis

from config.embedded.processes import wait_until

pytestmark = pytest.mark.stack


def answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def waiting_consumers(stack) -> int:
    """Clients of this stack's broker that wait for a message: workers that are ready."""
    database = stack.broker_url.rpartition("=")[2]
    with redis.Redis.from_url(stack.environment["CACHE_URL"], decode_responses=True) as client:
        return sum(one["cmd"] == "brpop" and one["db"] == database for one in client.client_list())


def test_it_serves_from_databases_of_its_own(stack):
    with psycopg.connect(stack.app_url) as connection:
        role, database = connection.execute("SELECT current_user, current_database()").fetchone()

    assert answers(stack.port)
    assert (role, database.endswith("_stack")) == ("merchantry_app", True)
    assert stack.broker_url != os.environ["CELERY_BROKER_URL"]
    assert any(name.endswith("_EMAIL") for name in stack.credentials)


def test_web_is_killed_and_comes_back(stack):
    stack.kill_web()
    gone = not answers(stack.port)
    stack.start_web()

    assert gone
    assert answers(stack.port)


def test_worker_is_killed_and_comes_back(stack):
    assert wait_until(lambda: waiting_consumers(stack) == 1, 20)

    stack.kill_worker()
    gone = wait_until(lambda: waiting_consumers(stack) == 0, 5)
    stack.start_worker()

    assert gone
    assert wait_until(lambda: waiting_consumers(stack) == 1, 20)
