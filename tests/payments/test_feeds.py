"""What happens at a provider of itself is heard once, whoever listens how often, and whatever goes wrong meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from events.models import Event
from payments.models import Journal, Transfer
from providers import attempts, feeds, port
from providers.models import Attempt, Feed, UntakenWord
from providers.port import Account, Capabilities, Changes, OutcomeUnknown
from providers.sandbox import faults, feed
from providers.sandbox.models import Transfer as KeptTransfer
from providers.sandbox.provider import Sandbox
from resources.ids import new_id
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.services import update_processor
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass
from tests.payments.counter import Counter, again, at_once, make_counter, make_returning_account
from tests.providers.scripted import Scripted

START = datetime.fromisoformat("2031-03-03T12:00:00+00:00")
THOROUGH = feeds.SELDOM + timedelta(seconds=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def counter(db: None, clock: time_machine.Traveller) -> Counter:
    return make_counter()


def hear(counter: Counter) -> int:
    return feeds.hear(counter.application.pk, "DUMMY_V1")


def is_ready(sale: Transfer) -> bool:
    return again(sale).ready_to_settle_at is not None


def mark_of(counter: Counter) -> str:
    with transaction(by=system("test")):
        return Feed.objects.get(application=counter.application, processor="DUMMY_V1").mark


def traces(counter: Counter) -> list[Any]:
    """All that news may change: rows, their events, their journals."""
    of_it = {"application_id": counter.application.pk}
    with transaction(by=system("test")):
        return [
            sorted(Transfer.objects.filter(**of_it).values_list("id", "state", "updated_at", "ready_to_settle_at")),
            Event.objects.filter(**of_it).count(),
            Journal.objects.filter(**of_it).count(),
        ]


# --- once -------------------------------------------------------------------------------------------------------------


def test_what_was_heard_before_changes_nothing(counter: Counter, clock: time_machine.Traveller) -> None:
    sales = [counter.sell(amount) for amount in (1000, 2000, 102)]
    clock.shift(5)
    assert hear(counter) == 2
    assert [is_ready(sale) for sale in sales] == [True, True, False]
    before = traces(counter)

    for pause in (timedelta(0), timedelta(seconds=10), THOROUGH, THOROUGH, THOROUGH):
        clock.shift(pause)
        hear(counter)

    assert traces(counter) == before


@pytest.mark.usefixtures("own_database")
def test_two_who_listen_at_once_note_it_once() -> None:
    counter = make_counter()
    sales = [counter.sell(1000 + number) for number in range(12)]
    counter.move_clock(timedelta(seconds=30))
    _, events, journals = traces(counter)

    at_once([partial(hear, counter)] * 4)

    assert all(map(is_ready, sales))
    _, events_after, journals_after = traces(counter)
    assert (events_after - events, journals_after) == (len(sales), journals)
    assert counter.differences() == []


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize("number", range(3))
def test_two_who_hear_of_a_new_transfer_at_once_make_one(number: int) -> None:
    counter = make_counter(sandbox_profile="finix-2026", can_debit_bank_account=True)
    debit = counter.sell(1000 + number, make_returning_account(counter))
    let_time_pass(counter.application, 6)
    counter.move_clock(timedelta(seconds=60))
    hear(counter)
    assert counter.reversals(debit) == []
    counter.move_clock(timedelta(seconds=90))

    at_once([partial(hear, counter)] * 4)

    (returned,) = counter.reversals(debit)
    assert (returned.state, returned.subtype, again(debit).returned_at) == ("SUCCEEDED", "SYSTEM", returned.created_at)
    assert counter.differences() == []


# --- pages ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 499, 500, 501, 1000, 1203])
def test_each_is_told_once_over_all_pages(counter: Counter, count: int) -> None:
    """Many of them at the same moment."""
    rows = [_kept(counter, START - timedelta(minutes=1 + number // 700)) for number in range(count)]
    with transaction(by=system("test")):
        KeptTransfer.objects.bulk_create(rows)
    sandbox, account, mark, told = Sandbox(), Account(counter.application.pk), "", []

    while True:
        page = sandbox.tell_changes(account=account, mark=mark)
        told += [news.id for news in page.news]
        mark = page.mark
        if not page.is_full:
            break
        assert len(page.news) == 500

    assert sorted(told) == sorted(row.id for row in rows)
    assert len(told) == count
    assert sandbox.tell_changes(account=account, mark=mark).news == ()


@pytest.mark.parametrize("count", [3, 4, 8, 10])
def test_all_pages_are_heard_in_one_round(
    counter: Counter, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(feed, "_PAGE", 4)
    sales = [counter.sell(1000) for _ in range(count)]
    clock.shift(5)

    assert (hear(counter), all(map(is_ready, sales))) == (count, True)
    clock.shift(5)
    assert hear(counter) == 0


def _kept(counter: Counter, told_at: datetime) -> KeptTransfer:
    return KeptTransfer(
        id=new_id(), application_id=counter.application.pk, merchant_id=counter.merchant.pk, source_id=counter.card.pk,
        state="SUCCEEDED", amount=100, currency="USD", trace_id="T", ready_at=told_at, told_at=told_at,
        created_at=told_at, updated_at=told_at,
    )  # fmt: skip


# --- clocks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rounds", [1, 4], ids=["at once", "after thorough rounds"])
def test_clock_that_runs_ahead_and_is_set_back_loses_no_word(
    counter: Counter, clock: time_machine.Traveller, rounds: int
) -> None:
    counter.move_clock(timedelta(days=10))
    early = counter.sell(1000)
    for _ in range(rounds):
        clock.shift(THOROUGH)
        hear(counter)
    assert is_ready(early)
    counter.move_clock(timedelta(0))

    late = counter.sell(1000)
    clock.shift(5)
    hear(counter)

    assert is_ready(late)
    clock.shift(5)
    assert hear(counter) == 0


def test_word_that_comes_into_sight_behind_the_mark_is_heard_in_a_thorough_round(
    counter: Counter, clock: time_machine.Traveller
) -> None:
    """It was written for an earlier moment, by a transaction that committed late."""
    for _ in range(3):
        clock.shift(THOROUGH)
        hear(counter)
    sale = counter.sell(1000)
    with transaction(by=system("test")):
        behind = START + 3 * THOROUGH - timedelta(seconds=20)
        KeptTransfer.objects.filter(pk=sale.pk).update(told_at=behind, ready_at=behind)

    clock.shift(10)
    assert (hear(counter), is_ready(sale)) == (0, False)
    clock.shift(THOROUGH)
    hear(counter)

    assert is_ready(sale)


# --- what goes wrong --------------------------------------------------------------------------------------------------


@dataclass
class Teller(Scripted):
    """Tells its words to each application, or raises."""

    words: dict[Any, list[port.News] | Exception] = field(default_factory=dict)
    marks: list[str] = field(default_factory=list)

    def tell_changes(self, *, account: Account, mark: str) -> Changes:
        self.marks.append(mark)
        told = self.words.get(account.application_id, [])
        if isinstance(told, Exception):
            raise told
        return Changes(tuple(told), f"after {len(self.marks)}")


@pytest.fixture
def teller(monkeypatch: pytest.MonkeyPatch) -> Teller:
    told = Teller(capabilities=Capabilities(has_lookup=True, has_idempotent_create=True, tells_changes=True))
    monkeypatch.setattr(feeds, "provider_of", lambda _processor: told)
    return told


def _news(counter: Counter, **changes: Any) -> port.Transfer:
    now = timezone.now()
    members: dict[str, Any] = {
        "id": new_id(), "version": "90000000", "created_at": now, "updated_at": now, "raw": {}, "tags": {},
        "merchant_id": counter.merchant.pk, "source_id": counter.card.pk, "state": "SUCCEEDED", "amount": 500,
        "currency": "USD", "trace_id": "T", "idempotency_id": None,
    }  # fmt: skip
    return port.Transfer(**members | changes)


def _reversal(counter: Counter, parent: Any, **changes: Any) -> port.Transfer:
    of_it = {"type": "REVERSAL", "subtype": "SYSTEM", "parent_id": parent, "source_id": None}
    return _news(counter, **(of_it | {"destination_id": counter.card.pk} | changes))


def test_word_that_cannot_be_taken_is_left_and_the_others_go_on(
    counter: Counter, clock: time_machine.Traveller, teller: Teller, caplog: pytest.LogCaptureFixture
) -> None:
    sale = counter.sell(500)
    before = traces(counter)
    good, last = _news(counter), _news(counter, amount=700)
    early = _reversal(counter, good.id, amount=1)
    teller.words[counter.application.pk] = [
        _reversal(counter, new_id()),  # of a charge that nobody knows
        _news(counter, authorization_id=new_id()),
        _news(counter, merchant_id=new_id()),
        early,  # before what it refers to
        _news(counter, version="9" * 61),
        _news(counter, raw={"note": "a\0b"}),
        _news(counter, amount=-1),
        _news(counter, state="NONSENSE"),
        replace(_news(counter), id=sale.pk, amount=501, ready_to_settle_at=START),
        good,
        replace(good, version="90000001", state="PENDING"),
        last,
    ]

    hear(counter)

    rows, _, journals = traces(counter)
    new = {row[0] for row in rows} - {row[0] for row in before[0]}
    assert (new, journals - before[2]) == ({good.id, last.id}, 2)
    assert not is_ready(sale)
    assert caplog.text.count("news_not_taken") >= 6
    assert mark_of(counter) == "after 1"

    clock.shift(THOROUGH)
    hear(counter)

    (returned,) = counter.reversals(Transfer(pk=good.id))
    assert (returned.pk, again(Transfer(pk=good.id)).returned_at) == (early.id, returned.created_at)


@pytest.mark.parametrize("fault", [OutcomeUnknown("TIMEOUT"), port.NotSent("UNREACHABLE"), KeyError("next")])
def test_feed_that_is_not_heard_does_not_hold_up_the_others(
    counter: Counter, clock: time_machine.Traveller, teller: Teller, caplog: pytest.LogCaptureFixture, fault: Exception
) -> None:
    other = make_counter("Other")
    sale = _news(other)
    teller.words = {counter.application.pk: fault, other.application.pk: [sale]}

    feeds.listen(until=timezone.now() + timedelta(minutes=1))

    with transaction(by=system("test")):
        assert Transfer.objects.filter(pk=sale.id).exists()
    assert "feed_not_heard" in caplog.text
    assert mark_of(counter) == ""


def test_after_a_fault_the_next_round_goes_on_where_it_stopped(
    counter: Counter, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "_PAGE", 2)
    sales = [counter.sell(1000) for _ in range(5)]
    clock.shift(5)
    faults.arrange(
        application_id=counter.application.pk, kind="LATENCY", operation="tell_changes", times=1, seconds=0.1
    )
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_AFTER", operation="tell_changes", times=1)

    with pytest.raises(OutcomeUnknown):
        hear(counter)

    assert sum(map(is_ready, sales)) == 2
    clock.shift(5)
    assert hear(counter) == 3
    assert all(map(is_ready, sales))


def test_fault_of_the_feed_befalls_nothing_else(counter: Counter, clock: time_machine.Traveller) -> None:
    """Both of its processors are asked in a round."""
    for kind in ("UNREACHABLE", "ERROR_BEFORE", "MALFORMED"):
        faults.arrange(application_id=counter.application.pk, kind=kind, operation="tell_changes", times=2)
    sale = counter.sell(1000)
    clock.shift(5)

    for _ in range(3):
        feeds.listen(until=timezone.now() + timedelta(minutes=1))
        assert (again(sale).state, is_ready(sale)) == ("SUCCEEDED", False)
        clock.shift(20)
    feeds.listen(until=timezone.now() + timedelta(minutes=1))

    assert is_ready(sale)


def test_who_waits_is_asked_soon_and_others_seldom(counter: Counter, clock: time_machine.Traveller) -> None:
    idle = make_counter("Idle")
    feeds.listen(until=timezone.now() + timedelta(minutes=1))
    sale = counter.sell(1000)
    heard = {name: _heard_at(one) for name, one in (("busy", counter), ("idle", idle))}
    assert heard == {"busy": START, "idle": START}

    clock.shift(15)
    feeds.listen(until=timezone.now() + timedelta(minutes=1))
    assert (is_ready(sale), _heard_at(counter), _heard_at(idle)) == (True, START + timedelta(seconds=15), START)

    clock.shift(feeds.SELDOM)
    feeds.listen(until=timezone.now() + timedelta(minutes=1))
    assert _heard_at(idle) == timezone.now()


def _heard_at(counter: Counter) -> datetime | None:
    with transaction(by=system("test")):
        return Feed.objects.get(application=counter.application, processor="DUMMY_V1").heard_at


# --- what is learnt by the feed ---------------------------------------------------------------------------------------


def test_attempt_whose_transfer_the_feed_decided_is_asked_about_again(
    counter: Counter, clock: time_machine.Traveller
) -> None:
    key = counter.application.pk
    faults.arrange(application_id=key, kind="TIMEOUT_AFTER", operation="sell", times=1)
    sale = counter.sell(1234)
    with transaction(by=system("test")):
        Attempt.objects.filter(resource_id=sale.pk).update(next_check_at=None)  # as once nobody asks any more
    clock.shift(60)

    hear(counter)

    assert again(sale).state == Transfer.State.SUCCEEDED
    with transaction(by=system("test")):
        attempt = Attempt.objects.get(resource_id=sale.pk)
    assert attempt.next_check_at is not None
    attempts.resolve(attempt.pk, key)
    with transaction(by=system("test")):
        assert Attempt.objects.get(pk=attempt.pk).state == Attempt.State.ACCEPTED


# --- feeds with much to tell ------------------------------------------------------------------------------------------


@dataclass
class Talker(Scripted):
    """Tells its words two at a time, each page in a second; the mark is how many there were before."""

    clock: time_machine.Traveller = field(kw_only=True)
    told: list[port.News] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)

    def tell_changes(self, *, account: Account, mark: str) -> Changes:
        del account
        self.clock.shift(1)
        self.marks.append(mark)
        begin = int(mark or 0)
        page = self.told[begin : begin + 2]
        return Changes(tuple(page), str(begin + len(page)), is_full=begin + 2 < len(self.told))


@pytest.fixture
def talker(counter: Counter, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Talker:
    declared = Capabilities(has_lookup=True, has_idempotent_create=True, tells_changes=True)
    talker = Talker(capabilities=declared, clock=clock, told=[_news(counter) for _ in range(9)])
    monkeypatch.setattr(feeds, "provider_of", lambda _processor: talker)
    return talker


def _hear_for(counter: Counter, seconds: float) -> int:
    return feeds.hear(counter.application.pk, "DUMMY_V1", until=timezone.now() + timedelta(seconds=seconds))


def _feed(counter: Counter) -> Feed:
    with transaction(by=system("test")):
        return Feed.objects.get(application=counter.application, processor="DUMMY_V1")


def test_round_that_has_no_more_time_goes_on_where_it_stopped(counter: Counter, talker: Talker) -> None:
    counts = [_hear_for(counter, 2) for _ in range(3)]

    assert (counts, talker.marks) == ([4, 4, 1], ["", "2", "4", "6", "8"])
    assert not _feed(counter).is_behind


@pytest.mark.usefixtures("talker")
def test_feed_with_more_to_tell_is_due_at_once(counter: Counter) -> None:
    for _ in range(6):  # two processors take turns
        feeds.listen(until=timezone.now() + timedelta(seconds=2))

    assert _feed(counter).mark == "9"


def test_thorough_round_that_has_no_more_time_goes_on_after_the_news(
    counter: Counter, clock: time_machine.Traveller, talker: Talker
) -> None:
    _hear_for(counter, 60)
    clock.shift(THOROUGH)
    talker.marks.clear()

    _hear_for(counter, 3)
    talker.told += [_news(counter), _news(counter)]
    _hear_for(counter, 3)
    _hear_for(counter, 60)

    assert talker.marks == ["9", "", "2", "9", "4", "6", "11", "8", "10"]
    feed = _feed(counter)
    assert (feed.is_behind, feed.thorough_mark, feed.earlier_mark) == (False, None, "9")


@pytest.mark.usefixtures("talker")
def test_who_was_not_asked_for_longest_comes_first(counter: Counter) -> None:
    other = make_counter("Other")
    for _ in range(4):
        feeds.listen(until=timezone.now() + timedelta(seconds=2))

    assert (_feed(counter).mark, _feed(other).mark) == ("4", "4")


def test_word_that_waits_does_not_have_the_others_heard_again(
    counter: Counter, clock: time_machine.Traveller, talker: Talker
) -> None:
    parent = _news(counter)
    waiting = _reversal(counter, parent.id)
    talker.told[3:3] = [waiting]
    for _ in range(4):
        _hear_for(counter, 60)
        clock.shift(THOROUGH)
    talker.marks.clear()

    talker.told.append(parent)
    _hear_for(counter, 60)

    assert talker.marks == ["10", "10", "2"]
    assert again(Transfer(pk=waiting.id)).state == "SUCCEEDED"
    assert _untaken() == 0


def test_word_that_cannot_be_taken_is_given_up_after_a_day(
    counter: Counter, clock: time_machine.Traveller, talker: Talker, caplog: pytest.LogCaptureFixture
) -> None:
    talker.told[3:3] = [replace(_reversal(counter, new_id()), version="a\0" + "b" * 200)]  # of a charge nobody knows
    for pause in (THOROUGH, THOROUGH, feeds.PATIENCE - 3 * THOROUGH, THOROUGH):
        _hear_for(counter, 60)
        clock.shift(pause)

    assert (_untaken(), "news_given_up" in caplog.text) == (1, False)
    clock.shift(THOROUGH)
    _hear_for(counter, 60)
    assert (_untaken(), "news_given_up" in caplog.text) == (0, True)
    clock.shift(THOROUGH)
    talker.marks.clear()
    _hear_for(counter, 60)
    assert talker.marks == ["10", "10"]


def _untaken() -> int:
    with transaction(by=system("test")):
        return UntakenWord.objects.count()


# --- processors -------------------------------------------------------------------------------------------------------


def test_processor_that_is_switched_off_is_listened_to(counter: Counter, clock: time_machine.Traveller) -> None:
    sale = counter.sell(1000)
    with transaction(by=system("test")):
        processors = list(Processor.objects.filter(application=counter.application))
    for processor in processors:
        update_processor(processor=processor, enabled=False, by=system("test"), at=timezone.now())
    clock.shift(5)

    feeds.listen(until=timezone.now() + timedelta(minutes=1))

    assert is_ready(sale)


def test_each_processor_tells_what_is_its_own(counter: Counter, clock: time_machine.Traveller) -> None:
    sale = counter.sell(1000)
    counter.push(1000)
    clock.shift(5)
    told = {}

    for name in ("VISA_V1", "DUMMY_V1"):
        page = Sandbox().tell_changes(account=Account(counter.application.pk, processor=name), mark="")
        told[name] = [news.id for news in page.news]

    assert told == {"VISA_V1": [], "DUMMY_V1": [sale.pk]}
