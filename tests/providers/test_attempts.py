"""Claim, commit, call, commit: what each answer of a provider means, and what the database refuses."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection
from django.utils import timezone

from events.models import Event
from jobs.models import Job
from payments.models import Transfer
from payments.services.sales import SELL
from providers import attempts
from providers.attempts import Ending
from providers.models import Attempt
from providers.port import Account, Answer, NotSent, OutcomeUnknown, Verdict
from providers.sandbox.provider import Sandbox
from resources.ids import new_id
from resources.moves import IllegalMove
from tenancy.actors import system
from tenancy.transactions import act, is_open, transaction
from tests.databases import database_url
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.providers.scripted import (
    Till,
    accepted,
    expire,
    make_till,
    refused,
    stand_behind_processors,
    state_in_database,
    waiting,
)

State = Attempt.State


@pytest.fixture
def till(db: None, monkeypatch: pytest.MonkeyPatch) -> Till:
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    return till


@pytest.mark.parametrize(
    ("answers", "attempt", "transfer", "code"),
    [
        ([accepted], State.ACCEPTED, "SUCCEEDED", ""),
        ([refused], State.REFUSED, "FAILED", "GENERIC_DECLINE"),
        ([waiting], State.WAITING, "PENDING", ""),
        ([NotSent("UNREACHABLE")], State.ABSENT, "FAILED", "PROVIDER_UNREACHABLE"),
        ([NotSent("UNREACHABLE"), accepted], State.ACCEPTED, "SUCCEEDED", ""),
        ([NotSent("UNREACHABLE"), OutcomeUnknown("TIMEOUT")], State.UNKNOWN, "PENDING", "TIMEOUT"),
        ([OutcomeUnknown("SERVER_ERROR")], State.UNKNOWN, "PENDING", "SERVER_ERROR"),
        ([OutcomeUnknown], State.UNKNOWN, "PENDING", "NO_ANSWER"),
        ([ZeroDivisionError()], State.UNKNOWN, "PENDING", "ADAPTER_FAILED"),
        ([lambda sale: accepted(sale, amount=sale.amount + 1)], State.UNKNOWN, "PENDING", "OTHER_AMOUNT"),
        ([lambda sale: accepted(sale, currency="EUR")], State.UNKNOWN, "PENDING", "OTHER_AMOUNT"),
        ([Answer(Verdict.ACCEPTED)], State.UNKNOWN, "PENDING", "NO_NEWS"),
        ([Answer(Verdict.REFUSED, code="CLOSED", message="No.")], State.REFUSED, "FAILED", "CLOSED"),
    ],
)
def test_what_an_answer_means(till: Till, answers: list[Any], attempt: str, transfer: str, code: str) -> None:
    till.provider.answers = [answer() if answer is OutcomeUnknown else answer for answer in answers]

    sale = till.sell()

    found = till.attempt
    assert (found.state, found.code) == (attempt, code)
    assert (sale.state, till.transfer.state) == (transfer, transfer)
    assert sale.failure_code == (code if transfer == "FAILED" else None)
    assert till.journals == (transfer == "SUCCEEDED")
    assert found.is_open is (transfer == "PENDING")
    assert Job.objects.open().filter(kind=attempts.RESOLVE).count() == (transfer == "PENDING")


def test_certainly_unsent_call_is_repeated_once_under_the_same_reference(till: Till) -> None:
    till.provider.answers = [NotSent("UNREACHABLE")]

    till.sell()

    references = [reference for reference, _ in till.provider.asked]
    assert references == [till.attempt.reference] * 2
    assert till.attempt.reference == f"{till.transfer.public_id}-1"


def test_unreachable_provider_reads_so_to_the_seller(till: Till) -> None:
    till.provider.answers = [NotSent("UNREACHABLE")]

    assert till.sell().failure_message == "The provider could not be reached."


def test_provider_is_never_called_within_a_transaction(till: Till) -> None:
    till.provider.answers = [accepted]
    till.sell_and_die()
    ((_, sale),) = till.provider.asked
    attempt, account = till.attempt, Account(till.application.pk)

    with transaction(by=system("test")), pytest.raises(RuntimeError, match="never called within a transaction"):
        attempts.carry_out(attempt, sale, account=account, by=system("test"))

    assert len(till.provider.asked) == 1


def test_sandbox_itself_refuses_to_be_called_within_a_transaction(db: None) -> None:
    """It opens one of its own, and a transaction of ours is never opened in another one."""
    till = make_till()

    with transaction(by=system("test")), pytest.raises(RuntimeError):
        till.sell()


@pytest.mark.usefixtures("own_database")
def test_claim_is_committed_before_the_call_and_nothing_is_open_during_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    till = make_till()

    def look_around(sale: Any) -> Answer:
        seen.append((is_open(), connection.in_atomic_block))
        with _owner() as owner:
            seen.append(owner.execute("SELECT state FROM transfer WHERE id = %s", [sale.id]).fetchone())
            seen.append(owner.execute("SELECT state, sends FROM attempt WHERE operation = 'sale'").fetchone())
            seen.append(owner.execute("SELECT count(*) FROM job WHERE kind = 'providers.resolve'").fetchone())
            seen.append(owner.execute("SELECT count(*) FROM audit WHERE action = 'create_transfer'").fetchone())
            idle = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state ~ 'in trans'"
            seen.append(owner.execute(idle).fetchone())
        return accepted(sale)

    till.provider.answers = [look_around]
    stand_behind_processors(till.provider, monkeypatch)

    till.sell()

    assert seen == [(False, False), ("PENDING",), ("CLAIMED", 1), (1,), (1,), (0,)]


@pytest.mark.usefixtures("own_database")
def test_verdict_that_cannot_be_written_is_pending_and_found_by_the_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """A 5xx would make the client ask anew, under a new key, for what was charged."""
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    holder = _owner()

    def hold_the_transfer(sale: Any) -> Answer:
        holder.execute("SELECT 1 FROM transfer WHERE id = %s FOR UPDATE", [sale.id])
        return accepted(sale)

    till.provider.answers = [hold_the_transfer]
    till.provider.knows = [accepted]
    sale = till.sell()
    holder.close()

    assert (sale.state, till.attempt.state, till.journals) == ("PENDING", State.CLAIMED, 0)
    expire(till.attempt)
    assert till.resolve().state == State.ACCEPTED
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


def test_caller_that_was_overtaken_gets_the_row_as_it_is(till: Till) -> None:
    """The resolver was told SUCCEEDED while the first caller still waited for the same word."""

    def overtaken(sale: Any) -> Answer:
        expire(till.attempt)
        till.resolve()
        return accepted(sale)

    till.provider.answers = [overtaken]
    till.provider.knows = [accepted]

    sale = till.sell()

    assert (sale.state, till.attempt.state, till.journals) == ("SUCCEEDED", State.ACCEPTED, 1)
    assert len(till.provider.asked) == 1


class Overtaken(Sandbox):
    """Answers so late that the resolver has been told meanwhile."""

    def carry_out(self, act: Any, *, reference: str, account: Account) -> Answer:
        answer = super().carry_out(act, reference=reference, account=account)
        with transaction(by=system("test")):
            attempt = Attempt.objects.get(reference=reference)
        expire(attempt)
        attempts.resolve(attempt.pk, attempt.application_id)
        return answer


def test_overtaken_caller_is_told_of_an_instrument_or_merchant_too(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    application, _ = make_application()
    make_processor(application)
    stand_behind_processors(Overtaken(), monkeypatch)

    card = make_card(make_identity(application))
    merchant = make_merchant(make_merchant_identity(application))

    assert (card.last_four, merchant.onboarding_state) == ("0006", "APPROVED")
    with transaction(by=system("test")):
        assert set(Attempt.objects.values_list("state", flat=True)) == {State.ACCEPTED}


@pytest.mark.parametrize("late", [NotSent("UNREACHABLE"), OutcomeUnknown("TIMEOUT")])
def test_late_word_that_knows_less_changes_nothing(till: Till, late: Exception) -> None:
    """The resolver knows that the provider is at it; the first caller hears of a connection that failed."""

    def overtaken(sale: Any) -> Answer:
        del sale
        expire(till.attempt)
        till.resolve()
        raise late

    till.provider.answers = [overtaken]
    till.provider.knows = [accepted]

    sale = till.sell()

    assert (sale.state, till.attempt.state, till.journals) == ("SUCCEEDED", State.ACCEPTED, 1)


def test_unsent_late_word_does_not_end_what_the_provider_is_at(till: Till) -> None:
    def overtaken(sale: Any) -> Answer:
        del sale
        expire(till.attempt)
        till.resolve()
        raise NotSent("UNREACHABLE")

    till.provider.answers = [overtaken]
    till.provider.knows = [waiting]

    sale = till.sell()

    assert (sale.state, till.attempt.state) == ("PENDING", State.WAITING)


def test_contradicting_verdict_is_recorded_and_changes_nothing(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    def overtaken(sale: Any) -> Answer:
        expire(till.attempt)
        till.resolve()
        return refused(sale)

    till.provider.answers = [overtaken]
    till.provider.knows = [accepted]

    sale = till.sell()

    assert (sale.state, till.attempt.state, till.journals) == ("SUCCEEDED", State.ACCEPTED, 1)
    assert _events(till.transfer)[-1] == ("transfer.contradicted", {"verdict": ["ACCEPTED", "REFUSED"]})
    assert "verdict_contradicts" in caplog.text


def test_same_late_verdict_is_no_contradiction(till: Till) -> None:
    till.provider.answers = [accepted]
    till.sell_and_die()
    stale = till.attempt
    expire(stale)
    till.provider.knows = [accepted]
    till.resolve()
    before = _events(till.transfer)

    ((_, sale), *_) = till.provider.asked
    attempts.conclude(stale, Ending(State.ACCEPTED, news=accepted(sale).news), by=system("test"))

    assert _events(till.transfer) == before
    assert till.journals == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (before, after)
        for before, after in itertools.permutations(State.values, 2)
        if after not in Attempt.MOVES.get(before, ())
    ],
)
def test_illegal_move_is_refused_by_code_and_database(till: Till, before: str, after: str) -> None:
    attempt = _attempt_in(till, before)

    with pytest.raises(IllegalMove):
        attempt.move_to(State(after))
    with pytest.raises(IntegrityError, match="cannot become"):
        _write_state(attempt, after)


@pytest.mark.parametrize(
    ("before", "after"), [(before, after) for before, found in Attempt.MOVES.items() for after in sorted(found)]
)
def test_legal_move_is_allowed_by_the_database(till: Till, before: str, after: str) -> None:
    attempt = _attempt_in(till, before)

    _write_state(attempt, after)

    assert state_in_database(attempt) == after


@pytest.mark.parametrize("after", ["PENDING", "SUCCEEDED", "FAILED", "CANCELED"])
@pytest.mark.parametrize("state", ["SUCCEEDED", "FAILED", "CANCELED"])
def test_final_transfer_stays_so_whatever_sql_is_written(till: Till, state: str, after: str) -> None:
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    transfer = till.sell()
    with transaction(by=system("test")):
        code = "GENERIC_DECLINE" if state == "FAILED" else None
        Transfer.objects.filter(pk=transfer.pk).update(state=state, failure_code=code)
    if after == state:
        return

    with pytest.raises(IntegrityError, match="cannot become"), transaction(by=system("test")):
        Transfer.objects.filter(pk=transfer.pk).update(state=after)


def test_two_open_attempts_at_one_act_are_refused_by_the_database(till: Till) -> None:
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.sell()
    second = till.attempt
    second.pk, second.number, second.reference = new_id(), 2, f"{till.transfer.public_id}-2"

    with pytest.raises(IntegrityError, match="attempt_one_open"), transaction(by=system("test")):
        second.save(force_insert=True)


def test_claim_whose_act_is_refused_leaves_nothing(till: Till) -> None:
    with pytest.raises(ZeroDivisionError), _refused_act(till):
        pass

    with transaction(by=system("test")):
        assert not Attempt.objects.filter(operation="sale").exists()
    assert not Job.objects.filter(kind=attempts.RESOLVE).exists()


def test_lease_of_a_claim_lasts_as_long_as_the_call_may(till: Till) -> None:
    till.provider.answers = [accepted]
    before = timezone.now()
    till.sell_and_die()

    found = till.attempt
    limit = till.provider.capabilities.time_limit + attempts.SPARE
    assert before + limit <= found.leased_until <= timezone.now() + limit
    job = Job.objects.get(kind=attempts.RESOLVE)
    assert (job.due_at, found.next_check_at) == (found.leased_until, found.leased_until)
    assert job.arguments == {"attempt_id": str(found.pk), "application_id": str(till.application.pk)}


@contextmanager
def _refused_act(till: Till) -> Iterator[None]:
    now = timezone.now()
    with act("create_transfer", by=system("test"), at=now, application_id=till.application.pk):
        attempts.claim(
            operation=SELL,
            model=Transfer,
            resource_id=till.card.pk,
            application_id=till.application.pk,
            processor="DUMMY_V1",
            at=now,
        )
        yield
        raise ZeroDivisionError


def _attempt_in(till: Till, state: str) -> Attempt:
    """An attempt that came into this state by legal moves."""
    till.provider.answers = [accepted]
    till.sell_and_die()
    attempt = till.attempt
    if state != State.CLAIMED:
        _write_state(attempt, state)
    return till.attempt


def _write_state(attempt: Attempt, state: str) -> None:
    decided_at = None if state in State.open() else timezone.now()
    with transaction(by=system("test")):
        Attempt.objects.filter(pk=attempt.pk).update(state=state, decided_at=decided_at)


def _events(transfer: Transfer) -> list[tuple[str, Any]]:
    with transaction(by=system("test")):
        found = Event.objects.filter(resource_id=transfer.pk).order_by("sequence")
        return [(event.kind, event.changes) for event in found]


def _owner() -> "psycopg.Connection[Any]":
    name = connection.settings_dict["NAME"]
    return psycopg.connect(database_url("DATABASE_OWNER_URL", name))
