"""The demo's settlements: weeks of them paid, one rejected, one that came back, and the last ones still to decide."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from onboarding.demo import Plan
from onboarding.demo.making import add_instrument, settle, then
from onboarding.models import ReviewItem
from onboarding.services import review
from payments.demo.bank_debits import CAFES_OWNER
from payments.demo.sales import BATCHES_OWNER, DAYS, sellers_of
from payments.demo.till import Step, Till
from payments.models import Settlement, SettlementSchedule, Transfer
from payments.services.accrual import accrue_all
from payments.services.settlements import close_due
from providers import feeds
from providers.sandbox.scenarios import RETURN_BANK, RETURNS
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import transaction

WHY_REJECTED = (
    "Some of these sales look like tests. They come with the next settlement once the shop has explained them."
)

RETURNED_FOR = "R03"
MOVED = {"account": "moved"}
"""By these tags the account is found again whose bank sends a deposit back."""

_TAKEN_AT = (timedelta(days=-4), timedelta(hours=-1))
"""How long before it closes money is taken in."""
_DECIDED_AFTER = timedelta(hours=9)
_PAID_AFTER = (timedelta(minutes=1), timedelta(hours=2))
_MONDAY = 1
_MOVED_BEFORE = timedelta(minutes=30)


@dataclass(frozen=True)
class Accrual:
    """What is ready by then is heard of, and taken in."""

    made_at: datetime

    def make(self, till: Till) -> None:
        with then(self.made_at):
            for application in till.made.applications:
                feeds.hear(application.pk, Processor.Name.DUMMY_V1)
            accrue_all(by=system("Demo"), at=self.made_at)


@dataclass(frozen=True)
class Closing:
    """What is due is closed."""

    made_at: datetime

    def make(self, till: Till) -> None:
        del till
        with then(self.made_at):
            close_due(by=system("Demo"), at=self.made_at)


@dataclass(frozen=True)
class Decisions:
    """Everything that waits is decided and paid; where one is to be rejected, the smallest."""

    made_at: datetime
    rejects_one: bool

    def make(self, till: Till) -> None:
        del till
        by = system("Demo")
        with transaction(by=by):
            waiting = Settlement.objects.visible_to(by).filter(
                status=Settlement.Status.AWAITING_APPROVAL, closed_at__lte=self.made_at
            )
            found = list(waiting.order_by("net_amount", "created_at"))
            keys = [settlement.pk for settlement in found]
            items = ReviewItem.objects.visible_to(by).select_related("application").filter(entity_id__in=keys)
            by_entity = {item.entity_id: item for item in items}
            has_rejected = Settlement.objects.visible_to(by).filter(status=Settlement.Status.CANCELLED).exists()
        smallest = next((settlement.pk for settlement in found if settlement.net_amount > 0), None)
        for key in keys:
            rejects = self.rejects_one and key == smallest and not has_rejected
            with then(self.made_at):
                review(
                    item=by_entity[key],
                    outcome=ReviewItem.Outcome.REJECTED if rejects else ReviewItem.Outcome.ACCEPTED,
                    reason=WHY_REJECTED if rejects else "",
                    by=by,
                    at=self.made_at,
                )
        with transaction(by=by):
            deposits = Transfer.objects.visible_to(by).filter(
                subtype__in=Transfer.DEPOSITS, state="PENDING", created_at__lte=self.made_at
            )
            pending = list(deposits.values_list("pk", flat=True))
        for key in pending:
            for wait in _PAID_AFTER:
                settle(resource_id=key, at=self.made_at + wait, by=by)


@dataclass(frozen=True)
class Move:
    """The café with the most to get tells of another account, which its bank has closed: the deposit comes back."""

    below: Plan
    made_at: datetime

    def make(self, till: Till) -> None:
        cafes = {till.made.identities[business.key].pk: business for business in sellers_of(self.below, CAFES_OWNER)}
        if any(kept.tags == MOVED for key in cafes for kept in till.made.instruments[key]):
            return
        by = system("Demo")
        with transaction(by=by):
            gathering = Settlement.objects.visible_to(by).filter(
                status=Settlement.Status.PENDING, identity_id__in=cafes, created_at__lte=self.made_at
            )
            most = gathering.order_by("-net_amount").first()
        if most is None:
            return
        cafe = till.made.identities[cafes[most.identity_id].key]
        number = next(number for number, code in RETURNS.items() if code == RETURNED_FOR)
        told = {
            "type": "BANK_ACCOUNT",
            "name": cafe.display_name[:40],
            "account_type": "BUSINESS_CHECKING",
            "account_number": number,
            "bank_code": RETURN_BANK,
            "country": "USA",
            "currency": "USD",
            "tags": MOVED,
        }
        add_instrument(cafe, told, self.made_at, till.made, by)


def draw(below: Plan) -> Iterator[Step]:
    """Weeks of closings, the clinics' by the month. The last day's wait for a decision; later sales accrue."""
    closings = _closings(below.now)
    for moment in closings:
        for before in _TAKEN_AT:
            if moment + before > below.now - timedelta(days=DAYS):
                yield Accrual(moment + before)
        yield Closing(moment)
    decided = closings[:-1]
    weekly = [moment for moment in decided if moment.isoweekday() == _MONDAY]
    for moment in decided:
        yield Decisions(moment + _DECIDED_AFTER, rejects_one=moment in weekly[-2:-1])
    if len(closings) > 1:
        yield Move(below, closings[-2] - _MOVED_BEFORE)
    yield Accrual(below.now)


def ensure_schedules(till: Till) -> None:
    """Every week, and every month at the clinics."""
    frequencies = SettlementSchedule.Frequency
    by = system("Demo")
    with transaction(by=by):
        for owner, application in enumerate(till.made.applications):
            is_monthly = owner == BATCHES_OWNER
            SettlementSchedule.objects.get_or_create(
                application=application,
                merchant=None,
                defaults={"frequency": frequencies.MONTHLY if is_monthly else frequencies.WEEKLY, "day": 1},
            )


def _closings(now: datetime) -> list[datetime]:
    """The midnights at which something closes, oldest first: Mondays, and the first of a month."""
    days = (now.date() - timedelta(days=back) for back in range(DAYS, -1, -1))
    return [datetime.combine(day, time(), tzinfo=now.tzinfo) for day in days if _closes(day)]


def _closes(day: date) -> bool:
    return day.isoweekday() == _MONDAY or day.day == 1
