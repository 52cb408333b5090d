"""Holds whose time has passed are let go, each by the clock of its application, and no other."""

from datetime import timedelta

import pytest
from django.utils import timezone

from events.models import Event
from payments.models import HOLD_LASTS, Authorization
from payments.services import NotHeld, expiry
from payments.services.expiry import release_expired
from payments.tasks import release_expired_holds
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass
from tests.payments.counter import Counter, again, at_once, make_counter

SECOND = timedelta(seconds=1)


@pytest.fixture
def counter(db: None) -> Counter:
    return make_counter()


def release(after: timedelta = timedelta(0)) -> int:
    return release_expired(by=system("test"), at=timezone.now() + after)


def test_hold_ends_at_its_moment(counter: Counter) -> None:
    held = counter.hold(1000)
    by = system("test")

    assert release_expired(by=by, at=held.expires_at - SECOND) == 0
    assert again(held).is_held
    assert release_expired(by=by, at=held.expires_at) == 1

    held = again(held)
    assert (held.released_at, held.is_held, held.state) == (held.expires_at, False, "SUCCEEDED")
    assert held.updated_at == held.expires_at
    assert release_expired(by=by, at=held.expires_at) == 0
    with transaction(by=by):
        (changes,) = Event.objects.filter(resource_id=held.pk, changes__has_key="released_at").values_list(
            "changes", flat=True
        )
    assert changes["released_at"][0] is None


def test_each_application_has_its_own_clock(counter: Counter) -> None:
    ahead = make_counter("Ahead")
    own, early = counter.hold(1000), ahead.hold(1000)
    ahead.move_clock(HOLD_LASTS + SECOND)
    later = ahead.hold(1000)

    assert release() == 1

    assert [again(held).is_held for held in (own, early, later)] == [True, False, True]
    assert again(early).released_at == early.expires_at


def test_clock_that_is_set_back_gives_nothing_back(counter: Counter) -> None:
    """What was let go at the provider stays so."""
    held = counter.hold(1000)
    counter.move_clock(HOLD_LASTS + SECOND)
    assert release() == 1
    counter.move_clock(timedelta(0))

    assert not again(held).is_held
    with pytest.raises(NotHeld, match="expired"):
        counter.capture(held)


def test_only_what_is_held_is_let_go(counter: Counter) -> None:
    captured, voided, declined = counter.hold(1000), counter.hold(1000), counter.hold(102)
    counter.capture(captured)
    counter.void(voided)
    let_time_pass(counter.application, 3)
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_AFTER", operation="authorise", times=1)
    undecided = counter.hold(1000)
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_AFTER", operation="capture", times=1)
    counter.capture(being_captured := counter.hold(1000))
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_AFTER", operation="void", times=1)
    counter.void(being_voided := counter.hold(1000))
    rows = [captured, voided, declined, undecided, being_captured, being_voided]
    before = [_values(row) for row in rows]

    assert release(HOLD_LASTS + timedelta(days=1)) == 0

    assert [_values(row) for row in rows] == before


def test_void_that_the_provider_refuses_ends_with_its_time(counter: Counter) -> None:
    held = counter.hold(1000)
    faults.arrange(application_id=counter.application.pk, kind="REFUSED", operation="void", times=1)
    assert counter.void(held).void_state == "FAILED"

    assert release(HOLD_LASTS + SECOND) == 1
    held = again(held)
    assert (held.released_at, held.void_state, held.is_void) == (held.expires_at, "FAILED", False)


def test_nobody_takes_what_has_expired_unnoticed(counter: Counter) -> None:
    """Nobody has come by to write it down."""
    held = counter.hold(1000)
    counter.move_clock(HOLD_LASTS)

    for take in (counter.capture, counter.void):
        with pytest.raises(NotHeld, match="expired"):
            take(held)
    assert counter.calls("capture", "void") == 0


def test_job_lets_go_all_of_them_however_many(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(expiry, "_AT_ONCE", 2)
    holds = [counter.hold(1000) for _ in range(5)]
    counter.move_clock(HOLD_LASTS)

    release_expired_holds()

    assert [again(held).is_held for held in holds] == [False] * 5


@pytest.mark.usefixtures("own_database")
def test_two_workers_let_each_go_once() -> None:
    counter = make_counter()
    holds = [counter.hold(1000) for _ in range(20)]
    counter.move_clock(HOLD_LASTS)

    given = at_once([release] * 4)

    assert sum(given) == len(holds)
    assert [again(held).released_at for held in holds] == [held.expires_at for held in holds]
    with transaction(by=system("test")):
        assert Event.objects.filter(kind="authorization.updated", changes__has_key="released_at").count() == len(holds)
    assert counter.differences() == []


def _values(row: Authorization) -> dict[str, object]:
    with transaction(by=system("test")):
        return Authorization.objects.filter(pk=row.pk).values().get()
