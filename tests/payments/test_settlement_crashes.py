"""Processes and databases that are killed while money is settled: what comes of it is what comes of an undisturbed run.

Compared are statuses, totals, entries, deposits and balances; ids and moments differ. The long form is that of R11.
"""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from signal import SIGKILL
from typing import Any

import psycopg
import pytest
import time_machine
from django.core.management import call_command
from django.db import connection, connections
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from config.embedded.postgres import PostgresServer
from config.embedded.processes import wait_until
from payments.models import SettlementEntry
from payments.services.accrual import accrue_all
from providers.models import Attempt
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.databases import database_url
from tests.factories.payments import make_bank_account
from tests.payments.paydesk import Paydesk
from tests.plugin import ROOT
from tests.providers.scripted import run_due_jobs
from tests.stack import IS_LONG

DAY = timedelta(days=1)
KILLED, DATABASE_AWAY, LIVED = SIGKILL.value, -3, 0
AT_ONCE = 4
SALES = 10_000 if IS_LONG else 120
SECONDS = 0.2 if IS_LONG else 0.03
"""Until the first kill; so much more each time, so that there are some wherever it runs, and work gets done."""
PATIENCE = 120.0


class Mortal:
    """Forks a child for each act, which dies or does not."""

    def __init__(self, addresses: dict[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.payments.dying_settling"],
            cwd=ROOT,
            env=dict(os.environ) | addresses,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def act(self, act: str, *, at_once: int = AT_ONCE, **told: Any) -> int:
        """The signal that ended the child, DATABASE_AWAY, or LIVED."""
        self.begin(act, at_once=at_once, **told)
        return self.end()

    def begin(self, act: str, *, at_once: int = AT_ONCE, **told: Any) -> None:
        assert self.process.stdin
        self.process.stdin.write(json.dumps({"act": act, "at_once": at_once} | told) + "\n")
        self.process.stdin.flush()

    def end(self) -> int:
        assert self.process.stdout
        return int(self.process.stdout.readline())

    def dies(self, act: str, point: str, **told: Any) -> None:
        assert self.act(act, point=point, **told) == KILLED, f"nobody was killed at {point} of {act}"

    def stop(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def mortal(own_database: None) -> Iterator[Mortal]:
    name = connection.settings_dict["NAME"]
    mortal = Mortal({variable: database_url(variable, name) for variable in ("DATABASE_URL", "DATABASE_OWNER_URL")})
    yield mortal
    mortal.stop()


def test_whoever_dies_at_a_point_of_settling_changes_nothing(mortal: Mortal) -> None:
    """Three days in two currencies; what is lacking after the second is carried into the third."""
    expected = _three_days(_desk("Quiet"), lambda _: None)

    points = {"accrue": ["accruing", "accrued", "accrued", "accruing"], "settle": ["closing"], "approve": ["approving"]}

    def disturb(act: str) -> None:
        for point in points[act]:
            mortal.dies(act, point)

    found = _three_days(_desk("Killed"), disturb)

    assert [line[:2] for line in expected["settlements"]] == [
        ("CAD", "APPROVED"), ("CAD", "APPROVED"), ("CAD", "APPROVED"),
        ("USD", "APPROVED"), ("USD", "APPROVED"), ("USD", "APPROVED"),
    ]  # fmt: skip
    assert any("CARRIED" in str(line) for line in expected["settlements"])
    assert found == expected


def test_batches_of_an_accrual_that_were_committed_stay(mortal: Mortal) -> None:
    desk = Paydesk()
    desk.sell_all(*range(1, 11))

    mortal.dies("accrue", "accrued")
    mortal.dies("accrue", "accrued")

    (settlement,) = desk.settlements()
    assert (settlement.entry_count, settlement.total_amount) == (2 * AT_ONCE, sum(range(1, 9)))
    assert (desk.accrue(), desk.accrue()) == (2, 0)
    assert desk.differences() == []


def test_deposits_whose_worker_dies_are_made_once(mortal: Mortal) -> None:
    """Five deposits, and a process that dies at another point of each; the sandbox's transaction is one of them."""
    expected = _five_deposits(Paydesk("Quiet"), lambda: None)

    def disturb() -> None:
        for point in ("claimed", "executing", "answered", "concluding", "concluded"):
            mortal.dies("pay", point)

    desk = Paydesk("Killed")
    found = _five_deposits(desk, disturb)

    assert found == expected
    assert [one[:2] for one in found["deposits"]] == [("SUCCEEDED", 100 + number) for number in range(5)]
    calls = "SELECT count(*) FROM sandbox_call WHERE application_id = %s AND operation = 'fund'"
    assert desk.ask_database(calls, desk.application.pk) == [(5,)]


def test_whoever_approves_many_and_dies_has_approved_the_first_ones(mortal: Mortal) -> None:
    desk = Paydesk()
    for number in range(6):
        desk.closed(100 + number)

    mortal.dies("approve", "approving", spared=3)

    assert [one.status for one in desk.settlements()] == ["APPROVED"] * 3 + ["AWAITING_APPROVAL"] * 3
    assert [one.amount for one in desk.deposits()] == [100, 101, 102]
    assert mortal.act("approve") == LIVED
    _work_it_off()
    assert [(one.state, one.amount) for one in desk.deposits()] == [("SUCCEEDED", 100 + number) for number in range(6)]
    assert (desk.balances(), desk.differences()) == ({}, [])


def test_workers_that_are_killed_again_and_again_settle_it_all_the_same(mortal: Mortal) -> None:
    """At moments that nobody chose; in the long form while they settle 10,000 transfers."""
    expected, _ = _storm(_desk("Quiet"), lambda: LIVED)
    lives = (SECONDS * number for number in count(1))
    dice = random.Random(11)

    def disturb() -> int:
        return mortal.act("everything", at_once=SALES // 40, seconds=next(lives) * (0.5 + dice.random()))

    found, ends = _storm(_desk("Killed"), disturb, least=4)

    assert set(ends) <= {KILLED, LIVED}
    assert ends.count(KILLED) >= 3
    assert found == expected


def test_database_that_is_killed_again_and_again_loses_nothing(django_db_blocker: DjangoDbBlocker) -> None:
    """One of its processes, all of it at once, or told to stop at once; the first time it comes back by itself."""
    with _server_of_its_own(django_db_blocker) as server:
        mortal = Mortal({"DATABASE_URL": server.app_url, "DATABASE_OWNER_URL": server.owner_url})
        try:
            expected, _ = _storm(_desk("Quiet"), lambda: LIVED)
            killers = [_kill_a_process_of, _kill, _stop_at_once]
            dice = random.Random(12)

            def disturb() -> int:
                mortal.begin("everything", at_once=SALES // 40)
                if killers:
                    assert wait_until(lambda: _serves(server) != [], PATIENCE)
                    time.sleep(SECONDS * dice.random())
                    killers.pop(0)(server)
                end = mortal.end()
                _close_connections()
                assert wait_until(lambda: _answers(server), PATIENCE)
                return end

            found, ends = _storm(_desk("Killed"), disturb, least=4)
        finally:
            mortal.stop()
            _close_connections()

    assert set(ends) == {DATABASE_AWAY, LIVED}
    assert found == expected


def _desk(name: str) -> Paydesk:
    """With a bank account in each currency that it sells in."""
    desk = Paydesk(name, default_currencies=["USD", "CAD"])
    make_bank_account(desk.identity, currency="CAD")
    return desk


def _three_days(desk: Paydesk, disturb: Callable[[str], None]) -> dict[str, Any]:
    """What is sold and given back on each day; each act is disturbed before it is done."""
    first = [
        desk.sell(100 * number, number, currency=currency) for number in range(1, 13) for currency in ("USD", "CAD")
    ]
    for day in range(3):
        if day == 1:
            for sale in first:
                desk.give_back(sale, sale.amount // 2 if sale.currency == "CAD" else 1)
        if day:
            for number in range(12):
                desk.sell((500 if day == 2 else 20) + number, currency="USD" if number % 2 else "CAD")
        disturb("accrue")
        accrue_all(by=system("test"), at=timezone.now())
        desk.move_clock((day + 1) * DAY)
        disturb("settle")
        desk.settle()
        disturb("approve")
        for settlement in desk.settlements():
            if settlement.status == "AWAITING_APPROVAL":
                desk.approve(settlement)
        _work_it_off()
    return _summary(desk)


def _five_deposits(desk: Paydesk, disturb: Callable[[], None]) -> dict[str, Any]:
    for number in range(5):
        desk.approve(desk.closed(100 + number))
    disturb()
    _work_it_off()
    return _summary(desk)


def _storm(desk: Paydesk, disturb: Callable[[], int], *, least: int = 1) -> tuple[dict[str, Any], list[int]]:
    """All of it is sold on one day; `disturb` tells how a process ended that tried to settle all, until one lives."""
    desk.sell(100)
    desk.create()  # what is sold from now on accrues in it
    for number in range(1, SALES):
        desk.sell(100 + number % 50, number % 7)
    desk.move_clock(DAY)
    ends: list[int] = []
    while len(ends) < least or ends[-1] != LIVED:
        ends.append(disturb())
    desk.settle()
    for settlement in desk.settlements():
        if settlement.status == "AWAITING_APPROVAL":
            desk.approve(settlement)
    _work_it_off()
    return _summary(desk), ends


def _summary(desk: Paydesk) -> dict[str, Any]:
    """What there is in the end, by what it says instead of by its id."""
    assert desk.differences() == []
    settlements = desk.settlements()
    with transaction(by=system("test")):
        assert not Attempt.objects.unresolved().filter(application=desk.application).exists()
        held = SettlementEntry.objects.held()
        entries = {
            one.pk: sorted(held.filter(settlement=one).values_list("kind", "amount", "fee")) for one in settlements
        }
    return {
        "settlements": sorted(
            (
                one.currency,
                one.status,
                one.entry_count,
                one.total_amount,
                one.total_fee,
                one.funded_amount,
                str(one.flags),
                str(entries[one.pk]),
            )
            for one in settlements
        ),
        "deposits": sorted((one.state, one.amount, one.currency, one.subtype) for one in desk.deposits()),
        "balances": [desk.balances(currency) for currency in ("USD", "CAD")],
    }


def _work_it_off() -> None:
    """The worker comes by once the leases have ended, and twice more."""
    start = timezone.now()
    for seconds in (25, 60, 120):
        with time_machine.travel(start + timedelta(seconds=seconds)):
            run_due_jobs(timezone.now())


@contextmanager
def _server_of_its_own(blocker: DjangoDbBlocker) -> Iterator[PostgresServer]:
    """A PostgreSQL that may be killed, migrated, with both of Django's aliases on it meanwhile."""
    shared = {alias: dict(connections[alias].settings_dict) for alias in connections}
    with tempfile.TemporaryDirectory(prefix="merchantry-killed-") as folder, blocker.unblock():
        server = PostgresServer(Path(folder), log=Path(folder) / "postgres.log")
        server.start()
        try:
            _close_connections()
            for alias in connections:
                connections[alias].settings_dict |= {"HOST": str(server.socket_folder), "NAME": "merchantry"}
            call_command("migrate", database="owner", interactive=False, verbosity=0)
            yield server
        finally:
            _close_connections()
            for alias, before in shared.items():
                connections[alias].settings_dict.update(before)
            server.stop()


def _kill_a_process_of(server: PostgresServer) -> None:
    """One that serves our role: the server ends all others, and recovers by itself."""
    for pid in _serves(server)[:1]:
        os.kill(pid, SIGKILL)


def _serves(server: PostgresServer) -> list[int]:
    """The server's processes for our role, those in a transaction first."""
    ours = "SELECT pid FROM pg_stat_activity WHERE usename = 'merchantry_app' ORDER BY xact_start NULLS LAST"
    with server.connect() as own:
        return [pid for (pid,) in own.execute(ours).fetchall()]


def _kill(server: PostgresServer) -> None:
    _end(server, SIGKILL)


def _stop_at_once(server: PostgresServer) -> None:
    """As `pg_ctl stop -m immediate` does: without a checkpoint."""
    _end(server, signal.SIGQUIT)


def _end(server: PostgresServer, how: signal.Signals) -> None:
    child = server.child
    assert child is not None
    os.kill(child.pid, how)
    assert wait_until(lambda: child.exit_code is not None, PATIENCE)
    child.close()
    server.start()


def _answers(server: PostgresServer) -> bool:
    try:
        server.connect().close()
    except psycopg.OperationalError:
        return False
    return True


def _close_connections() -> None:
    for alias in connections:
        connections[alias].close()
