"""Planning the demo's payments, and making them in the order in which they happened: batches fill and close by it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.demo import Fate, Made
from onboarding.demo import Plan as Below
from onboarding.demo.making import then
from onboarding.services import update_merchant
from payments.demo import adjustments, bank_debits, holds, refunds, sales, settlements, unresolved, visa_direct
from payments.demo.sales import SALES, Sale
from payments.demo.till import Step, Till, open_till
from providers import feeds
from tenancy.actors import system
from tenancy.models import Processor

_A_DAY = timedelta(days=1)
_BACK = timedelta(seconds=10)
"""Before the end there are two hearings: what the first lets happen, the second tells."""


@dataclass(frozen=True)
class Hearing:
    """What the worker does every few seconds, and the demo once a day: the feeds tell what has happened of itself."""

    made_at: datetime

    def make(self, till: Till) -> None:
        for application in till.made.applications:
            with then(self.made_at):
                feeds.hear(application.pk, Processor.Name.DUMMY_V1)


@dataclass(frozen=True)
class Plan:
    """All payments to come. The steps stand in the order of their moments."""

    sales: list[Sale]
    steps: list[Step]


def plan(below: Below, *, count: int = SALES) -> Plan:
    """Draw the payments, `count` ordinary sales among them; of the others there are always as many."""
    drawn = sales.draw(below, count)
    debits = bank_debits.draw(below)
    steps: list[Step] = [
        *drawn,
        *holds.draw(below),
        *debits.accounts,
        *debits.debits,
        *refunds.draw(below, drawn, debits.debits),
        *visa_direct.draw(below),
        *adjustments.draw(below),
        *_hearings(below.now),
        *settlements.draw(below),
    ]
    return Plan(drawn, sorted(steps, key=lambda step: step.made_at))


def make(planned: Plan, below: Below, made: Made, tell: Callable[[], None]) -> None:
    """Make what is not there yet. `tell` is called once per step. At last some merchants lose the right to sell."""
    till = open_till(below, made)
    bank_debits.ensure_returns(below, till)
    settlements.ensure_schedules(till)
    for step in planned.steps:
        step.make(till)
        tell()
    unresolved.make(below, till)
    _switch_off(below, made)


def _hearings(now: datetime) -> Iterator[Hearing]:
    for day in range(sales.DAYS, 0, -1):
        yield Hearing(now - day * _A_DAY)
    yield Hearing(now - _BACK)
    yield Hearing(now)


def _switch_off(below: Below, made: Made) -> None:
    by, at = system("Demo"), below.now - timedelta(hours=1)
    for business in below.businesses:
        if business.fate == Fate.SWITCHED_OFF:
            update_merchant(merchant=made.merchant_of(business), values={"processing_enabled": False}, by=by, at=at)
