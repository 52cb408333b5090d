"""Processes that are killed at each point of each act: the provider's word holds, and what was reserved is right.

Nobody asks again; the resolver finds out by itself.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from signal import SIGKILL
from typing import Any

import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from onboarding.services import update_merchant
from payments.models import Authorization, Transfer
from providers.models import Attempt
from tenancy.actors import system
from tests.databases import database_url
from tests.payments.counter import Counter, again, make_counter
from tests.plugin import ROOT
from tests.providers.scripted import run_due_jobs
from tests.stack import IS_LONG

pytestmark = pytest.mark.usefixtures("own_database")

KILLS = 4 if IS_LONG else 1
POINTS = ("claiming", "claimed", "executing", "answered", "concluding", "concluded")
ACTS = ("authorization", "capture", "void", "refund", "push", "pull")
CALLS = {"authorization": "authorise"}
REFUND_DECLINED = "4000000000000135"
AMOUNT = 400

Kill = Callable[..., None]


@dataclass(frozen=True)
class Victim:
    """What is killed, and what it is about."""

    act: str
    point: str
    hold: Authorization
    sale: Transfer


@pytest.fixture(scope="module")
def forker() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Started on the database of a test; it sets Django up once and is then forked."""
    running: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        name = connection.settings_dict["NAME"]
        addresses = {variable: database_url(variable, name) for variable in ("DATABASE_URL", "DATABASE_OWNER_URL")}
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "tests.payments.dying"],
                cwd=ROOT,
                env=dict(os.environ) | addresses,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.communicate()


@pytest.fixture
def counter() -> Counter:
    return make_counter()


@pytest.fixture
def kill(counter: Counter, forker: Callable[[], subprocess.Popen[str]]) -> Iterator[Kill]:
    """Lets a process die at a point of an act."""
    process = forker()
    assert process.stdin
    assert process.stdout

    def at(point: str, act: str, **keys: Any) -> None:
        told = {"point": point, "act": act, "amount": AMOUNT, "merchant": counter.merchant.pk, "card": counter.card.pk}
        told |= {"receiver": counter.receiver.pk} | keys
        process.stdin.write(json.dumps(told, default=str) + "\n")
        process.stdin.flush()
        assert process.stdout.readline() == f"{SIGKILL.value}\n", f"nobody was killed at {point} of {act}"

    yield at
    process.kill()
    process.communicate()


def test_every_act_ends_as_the_provider_says(counter: Counter, kill: Kill) -> None:
    victims = []
    for act in ACTS:
        for point in POINTS:
            for _ in range(KILLS):
                victims.append(victim := Victim(act, point, counter.hold(1000), counter.sell(1000)))
                kill(point, act, authorization=victim.hold.pk, sale=victim.sale.pk)

    _work_it_off()

    for act in ACTS:
        calls = counter.calls(CALLS.get(act, act)) - (len(victims) if act == "authorization" else 0)
        assert (act, calls) == (act, KILLS * (len(POINTS) - 1))  # what was not claimed was not asked for
    assert counter.attempts(state__in=list(Attempt.State.open())) == []
    assert counter.differences() == []
    for victim in victims:
        _assert_reserved(counter, victim)


def _assert_reserved(counter: Counter, victim: Victim) -> None:
    """What the act took of its hold or charge is what it made of it."""
    is_done = victim.point != "claiming"
    held, sale = again(victim.hold), again(victim.sale)
    match victim.act:
        case "capture":
            assert [(one.state, one.amount) for one in counter.captures(held)] == [("SUCCEEDED", AMOUNT)] * is_done
            assert held.capture_amount == (AMOUNT if is_done else None)
        case "void":
            assert (held.is_void, held.voids) == (is_done, int(is_done))
        case "refund":
            assert sale.refunded_amount == AMOUNT * is_done
        case _:
            assert (held.is_held, sale.refunded_amount) == (True, 0)


@pytest.mark.parametrize("point", ["claimed", "executing"])
def test_capture_that_was_never_carried_out_frees_the_hold(counter: Counter, kill: Kill, point: str) -> None:
    """It may not be sent again: its merchant was switched off meanwhile."""
    held = counter.hold(1000)
    kill(point, "capture", authorization=held.pk)
    assert again(held).is_captured
    update_merchant(
        merchant=counter.merchant, values={"processing_enabled": False}, by=system("test"), at=timezone.now()
    )

    _work_it_off()

    held, (capture,) = again(held), counter.captures(held)
    assert (capture.state, capture.failure_code) == ("FAILED", "NOT_SENT")
    assert (held.transfer_id, held.capture_amount, held.is_held) == (None, None, True)
    assert (counter.calls("capture"), counter.differences()) == (0, [])


@pytest.mark.parametrize("point", POINTS)
def test_refund_that_failed_frees_its_part(kill: Kill, point: str) -> None:
    """The card takes none back."""
    other = make_counter("Other", REFUND_DECLINED)
    sale = other.sell(1000)
    kill(point, "refund", sale=sale.pk)
    assert again(sale).refunded_amount == (0 if point in {"claiming", "concluded"} else AMOUNT)

    _work_it_off()

    assert [one.state for one in other.reversals(sale)] == ["FAILED"] * (point != "claiming")
    assert (again(sale).refunded_amount, other.differences()) == (0, [])
    assert other.calls("refund") == (point != "claiming")


@pytest.mark.parametrize("point", POINTS)
def test_capture_that_the_provider_declines_frees_the_hold(counter: Counter, kill: Kill, point: str) -> None:
    held = counter.hold(1000)
    kill(point, "capture", authorization=held.pk, amount=102)

    _work_it_off()

    assert [one.state for one in counter.captures(held)] == ["FAILED"] * (point != "claiming")
    assert (again(held).is_held, counter.differences()) == (True, [])
    assert counter.capture(held).state == "SUCCEEDED"


def _work_it_off() -> None:
    """The worker comes by once the leases have ended, and twice more."""
    start = timezone.now()
    for seconds in (25, 60, 120):
        with time_machine.travel(start + timedelta(seconds=seconds)):
            run_due_jobs(timezone.now())
