"""When what has accrued closes by itself: each period once, whatever calendars, clocks and workers do."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import partial
from itertools import pairwise

import pytest
from django.utils import timezone

from payments.models import Settlement, SettlementSchedule
from payments.services.schedules import next_close, set_schedule
from resources.errors import FieldError
from tenancy.actors import system
from tests.payments.counter import at_once
from tests.payments.paydesk import Paydesk

START = datetime(2027, 1, 10, 15, 30, tzinfo=UTC)
YEARS = 5
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
Frequency = SettlementSchedule.Frequency


def closings(frequency: str, day: int | None = None) -> list[datetime]:
    """All that there are in five years, with the 29th of February 2028 among them."""
    schedule, found = SettlementSchedule(frequency=frequency, day=day), [START]
    while True:
        following = next_close(schedule, found[-1])
        assert following is not None
        if following >= START.replace(year=START.year + YEARS):
            return found[1:]
        found.append(following)


def test_daily_closes_at_every_midnight() -> None:
    first, leap_days = datetime(2027, 1, 11, tzinfo=UTC), 1

    assert closings("DAILY") == [first + number * DAY for number in range(365 * YEARS + leap_days)]


@pytest.mark.parametrize("weekday", range(1, 8))
def test_weekly_closes_on_its_weekday(weekday: int) -> None:
    found = closings("WEEKLY", weekday)

    assert {moment.isoweekday() for moment in found} == {weekday}
    assert {later - earlier for earlier, later in pairwise(found)} == {7 * DAY}
    assert timedelta(0) < found[0] - START <= 7 * DAY


@pytest.mark.parametrize("day", [1, 15, 28, 29, 30, 31])
def test_monthly_closes_once_a_month_on_the_day_or_the_last(day: int) -> None:
    months = [(START.year + number // 12, number % 12 + 1) for number in range(12 * YEARS + 1)]
    wanted = [date(year, month, min(day, monthrange(year, month)[1])) for year, month in months]
    last = START.replace(year=START.year + YEARS)

    found = closings("MONTHLY", day)

    assert [moment.date() for moment in found] == [one for one in wanted if START.date() < one <= last.date()]
    assert {(moment.hour, moment.minute, moment.tzinfo) for moment in found} == {(0, 0, UTC)}


def test_midnight_itself_belongs_to_the_day_that_begins() -> None:
    midnight = datetime(2028, 2, 29, tzinfo=UTC)

    assert next_close(SettlementSchedule(frequency="DAILY"), midnight) == midnight + DAY
    assert next_close(SettlementSchedule(frequency="MONTHLY", day=31), midnight) == datetime(2028, 3, 31, tzinfo=UTC)
    assert next_close(SettlementSchedule(frequency="MANUAL"), midnight) is None


class Clock:
    """Business time of a desk, set by its date; closes what is due then as two workers do at the same moment."""

    def __init__(self, desk: Paydesk) -> None:
        self.desk = desk

    def be(self, moment: datetime) -> None:
        self.desk.move_clock(moment - timezone.now())

    def work(self, workers: int = 2) -> None:
        at_once([self.desk.settle] * workers)

    def closed(self) -> list[Settlement]:
        return [one for one in self.desk.settlements() if one.status != "PENDING"]


@pytest.fixture
def desk(own_database: None) -> Paydesk:
    return Paydesk()


@pytest.fixture
def clock(desk: Paydesk) -> Clock:
    return Clock(desk)


def schedule(desk: Paydesk, frequency: str, day: int | None = None) -> None:
    set_schedule(of=desk.merchant, frequency=frequency, day=day, by=system("test"), at=timezone.now())


def test_two_workers_close_five_years_of_months_once_each(desk: Paydesk, clock: Clock) -> None:
    """The worker comes by some minutes after each midnight; something was sold in every month."""
    clock.be(START)
    schedule(desk, "MONTHLY", 31)
    wanted = closings("MONTHLY", 31)
    for number, moment in enumerate(wanted):
        clock.be(moment - 5 * MINUTE)
        desk.sell(100 + number)
        clock.work(1)
        clock.be(moment + 5 * MINUTE)
        clock.work()

    found = clock.closed()

    assert [one.closed_at.date() for one in found if one.closed_at] == [moment.date() for moment in wanted]
    assert [(one.entry_count, one.net_amount) for one in found] == [(1, 100 + number) for number in range(len(wanted))]
    assert desk.differences() == []


def test_missed_week_is_caught_up_once(desk: Paydesk, clock: Clock) -> None:
    """Nobody was there for eight days: what gathered closes as one, and the next closes a day later."""
    clock.be(START)
    desk.sell(100)
    clock.work()
    clock.be(START + 8 * DAY)
    desk.sell(50)
    clock.work()
    clock.work()

    (settlement,) = desk.settlements()
    assert (settlement.status, settlement.entry_count, settlement.net_amount) == ("AWAITING_APPROVAL", 2, 150)
    desk.sell(7)
    clock.work()
    assert desk.settlements()[-1].closes_at == datetime(2027, 1, 19, tzinfo=UTC)


def test_each_application_goes_by_its_own_clock(desk: Paydesk) -> None:
    other = Paydesk("Other")
    for one in (desk, other):
        one.sell(100)
        one.create()
    desk.move_clock(DAY)

    at_once([desk.settle] * 3)

    assert [one.settlements()[0].status for one in (desk, other)] == ["AWAITING_APPROVAL", "PENDING"]


def test_clock_that_jumps_closes_nothing_twice(desk: Paydesk, clock: Clock) -> None:
    """A month on, back again, and on once more."""
    clock.be(START)
    desk.sell(100)
    clock.work()
    clock.be(START + 31 * DAY)
    clock.work()
    assert [one.net_amount for one in clock.closed()] == [100]

    clock.be(START)
    desk.sell(20)
    clock.work()
    assert [one.net_amount for one in clock.closed()] == [100]

    clock.be(START + 31 * DAY)
    clock.work()
    assert sorted(one.net_amount for one in clock.closed()) == [20, 100]
    assert desk.differences() == []


def test_what_closes_by_hand_waits_for_a_hand(desk: Paydesk, clock: Clock) -> None:
    schedule(desk, "MANUAL")
    desk.sell(100)
    settlement = desk.create()
    clock.be(START + 400 * DAY)
    clock.work()

    assert (desk.again(settlement).status, desk.again(settlement).closes_at) == ("PENDING", None)
    schedule(desk, "DAILY")
    clock.be(START + 401 * DAY)
    clock.work()
    assert desk.again(settlement).status == "AWAITING_APPROVAL"


def test_rule_that_changes_while_it_closes_leaves_one(desk: Paydesk, clock: Clock) -> None:
    for number in range(4):
        clock.be(START + 40 * number * DAY)
        desk.sell(100)
        desk.create()
        clock.be(START + 40 * (number + 1) * DAY)
        rules = [partial(schedule, desk, "WEEKLY", 1 + number), partial(schedule, desk, "DAILY")]

        given = at_once([*rules, desk.settle, desk.settle])

        assert not [one for one in given if isinstance(one, Exception)]
        assert len(clock.closed()) == number + 1
    assert desk.differences() == []


@pytest.mark.parametrize(
    ("frequency", "day"), [("WEEKLY", None), ("WEEKLY", 8), ("MONTHLY", 0), ("MONTHLY", 32), ("MONTHLY", None)]
)
def test_day_that_there_is_not_is_refused(desk: Paydesk, frequency: str, day: int | None) -> None:
    with pytest.raises(FieldError, match="A day from 1 to"):
        schedule(desk, frequency, day)
