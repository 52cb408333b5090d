"""The demo as `make run` makes it: killed half-way, run again, and then looked at through the log-ins that it wrote."""

import base64
import os
import re
import signal
import stat
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from config.embedded.settings import read_shell_lines, sandbox_settings
from onboarding.models import Identity
from payments.demo import SALES, WAITING_MINUTES
from payments.models import Transfer
from providers.models import Attempt
from tenancy.actors import system
from tenancy.models import Person
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.databases import database_of_its_own, database_url
from tests.plugin import ROOT, valkey_settings

LISTS = ("applications", "identities", "payment_instruments", "merchants", "transfers", "users")


@dataclass(frozen=True)
class Demo:
    """A database on which the demo ran three times, and what each run told."""

    credentials: Path
    runs: list[subprocess.CompletedProcess[str]]
    written: list[str]

    def client(self, who: str) -> ApiClient:
        lines = read_shell_lines(self.credentials)
        pair = f"{lines[f'MERCHANTRY_{who}_USERNAME']}:{lines[f'MERCHANTRY_{who}_PASSWORD']}"
        client = ApiClient()
        client.headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return client


@pytest.fixture(scope="module")
def demo(
    template_database: str, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Demo]:
    credentials = tmp_path_factory.mktemp("demo") / "demo-credentials.env"
    with database_of_its_own(template_database, django_db_blocker):
        name = connection.settings_dict["NAME"]
        environment = (
            dict(os.environ)
            | sandbox_settings(8000)
            | valkey_settings(offset=2)
            | {variable: database_url(variable, name) for variable in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        )
        made = Demo(credentials, [], [])
        for crash in ({"CRASH_POINT": "answered"}, {}, {}):
            command = [sys.executable, "manage.py", "demo", "--credentials", str(credentials)]
            made.runs.append(
                subprocess.run(command, env=environment | crash, cwd=ROOT, capture_output=True, text=True, check=False)
            )
            made.written.append(credentials.read_text() if credentials.exists() else "")
        yield made


def counted(model: Any, *members: str) -> Counter[Any]:
    by = system("test")
    with transaction(by=by):
        return Counter(model.objects.visible_to(by).values_list(*members))


def test_killed_run_is_told_and_completed_and_a_third_has_nothing_to_do(demo: Demo) -> None:
    killed, again, third = demo.runs

    assert (killed.returncode, again.returncode, third.returncode) == (-signal.SIGKILL, 0, 0), again.stderr
    assert "an earlier run was cut off; making the rest" in again.stdout
    assert re.search(rf"3 applications, \d+ identities and {SALES} transfers made", again.stdout)
    assert third.stdout == ""
    assert demo.written[0] == ""
    assert demo.written[1] == demo.written[2] != ""
    assert stat.S_IMODE(demo.credentials.stat().st_mode) == 0o600


def test_there_is_something_of_every_state(demo: Demo) -> None:
    del demo
    by = system("test")
    with transaction(by=by), connection.cursor() as cursor:
        cursor.execute("SELECT processor, onboarding_state, processing_enabled FROM merchant")
        merchants = Counter(cursor.fetchall())
        cursor.execute("SELECT state FROM verification")
        verifications = Counter(state for (state,) in cursor.fetchall())
    transfers = counted(Transfer, "state", "failure_code")
    states = Counter({state: 0 for state, _ in transfers})
    for (state, _), count in transfers.items():
        states[state] += count

    assert merchants == {
        ("DUMMY_V1", "APPROVED", True): 20,
        ("DUMMY_V1", "APPROVED", False): 1,
        ("DUMMY_V1", "PROVISIONING", False): 4,
        ("DUMMY_V1", "REJECTED", False): 3,
        ("VISA_V1", "APPROVED", True): 3,
    }
    assert verifications == {"SUCCEEDED": 28, "FAILED": 4, "PENDING": 4}
    assert states["PENDING"] == len(WAITING_MINUTES) + 1
    assert 15 < states["FAILED"] < 30
    assert states.total() == SALES
    assert {"INSUFFICIENT_FUNDS", "GENERIC_DECLINE", "INVALID_ACCOUNT_NUMBER"} < {code for _, code in transfers}


def test_only_what_is_meant_to_be_open_is_left_to_the_worker(demo: Demo) -> None:
    del demo
    by = system("test")
    with transaction(by=by):
        waiting = list(Attempt.objects.visible_to(by).unresolved())
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM job WHERE finished_at IS NULL")
            (jobs,) = cursor.fetchone()

    assert Counter((attempt.operation, attempt.state, attempt.code) for attempt in waiting) == {
        ("provisioning", "WAITING", ""): 4,
        ("sale", "WAITING", ""): len(WAITING_MINUTES),
        ("sale", "UNKNOWN", "TIMEOUT"): 1,
    }
    assert jobs == len(waiting)


def test_ledger_says_what_the_transfers_say(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    del demo

    call_command("check_ledger")

    assert re.match(r"\d{3} journals with \d{3} postings sum to zero", capsys.readouterr().out)


def test_every_list_has_something_for_each_log_in(demo: Demo) -> None:
    lacking = {}
    for who in ("ADMIN", "PARTNER", "PARTNER2"):
        client = demo.client(who)
        for name in LISTS:
            answer = client.get(f"/{name}")
            if answer.status_code != 200 or not answer.json()["_embedded"][name]:
                lacking[who, name] = answer.content

    assert lacking == {}


def test_merchant_of_the_demo_has_many_transfers(demo: Demo) -> None:
    del demo
    person = Person.objects.get(email="june@juniperrye.example")
    by = system("test")
    with transaction(by=by):
        identity = Identity.objects.visible_to(by).get(pk=person.identity_id)
        transfers = Transfer.objects.visible_to(by).filter(merchant_identity=identity).count()

    assert identity.doing_business_as == "Juniper & Rye Bakery"
    assert transfers > 70


def test_nothing_lies_in_the_future(demo: Demo) -> None:
    del demo
    now = timezone.now()
    with transaction(by=system("test")), connection.cursor() as cursor:
        for table in ("application", "identity", "payment_instrument", "merchant", "verification", "transfer"):
            cursor.execute(
                f"SELECT count(*), count(*) FILTER (WHERE created_at > updated_at), max(updated_at) FROM {table}"
            )
            count, backwards, newest = cursor.fetchone()
            assert count > 0, table
            assert backwards == 0, table
            assert newest <= now, table


def test_lost_credentials_are_written_anew(demo: Demo) -> None:
    lines = read_shell_lines(demo.credentials)
    demo.credentials.unlink()
    before = counted(Transfer, "state")

    call_command("demo", credentials=demo.credentials)

    assert read_shell_lines(demo.credentials).keys() == lines.keys()
    assert read_shell_lines(demo.credentials) != lines
    assert demo.client("PARTNER").get("/transfers").status_code == 200
    assert counted(Transfer, "state") == before
