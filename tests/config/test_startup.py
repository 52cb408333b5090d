"""What a process refuses before it serves or works, and what it asks again."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.http import HttpResponse
from pytest_django import Settings

import vault.services as vault
from config.startup import refuse_unfit_database, refuse_unsafe
from tests.config.test_health import NOT_READY, database_away
from tests.conftest import ApiClient
from vault.keys import KeyRing

DURABILITY = "DATABASE_URL: synchronous_commit is off; acknowledged payments could be lost."
CELERY = (sys.executable, "-m", "celery", "-A", "config")
LIVE = {
    "ENVIRONMENT": "live",
    "DEBUG": "true",
    "PORTAL_OVER_HTTP": "true",
    "PUBLIC_URL": "http://pay.example",
    "ALLOWED_HOSTS": ".pay.example",
    "EMAIL_URL": "",
}


@pytest.fixture(autouse=True)
def _nothing_asked_yet() -> None:
    refuse_unfit_database.cache_clear()


def run(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def verdict(answer: HttpResponse) -> tuple[int, dict[str, str]]:
    return answer.status_code, answer.json()


@pytest.mark.parametrize(
    "command",
    [
        (sys.executable, "-c", "import config.wsgi"),
        (*CELERY, "worker", "--concurrency", "1"),
        (*CELERY, "beat", "--schedule", "beat"),
    ],
    ids=["web", "worker", "beat"],
)
def test_live_process_with_unsafe_settings_does_not_start(tmp_path: Path, command: tuple[str, ...]) -> None:
    ended = subprocess.run(
        command, env=os.environ | LIVE, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )

    names = ("DEBUG", "PORTAL_OVER_HTTP", "PUBLIC_URL", "ALLOWED_HOSTS", "EMAIL_URL")
    assert ended.returncode == 1
    assert " ".join(f"{name} is not fit for a live installation." for name in names) in ended.stderr


@pytest.mark.django_db
def test_unfit_role_is_refused() -> None:
    run("SET LOCAL synchronous_commit = off")

    with pytest.raises(ImproperlyConfigured) as refusal:
        refuse_unsafe()

    assert str(refusal.value) == DURABILITY


@pytest.mark.django_db
def test_wrong_key_is_never_ready(anonymous: ApiClient, settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    vault.check_keys()
    right = settings.VAULT_KEYS
    settings.VAULT_KEYS = KeyRing(((right.keys[0][0], bytes(32)),))

    answers = [verdict(anonymous.get("/readyz")) for _ in range(2)]

    reason = (
        "VAULT_KEYS: key k1 is missing or not the one that was used here: The key, the place or the value does not fit"
    )
    told = [(one.msg, one.levelno, one.error) for one in caplog.records if one.msg == "unfit_database"]  # type: ignore[attr-defined]
    assert answers == [(503, NOT_READY)] * 2
    assert told == [("unfit_database", logging.ERROR, reason)] * 2


@pytest.mark.usefixtures("own_database")
def test_database_that_was_away_is_judged_once_it_is_back(anonymous: ApiClient) -> None:
    with database_away():
        refuse_unsafe()
        away = verdict(anonymous.get("/readyz"))
    run("SET synchronous_commit = off")
    unfit = verdict(anonymous.get("/readyz"))
    run("SET synchronous_commit = on")
    fit = verdict(anonymous.get("/readyz"))
    run("SET synchronous_commit = off")
    passed_once = verdict(anonymous.get("/readyz"))

    assert (away, unfit) == ((503, NOT_READY), (503, NOT_READY))
    assert fit == passed_once == (200, {"status": "ready"})


@pytest.mark.django_db
def test_worker_asks_before_its_first_task() -> None:
    from jobs.tasks import work

    run("SET LOCAL synchronous_commit = off")
    refused = work.apply()
    run("SET LOCAL synchronous_commit = on")
    done = work.apply()

    assert (refused.state, str(refused.result)) == ("FAILURE", DURABILITY)
    assert done.state == "SUCCESS"


@pytest.mark.django_db
def test_server_that_is_silently_gone_is_noticed() -> None:
    connection.ensure_connection()

    options = connection.connection.info.get_parameters()

    names = ("connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout")
    assert [options[name] for name in names] == ["5", "10", "5", "3", "15000"]


@pytest.mark.django_db
def test_nothing_is_served_before_the_keys_were_found_right(anonymous: ApiClient, settings: Settings) -> None:
    right = settings.VAULT_KEYS
    vault.check_keys()
    settings.VAULT_KEYS = KeyRing(((right.keys[0][0], b"w" * 32),))

    refused = [anonymous.get(path) for path in ("/identities", "/dashboard/identities/", "/healthz")]
    settings.VAULT_KEYS = right
    served = anonymous.get("/identities")

    assert [answer.status_code for answer in refused] == [503, 503, 200]
    (error,) = refused[0].json()["_embedded"]["errors"]
    assert (error["code"], refused[0]["Retry-After"]) == ("SERVICE_UNAVAILABLE", "1")
    assert "The database does not answer." in refused[1].content.decode()
    assert served.status_code == 401
