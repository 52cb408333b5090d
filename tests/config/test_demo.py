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
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.models import F
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from config.embedded.settings import read_shell_lines, sandbox_settings
from onboarding.models import Identity
from payments.demo import SALES, WAITING_MINUTES
from payments.models import Authorization, Transfer, TransferBatch
from providers import feeds
from providers.models import Attempt
from tenancy.actors import system
from tenancy.models import Person
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.databases import database_of_its_own, database_url
from tests.plugin import ROOT, valkey_settings

BANK_DEBITS = 12
CAPTURES = 11
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


def counted(model: Any, *members: str, **conditions: Any) -> Counter[Any]:
    by = system("test")
    with transaction(by=by):
        return Counter(model.objects.visible_to(by).filter(**conditions).values_list(*members))


def test_killed_run_is_told_and_completed_and_a_third_has_nothing_to_do(demo: Demo) -> None:
    killed, again, third = demo.runs

    assert (killed.returncode, again.returncode, third.returncode) == (-signal.SIGKILL, 0, 0), again.stderr
    assert "an earlier run was cut off; making the rest" in again.stdout
    assert re.search(rf"3 applications, \d+ identities and {SALES} sales made", again.stdout)
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
    sales = counted(Transfer, "state", "failure_code", type="DEBIT", operation_key=None)
    states = Counter({state: 0 for state, _ in sales})
    for (state, _), count in sales.items():
        states[state] += count

    assert merchants == {
        ("DUMMY_V1", "APPROVED", True): 20,
        ("DUMMY_V1", "APPROVED", False): 1,
        ("DUMMY_V1", "PROVISIONING", False): 4,
        ("DUMMY_V1", "REJECTED", False): 3,
        ("VISA_V1", "APPROVED", True): 3,
    }
    assert verifications == {"SUCCEEDED": 28, "FAILED": 4, "PENDING": 4}
    assert states["PENDING"] == len(WAITING_MINUTES) + 3  # a bank debit, a capture, and one whose answer was lost
    assert 15 < states["FAILED"] < 30
    assert states.total() == SALES + BANK_DEBITS + CAPTURES + 1  # one was paid with the card that takes no refunds
    assert {"INSUFFICIENT_FUNDS", "GENERIC_DECLINE", "INVALID_ACCOUNT_NUMBER"} < {code for _, code in sales}


def test_money_goes_back_and_out(demo: Demo) -> None:
    del demo
    others = {"type__in": ["CREDIT", "REVERSAL"]}

    moved = counted(Transfer, "type", "subtype", "instrument_type", "state", "failure_code", **others)

    deposits = Counter({key: count for key, count in moved.items() if key[1] == "SETTLEMENT_MERCHANT"})
    assert moved - deposits == {
        ("REVERSAL", "API", "PAYMENT_CARD", "SUCCEEDED", None): 17,
        ("REVERSAL", "API", "PAYMENT_CARD", "FAILED", "GENERIC_DECLINE"): 1,
        ("REVERSAL", "API", "BANK_ACCOUNT", "SUCCEEDED", None): 1,
        ("REVERSAL", "API", "BANK_ACCOUNT", "PENDING", None): 1,
        ("REVERSAL", "SYSTEM", "BANK_ACCOUNT", "SUCCEEDED", None): 2,  # of a bank debit, and of a deposit
        ("CREDIT", "API", "PAYMENT_CARD", "SUCCEEDED", None): 5,
        ("CREDIT", "API", "PAYMENT_CARD", "FAILED", "EXCEEDS_APPROVAL_LIMIT"): 1,
        ("CREDIT", "API", "PAYMENT_CARD", "PENDING", None): 2,
    }
    assert counted(Transfer, "state", operation_key="PULL_FROM_CARD") == {("SUCCEEDED",): 4, ("PENDING",): 1}
    debits = {"type": "DEBIT", "instrument_type": "BANK_ACCOUNT"}
    assert counted(Transfer, "state", **debits, returned_at=None) == {("SUCCEEDED",): 10, ("PENDING",): 1}
    assert counted(Transfer, "state", **debits, returned_at__isnull=False) == {("SUCCEEDED",): 1}


def test_parts_of_three_sales_were_given_back(demo: Demo) -> None:
    del demo

    refunds = counted(Transfer, "parent_id", type="REVERSAL", subtype="API", state="SUCCEEDED")

    assert sorted(refunds.values()) == [1] * 11 + [2, 2, 3]


def test_holds_are_in_every_situation(demo: Demo) -> None:
    del demo
    now = timezone.now()
    held: dict[str, Any] = {"state": "SUCCEEDED", "void_state": "UNATTEMPTED", "released_at": None, "transfer": None}
    captured: dict[str, Any] = {"transfer__isnull": False}

    assert counted(Authorization, "state") == {("SUCCEEDED",): 23, ("FAILED",): 2}
    assert counted(Authorization, "is_void", **held) == {(False,): 7}
    assert counted(Authorization, "state", **held, expires_at__range=(now, now + timedelta(hours=7))).total() == 2
    assert counted(Authorization, "transfer__state", **captured) == {("SUCCEEDED",): 10, ("PENDING",): 1}
    assert counted(Authorization, "state", capture_amount__lt=F("amount")).total() == 4
    assert counted(Authorization, "void_state", released_at__isnull=False) == {("SUCCEEDED",): 3, ("UNATTEMPTED",): 2}
    assert counted(Authorization, "state", three_d_secure__isnull=False).total() == 7


def test_what_is_old_may_be_settled_from_a_day_in_the_past(demo: Demo) -> None:
    del demo
    now = timezone.now()
    succeeded = {"state": "SUCCEEDED", "ready_to_settle_upon__isnull": False}
    old = {**succeeded, "created_at__lt": now - timedelta(days=6)}

    assert counted(Transfer, "state", **old).total() > 150
    assert counted(Transfer, "state", **old, ready_to_settle_at=None) == {}
    assert counted(Transfer, "state", **succeeded, ready_to_settle_at__gt=now) == {}
    assert counted(Transfer, "state", **succeeded, ready_to_settle_at__lt=F("created_at")) == {}


def test_batches_are_open_and_submitted(demo: Demo) -> None:
    del demo

    batches = counted(TransferBatch, "state")

    assert batches[("OPEN",)] == 1
    assert batches[("SUBMITTED",)] > 20
    assert counted(Transfer, "state", batch__state="OPEN") == {("PENDING",): len(WAITING_MINUTES) + 3}


def test_only_what_is_meant_to_be_open_is_left_to_the_worker(demo: Demo) -> None:
    del demo
    by = system("test")
    with transaction(by=by):
        waiting = list(Attempt.objects.visible_to(by).unresolved())
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM job WHERE finished_at IS NULL AND kind <> %s", [feeds.LISTEN])
            (jobs,) = cursor.fetchone()

    assert Counter((attempt.operation, attempt.state, attempt.code) for attempt in waiting) == {
        ("provisioning", "WAITING", ""): 4,
        ("sale", "WAITING", ""): len(WAITING_MINUTES) + 1,
        ("capture", "WAITING", ""): 1,
        ("refund", "WAITING", ""): 1,
        ("sale", "UNKNOWN", "TIMEOUT"): 1,
        ("push", "UNKNOWN", "TIMEOUT"): 2,
        ("pull", "UNKNOWN", "MALFORMED_ANSWER"): 1,
    }
    assert sum(attempt.next_check_at is None for attempt in waiting) == 2
    assert jobs == len(waiting) - 2


def test_ledger_says_what_the_transfers_say(demo: Demo, capsys: pytest.CaptureFixture[str]) -> None:
    del demo

    call_command("check_ledger")

    assert re.match(r"\d{3} journals with \d{4} postings sum to zero", capsys.readouterr().out)


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
        for table in (
            "application",
            "identity",
            "payment_instrument",
            "merchant",
            "verification",
            "transfer",
            "card_authorization",
        ):
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
