"""Whoever takes what is held, lets it go, or notices that its time has passed: exactly one of them does."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from payments.models import HOLD_LASTS, Authorization, Transfer, TransferBatch
from payments.services import NotHeld
from payments.services.expiry import release_expired
from providers import attempts
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass
from tests.payments.counter import Counter, again, at_once, make_counter
from tests.stack import IS_LONG

pytestmark = pytest.mark.usefixtures("own_database")

WIDTH = 16
ROUNDS = 40 if IS_LONG else 5

Race = Callable[[Counter, Authorization], list[Callable[[], Any]]]


def _captures(counter: Counter, held: Authorization) -> list[Callable[[], Any]]:
    return [partial(counter.capture, held, amount) for amount in (1000, 400) for _ in range(WIDTH // 2)]


def _voids(counter: Counter, held: Authorization) -> list[Callable[[], Any]]:
    return [partial(counter.void, held)] * WIDTH


def _both(counter: Counter, held: Authorization) -> list[Callable[[], Any]]:
    return [partial(counter.capture, held), partial(counter.void, held)] * (WIDTH // 2)


@pytest.mark.parametrize("race", [_captures, _voids, _both])
def test_of_many_one_wins(race: Race) -> None:
    counter = make_counter()
    holds = []
    for _ in range(ROUNDS):
        holds.append(held := counter.hold(1000))

        given = at_once(race(counter, held))

        (winner,) = [one for one in given if not isinstance(one, NotHeld)]
        held, captures = again(held), counter.captures(held)
        if isinstance(winner, Transfer):
            assert (held.transfer_id, held.capture_amount) == (winner.pk, winner.amount)
            assert [one.pk for one in captures] == [winner.pk]
            assert (winner.state, held.is_void, held.void_state) == ("SUCCEEDED", False, "UNATTEMPTED")
        else:
            assert (held.transfer_id, held.capture_amount, captures) == (None, None, [])
            assert (held.is_void, held.void_state, held.voids) == (True, "PENDING", 1)
    let_time_pass(counter.application, 3)

    ends = {(row.is_captured, row.is_void, row.void_state) for row in map(again, holds)}
    assert ends <= {(True, False, "UNATTEMPTED"), (False, True, "SUCCEEDED")}
    assert counter.calls("capture", "void") == ROUNDS
    assert counter.differences() == []


@pytest.mark.parametrize("race", [_captures, _voids, _both])
def test_one_that_the_provider_declines_leaves_it_to_the_next(race: Race) -> None:
    """What failed is free again at once; whoever came too early was refused, and nobody gets it twice."""
    counter = make_counter()
    for operation in ("capture", "void"):
        faults.arrange(application_id=counter.application.pk, kind="REFUSED", operation=operation, times=2)
    held = counter.hold(1000)

    at_once(race(counter, held))
    faults.clear(counter.application.pk)
    if again(held).is_held:
        counter.capture(held)
    let_time_pass(counter.application, 3)

    held = again(held)
    taken = [one for one in counter.captures(held) if one.has_succeeded]
    assert [one.pk for one in taken] == ([held.transfer_id] if held.is_captured else [])
    assert held.is_captured != held.is_void
    assert counter.differences() == []


def test_it_is_taken_or_its_time_has_passed_and_never_both() -> None:
    """Two workers look for what has expired while somebody captures in the very last moment."""
    counter = make_counter()
    ends = set()
    for number in range(ROUNDS):
        held = counter.hold(1000)
        late = timezone.now() + HOLD_LASTS + timedelta(seconds=5)
        release = partial(release_expired, by=system("test"), at=late)
        capture = partial(counter.capture, held)

        given = at_once([release, release, capture, capture] if number % 2 else [capture, release, capture, release])

        held, captures = again(held), counter.captures(held)
        released = sum(one for one in given if isinstance(one, int))
        assert released == (held.released_at is not None) == (not captures)
        assert [one.state for one in captures] == ["SUCCEEDED"] * held.is_captured
        assert held.released_at in {None, held.expires_at}
        assert held.is_captured == (not released)
        ends.add(held.is_captured)
    assert counter.differences() == []


def test_it_is_let_go_or_its_time_has_passed_and_never_both() -> None:
    counter = make_counter()
    for _ in range(ROUNDS):
        held = counter.hold(1000)
        late = timezone.now() + HOLD_LASTS + timedelta(seconds=5)
        release = partial(release_expired, by=system("test"), at=late)

        given = at_once([release, partial(counter.void, held), release])

        held = again(held)
        released = sum(one for one in given if isinstance(one, int))
        assert released == (not held.is_void)
        assert (held.released_at is None) == held.is_void
    let_time_pass(counter.application, 3)
    assert counter.differences() == []


def test_charges_and_captures_that_open_a_batch_together_all_wait_in_it() -> None:
    """Whoever is told of the batch first makes it; the others neither fail nor make a second one."""
    counter = make_counter(card_sale_submission_method="batch")
    holds = [counter.hold(1000) for _ in range(WIDTH // 2)]

    given = at_once([*(partial(counter.capture, held) for held in holds), *[counter.sell] * (WIDTH // 2)])

    assert {one.state for one in given} == {"PENDING"}
    states = [(attempt.state, attempt.code) for attempt in counter.attempts(operation__in=["capture", "sale"])]
    assert states == [("WAITING", "")] * WIDTH
    with transaction(by=system("test")):
        assert TransferBatch.objects.count() == len({one.batch_id for one in given}) == 1
    let_time_pass(counter.application, 6)
    assert [again(one).state for one in given] == ["SUCCEEDED"] * WIDTH
    assert counter.differences() == []


def test_capture_under_way_is_not_overtaken_by_its_time() -> None:
    """Its outcome is not known when the seven days are over, and it turns out that the provider has taken it."""
    counter = make_counter()
    held = counter.hold(1000)
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_AFTER", operation="capture", times=1)
    capture = counter.capture(held)
    late = timezone.now() + HOLD_LASTS + timedelta(days=1)

    assert (capture.state, release_expired(by=system("test"), at=late)) == ("PENDING", 0)
    attempts.resolve(counter.attempt("capture").pk, counter.application.pk)

    assert (again(capture).state, again(held).released_at) == ("SUCCEEDED", None)
    assert release_expired(by=system("test"), at=late) == 0
    assert counter.differences() == []


def test_capture_that_fails_after_its_time_gives_back_what_is_released_then() -> None:
    counter = make_counter()
    held = counter.hold(1000)
    faults.arrange(application_id=counter.application.pk, kind="TIMEOUT_BEFORE", operation="capture", times=1)
    counter.capture(held)
    late = timezone.now() + HOLD_LASTS + timedelta(days=1)
    assert release_expired(by=system("test"), at=late) == 0
    counter.move_clock(HOLD_LASTS + timedelta(days=1))

    attempt = counter.attempt("capture")
    attempts.conclude(attempt, attempts.Ending(attempts.State.ABSENT, code="NOT_SENT"), by=system("test"))

    assert [one.state for one in counter.captures(held)] == ["FAILED"]
    assert again(held).is_held
    assert release_expired(by=system("test"), at=timezone.now()) == 1
    assert again(held).released_at == held.expires_at
    with pytest.raises(NotHeld, match="expired"):
        counter.capture(held)
