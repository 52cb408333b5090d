"""Asking now: one question however often somebody clicks, nothing sent, and only by whom and where it is safe."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from events.models import Audit, Author
from jobs.models import Job
from onboarding.services import verify_merchant
from providers import attempts
from providers.models import Attempt
from providers.port import Capabilities, OutcomeUnknown
from providers.unresolved import (
    AlreadyAsked,
    AttemptDecided,
    AttemptNotSent,
    AttemptUnderWay,
    CannotBeAsked,
    ask_now,
)
from resources.errors import DomainError, NotVisible
from resources.ids import new_id
from tenancy.actors import Actor, MissingPermission, system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.tenancy import make_application
from tests.providers.scripted import (
    Till,
    accepted,
    due_jobs,
    make_till,
    run_due_jobs,
    stand_behind_processors,
    waiting,
)

State = Attempt.State

START = datetime.fromisoformat("2031-03-03T12:00:00+00:00")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def till(db: None, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Till:
    """A sale whose answer was lost, and a provider that does not answer questions either."""
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    till = make_till()
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.provider.knows = [OutcomeUnknown("TIMEOUT")]
    stand_behind_processors(till.provider, monkeypatch)
    return till


def ask(till: Till, by: Actor | None = None) -> Attempt:
    return ask_now(attempt_id=till.attempt.pk, by=by or person(Role.PLATFORM, till), at=timezone.now())


def person(role: Role, till: Till) -> Actor:
    return Actor(kind=Author.PERSON, id=new_id(), name="Pat", role=role, application_ids=(till.application.pk,))


def give_up(till: Till, clock: time_machine.Traveller) -> None:
    """Sell, and let the worker ask in vain until nobody asks any more."""
    till.sell()
    while (check := till.attempt.next_check_at) is not None:
        clock.move_to(check)
        run_due_jobs(check)


def acts() -> list[Audit]:
    with transaction(by=system()):
        return list(Audit.objects.filter(action="ask_provider"))


def open_jobs() -> int:
    return Job.objects.open().filter(kind=attempts.RESOLVE).count()


def test_next_check_is_brought_forward_and_nothing_is_sent(till: Till, clock: time_machine.Traveller) -> None:
    till.sell()
    clock.shift(3)

    asked = ask(till)

    assert asked.next_check_at == till.attempt.next_check_at == timezone.now()
    assert [job.due_at for job in due_jobs(START + timedelta(days=9))] == [timezone.now()]
    assert (till.provider.looked_up, len(till.provider.asked), till.attempt.sends) == ([], 1, 1)


def test_attempt_that_nobody_asks_about_any_more_is_asked_about_and_decided(
    till: Till, clock: time_machine.Traveller
) -> None:
    give_up(till, clock)
    assert open_jobs() == 0
    clock.shift(timedelta(days=30))
    till.provider.knows = [accepted]

    ask(till)
    run_due_jobs(timezone.now())

    assert (till.transfer.state, till.attempt.state, till.journals) == ("SUCCEEDED", State.ACCEPTED, 1)
    assert len(till.provider.asked) == 1


def test_silence_after_asking_leaves_it_to_the_next_person(till: Till, clock: time_machine.Traveller) -> None:
    give_up(till, clock)
    clock.shift(timedelta(days=1))
    checks = till.attempt.checks

    ask(till)
    run_due_jobs(timezone.now())

    assert (till.attempt.state, till.attempt.next_check_at, till.attempt.checks) == (State.UNKNOWN, None, checks + 1)
    assert (till.transfer.state, open_jobs(), len(till.provider.asked)) == ("PENDING", 0, 1)


def test_what_waits_at_the_provider_may_be_asked_about(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers = [waiting]
    till.provider.knows = [lambda sale: accepted(sale, version="3")]
    till.sell()
    clock.shift(1)

    ask(till)
    run_due_jobs(timezone.now())

    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)


def test_claim_whose_caller_died_may_be_asked_about_once_its_job_was_given_up(
    till: Till, clock: time_machine.Traveller
) -> None:
    till.sell_and_die()
    till.provider.knows = [accepted]
    clock.shift(timedelta(hours=1))
    Job.objects.filter(kind=attempts.RESOLVE).update(given_up_at=timezone.now())

    ask(till)
    run_due_jobs(timezone.now())

    assert (till.transfer.state, len(till.provider.asked)) == ("SUCCEEDED", 1)


def test_act_is_that_of_the_person_about_the_resource(till: Till, clock: time_machine.Traveller) -> None:
    till.sell()
    clock.shift(1)
    pat = person(Role.ADMIN, till)

    ask(till, pat)

    (row,) = acts()
    assert (row.author_kind, row.author_id, row.author_name) == (Author.PERSON, pat.id, "Pat")
    assert (row.resource_kind, row.resource_id) == ("transfer", till.transfer.pk)
    assert (row.application_id, row.occurred_at) == (till.application.pk, timezone.now())


def test_asking_again_before_the_worker_has_asked_is_refused(till: Till, clock: time_machine.Traveller) -> None:
    give_up(till, clock)
    clock.shift(60)
    ask(till)
    clock.shift(1)

    with pytest.raises(AlreadyAsked):
        ask(till)

    assert (open_jobs(), len(acts())) == (1, 1)


def test_click_that_waited_for_another_one_asks_nothing(till: Till, clock: time_machine.Traveller) -> None:
    """Its moment was read before the other one's, and it came to the row after it."""
    give_up(till, clock)
    clock.shift(60)
    ask(till)
    before = timezone.now() - timedelta(milliseconds=1)

    with pytest.raises(AlreadyAsked):
        ask_now(attempt_id=till.attempt.pk, by=person(Role.PLATFORM, till), at=before)

    assert (till.attempt.next_check_at, open_jobs(), len(acts())) == (timezone.now(), 1, 1)


def test_nobody_is_asked_while_whoever_sent_it_may_get_the_answer(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    before = till.attempt.next_check_at
    clock.shift(19)

    with pytest.raises(AttemptUnderWay):
        ask(till)

    assert (till.attempt.next_check_at, open_jobs(), acts()) == (before, 1, [])


def test_final_attempt_is_refused_and_left_alone(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers = [accepted]
    till.sell()
    clock.shift(60)

    with pytest.raises(AttemptDecided) as refusal:
        ask(till)

    assert (refusal.value.status, str(refusal.value)) == (409, "The outcome is known, so there is nothing left to ask.")
    assert (till.attempt.state, till.attempt.next_check_at, open_jobs(), acts()) == (State.ACCEPTED, None, 0, [])


def test_what_the_worker_has_not_sent_is_not_asked_about(till: Till) -> None:
    verification = verify_merchant(merchant=till.merchant, by=system("test"), at=timezone.now())
    with transaction(by=system()):
        attempt = Attempt.objects.get(resource_id=verification.pk)

    with pytest.raises(AttemptNotSent):
        ask_now(attempt_id=attempt.pk, by=person(Role.PLATFORM, till), at=timezone.now())

    assert (till.provider.asked, acts()) == ([], [])


@pytest.mark.parametrize("has_idempotent_create", [True, False])
def test_provider_without_lookup_is_not_asked_by_sending_again(
    till: Till, clock: time_machine.Traveller, has_idempotent_create: bool
) -> None:
    """It may have forgotten the reference by now, and would charge a second time."""
    till.sell()
    till.provider.capabilities = Capabilities(has_lookup=False, has_idempotent_create=has_idempotent_create)
    clock.shift(2)

    with pytest.raises(CannotBeAsked):
        ask(till)

    assert (len(till.provider.asked), open_jobs(), acts()) == (1, 1, [])


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.PARTNER])
def test_whoever_may_not_resolve_is_refused(till: Till, clock: time_machine.Traveller, role: Role) -> None:
    give_up(till, clock)

    with pytest.raises(MissingPermission) as refusal:
        ask(till, person(role, till))

    assert (refusal.value.permission, till.attempt.next_check_at, open_jobs()) == ("attempts.resolve", None, 0)


def test_attempt_of_an_application_out_of_sight_is_not_there(till: Till, clock: time_machine.Traveller) -> None:
    give_up(till, clock)
    foreign = make_application("Foreign")[0]
    by = Actor(kind=Author.PERSON, id=new_id(), name="Pat", role=Role.ADMIN, application_ids=(foreign.pk,))

    with pytest.raises(NotVisible):
        ask(till, by)

    assert (till.attempt.next_check_at, open_jobs(), acts()) == (None, 0, [])


@pytest.mark.usefixtures("own_database")
def test_two_who_ask_at_once_make_one_job(monkeypatch: pytest.MonkeyPatch) -> None:
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.sell()
    attempt, both = till.attempt, threading.Barrier(2)
    actors = [person(Role.PLATFORM, till) for _ in range(2)]

    def click(by: Actor) -> Any:
        try:
            both.wait(30)
            return ask_now(attempt_id=attempt.pk, by=by, at=timezone.now()).state
        except DomainError as error:
            return type(error)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        told = list(pool.map(click, actors))

    assert sorted(told, key=str) == sorted([State.UNKNOWN, AlreadyAsked], key=str)
    assert (open_jobs(), len(acts()), till.provider.looked_up) == (1, 1, [])
