"""What becomes of an attempt whose caller has gone or was not told: the crash table, and what an adapter declares."""

import logging
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.db import connections
from django.utils import timezone

from jobs import services as queue
from jobs.models import Job
from onboarding.models import Merchant, Verification
from onboarding.services import update_merchant, verify_merchant
from payments.models import Authorization
from payments.services import create_authorization, create_sale
from providers import attempts
from providers.models import Attempt
from providers.port import Answer, Capabilities, NotSent, OutcomeUnknown, Verdict
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.providers.scripted import (
    Killed,
    Till,
    accepted,
    due_jobs,
    expire,
    make_till,
    refused,
    run_due_jobs,
    stand_behind_processors,
    told,
    waiting,
)
from vault.secret import Secret

State = Attempt.State

NO_LOOKUP = Capabilities(has_lookup=False, has_idempotent_create=True)
ONLY_LOOKUP = Capabilities(has_lookup=True, has_idempotent_create=False)
NEITHER = Capabilities(has_lookup=False, has_idempotent_create=False)
START = datetime.fromisoformat("2031-03-03T12:00:00+00:00")


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def till(db: None, clock: time_machine.Traveller, monkeypatch: pytest.MonkeyPatch) -> Till:
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    till = make_till()
    till.provider.answers = [accepted]
    stand_behind_processors(till.provider, monkeypatch)
    return till


# --- the crash table --------------------------------------------------------------------------------------------------


def test_killed_before_sending_is_sent_under_the_same_reference(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    clock.shift(21)

    assert run_due_jobs(timezone.now()) == 1

    assert (till.transfer.state, till.attempt.state, till.attempt.sends) == ("SUCCEEDED", State.ACCEPTED, 2)
    assert [reference for reference, _ in till.provider.asked] == [till.attempt.reference] * 2
    assert (till.journals, len(due_jobs(START + timedelta(days=9)))) == (1, 0)


@pytest.mark.parametrize(("word", "state"), [(accepted, "SUCCEEDED"), (refused, "FAILED")])
def test_killed_after_sending_gets_the_providers_verdict(
    till: Till, clock: time_machine.Traveller, word: Any, state: str
) -> None:
    till.sell_and_die()
    till.provider.knows = [word]
    clock.shift(21)

    run_due_jobs(timezone.now())

    assert (till.transfer.state, len(till.provider.asked)) == (state, 1)
    assert till.journals == (state == "SUCCEEDED")


def test_nobody_asks_while_the_caller_may_still_be_waiting(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    clock.shift(19)

    assert run_due_jobs(timezone.now()) == 0
    till.resolve()

    assert (till.provider.looked_up, till.attempt.state) == ([], State.CLAIMED)


def test_final_attempt_is_left_alone(till: Till, clock: time_machine.Traveller) -> None:
    till.sell()
    clock.shift(60)

    till.resolve()

    assert (till.provider.looked_up, len(till.provider.asked), till.journals) == ([], 1, 1)


# --- what the adapter declares ----------------------------------------------------------------------------------------


def test_without_lookup_the_call_is_repeated_under_the_same_reference(
    till: Till, clock: time_machine.Traveller
) -> None:
    till.provider.capabilities = NO_LOOKUP
    till.sell_and_die()
    clock.shift(21)

    run_due_jobs(timezone.now())

    assert till.provider.looked_up == []
    assert (till.transfer.state, [one for one, _ in till.provider.asked]) == ("SUCCEEDED", [till.attempt.reference] * 2)


def test_without_lookup_an_unreachable_repeat_tells_nothing_of_the_first_try(
    till: Till, clock: time_machine.Traveller
) -> None:
    till.provider.capabilities = NO_LOOKUP
    till.provider.answers = [OutcomeUnknown("TIMEOUT"), NotSent("UNREACHABLE")]
    till.sell()
    clock.shift(6)

    run_due_jobs(timezone.now())

    assert (till.transfer.state, till.attempt.state) == ("PENDING", State.UNKNOWN)
    till.provider.answers = [accepted]
    clock.shift(60)
    run_due_jobs(timezone.now())
    assert till.transfer.state == "SUCCEEDED"


def test_without_lookup_what_cannot_be_sent_again_waits_for_a_person(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    """It may have been charged before the merchant was switched off."""
    till.provider.capabilities = NO_LOOKUP
    till.sell_and_die()
    _switch_off(till.merchant)
    clock.shift(21)

    run_due_jobs(timezone.now())

    _assert_waits_for_a_person(till, caplog)
    assert len(till.provider.asked) == 1


@pytest.mark.parametrize("capabilities", [Capabilities(has_lookup=True, has_idempotent_create=True), NO_LOOKUP])
def test_what_was_sent_with_a_security_code_is_not_sent_without(
    till: Till, clock: time_machine.Traveller, capabilities: Capabilities
) -> None:
    """Another sale would be asked for under the same reference: one that the issuer does not check."""
    till.provider.capabilities = capabilities
    till.provider.answers[:0] = [Killed()]
    with pytest.raises(Killed):
        _sell_with_code(till)
    clock.shift(21)

    run_due_jobs(timezone.now())

    assert len(till.provider.asked) == 1
    if capabilities.has_lookup:
        _assert_not_sent(till)
    else:
        assert (till.attempt.state, till.attempt.code) == (State.UNKNOWN, "CANNOT_BE_ASKED")


def test_hold_that_was_sent_with_a_security_code_is_not_sent_without(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers[:0] = [Killed()]
    with pytest.raises(Killed):
        create_authorization(**_wish(till))
    clock.shift(21)

    run_due_jobs(timezone.now())

    with transaction(by=system("test")):
        held = Authorization.objects.get()
    assert (held.state, held.failure_code, len(till.provider.asked)) == ("FAILED", "NOT_SENT", 1)


def test_without_lookup_a_waiting_one_is_asked_about_by_repeating_it(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.capabilities = NO_LOOKUP
    till.provider.answers = [waiting, waiting, OutcomeUnknown("TIMEOUT"), NotSent("UNREACHABLE"), accepted]
    till.sell()
    for _ in range(3):
        check = till.attempt.next_check_at
        assert (till.transfer.state, till.attempt.state, check is None) == ("PENDING", State.WAITING, False)
        clock.move_to(check)
        assert run_due_jobs(timezone.now()) == 1

    assert (till.transfer.state, till.journals, till.attempt.state) == ("SUCCEEDED", 1, State.ACCEPTED)
    assert [reference for reference, _ in till.provider.asked] == [till.attempt.reference] * 5
    assert till.attempt.sends == 1


def test_without_lookup_a_waiting_one_that_cannot_be_repeated_waits_for_a_person(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    till.provider.capabilities = NO_LOOKUP
    till.provider.answers = [waiting]
    _sell_with_code(till)
    clock.shift(4)

    run_due_jobs(timezone.now())

    _assert_waits_for_a_person(till, caplog)


def _sell_with_code(till: Till) -> None:
    create_sale(**_wish(till))


def _wish(till: Till) -> dict[str, Any]:
    return {
        "merchant_id": till.merchant.pk, "source_id": till.card.pk, "amount": 1000, "currency": "USD",
        "security_code": Secret("112"), "by": system("test"), "at": timezone.now(),
    }  # fmt: skip


def test_with_neither_nothing_is_guessed(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture
) -> None:
    till.provider.capabilities = NEITHER
    till.sell_and_die()
    clock.shift(21)

    run_due_jobs(timezone.now())

    _assert_waits_for_a_person(till, caplog)
    assert (till.provider.looked_up, len(till.provider.asked)) == ([], 1)


def test_without_idempotent_create_what_is_not_there_has_failed(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.capabilities = ONLY_LOOKUP
    till.sell_and_die()
    clock.shift(21)

    run_due_jobs(timezone.now())

    _assert_not_sent(till)


def _assert_waits_for_a_person(till: Till, caplog: pytest.LogCaptureFixture) -> None:
    assert (till.attempt.state, till.attempt.code, till.attempt.next_check_at) == (
        State.UNKNOWN,
        "CANNOT_BE_ASKED",
        None,
    )
    assert till.transfer.state == "PENDING"
    assert "attempt_unresolved" in caplog.text
    assert due_jobs(START + timedelta(days=99)) == []


def _assert_not_sent(till: Till) -> None:
    assert (till.attempt.state, till.attempt.code) == (State.ABSENT, "NOT_SENT")
    assert (till.transfer.state, till.transfer.failure_code) == ("FAILED", "NOT_SENT")
    assert (len(till.provider.asked), till.journals, due_jobs(START + timedelta(days=99))) == (1, 0, [])


# --- when not there counts --------------------------------------------------------------------------------------------


def test_not_there_counts_once_a_request_can_no_longer_be_on_its_way(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers = [OutcomeUnknown("RESET"), accepted]
    till.sell()

    clock.shift(5)
    run_due_jobs(timezone.now())
    assert (till.attempt.state, till.attempt.code, len(till.provider.asked)) == (State.UNKNOWN, "NOT_THERE_YET", 1)

    clock.shift(30)
    run_due_jobs(timezone.now())
    assert (till.transfer.state, len(till.provider.asked), till.attempt.sends) == ("SUCCEEDED", 2, 2)


@pytest.mark.parametrize(("minutes", "is_sent"), [(9.9, True), (10, False), (10.1, False)])
def test_claim_of_ten_minutes_is_not_sent_any_more(
    till: Till, clock: time_machine.Traveller, minutes: float, is_sent: bool
) -> None:
    till.sell_and_die()
    clock.shift(timedelta(minutes=minutes))

    run_due_jobs(timezone.now())

    if is_sent:
        assert till.transfer.state == "SUCCEEDED"
    else:
        _assert_not_sent(till)


def test_merchant_that_was_switched_off_meanwhile_is_not_charged_for(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    _switch_off(till.merchant)
    clock.shift(21)

    run_due_jobs(timezone.now())

    _assert_not_sent(till)


# --- how often, and for how long --------------------------------------------------------------------------------------


@pytest.mark.parametrize("silence", [NotSent("UNREACHABLE"), OutcomeUnknown("TIMEOUT"), OSError()])
def test_back_off_while_nothing_is_known_and_a_person_at_its_end(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture, silence: Exception
) -> None:
    caplog.set_level(logging.ERROR)
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.provider.knows = [silence]
    till.sell()
    pauses: list[float] = []

    while (check := till.attempt.next_check_at) is not None:
        pauses.append((check - timezone.now()).total_seconds())
        assert [job.due_at for job in due_jobs(check)] == [check]
        clock.move_to(check)
        run_due_jobs(check)

    assert pauses == [5, 30, 120, 600, 3600, 6 * 3600, 24 * 3600]
    assert (till.attempt.state, till.attempt.checks, till.transfer.state) == (State.UNKNOWN, 8, "PENDING")
    assert "attempt_unresolved" in caplog.text
    assert due_jobs(START + timedelta(days=99)) == []


def test_waiting_attempt_is_polled_as_the_adapter_says_and_ever_less_often(
    till: Till, clock: time_machine.Traveller
) -> None:
    till.provider.answers = [waiting]
    till.provider.knows = [waiting]
    till.sell()
    pauses: list[float] = []

    for _ in range(60):
        check = till.attempt.next_check_at
        assert check is not None
        pauses.append((check - timezone.now()).total_seconds())
        clock.move_to(check)
        run_due_jobs(check)

    assert pauses[:5] == [3] * 5
    assert pauses == sorted(pauses)
    assert max(pauses) > 300
    till.provider.knows = [lambda sale: accepted(sale, version="3")]
    clock.shift(timedelta(days=1))
    run_due_jobs(timezone.now())
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


@pytest.mark.parametrize("silence", [NotSent("UNREACHABLE"), OutcomeUnknown("TIMEOUT"), OSError()])
def test_question_without_an_answer_does_not_make_a_waiting_attempt_a_persons(
    till: Till, clock: time_machine.Traveller, silence: Exception
) -> None:
    """One bad minute of the network, days after the provider said that it has it."""
    till.provider.answers = [waiting]
    till.sell()
    clock.shift(timedelta(days=3))
    till.provider.knows = [silence]
    run_due_jobs(timezone.now())

    assert till.attempt.state == State.WAITING
    till.provider.knows = [lambda sale: accepted(sale, version="3")]
    clock.shift(timedelta(days=1))
    run_due_jobs(timezone.now())
    assert till.transfer.state == "SUCCEEDED"


def test_waiting_attempt_that_the_provider_has_no_more_is_unknown(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers = [waiting]
    till.sell()
    clock.shift(4)

    run_due_jobs(timezone.now())

    assert (till.attempt.state, till.attempt.code, till.transfer.state) == (State.UNKNOWN, "FORGOTTEN", "PENDING")
    assert len(till.provider.asked) == 1


def test_other_amount_is_not_believed_of_a_waiting_attempt_either(till: Till, clock: time_machine.Traveller) -> None:
    till.provider.answers = [waiting]
    till.provider.knows = [lambda sale: accepted(sale, version="3", amount=sale.amount * 10)]
    till.sell()
    clock.shift(4)

    run_due_jobs(timezone.now())

    assert (till.attempt.state, till.attempt.code, till.journals) == (State.UNKNOWN, "OTHER_AMOUNT", 0)


# --- resolvers that die, meet, or are not called ----------------------------------------------------------------------


def test_worker_that_dies_while_it_asks_is_followed_by_another(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    till.provider.knows = [Killed(), accepted]
    clock.shift(21)
    with pytest.raises(Killed):
        run_due_jobs(timezone.now())
    assert run_due_jobs(timezone.now()) == 0

    clock.shift(61)

    assert run_due_jobs(timezone.now()) == 1
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)
    assert due_jobs(START + timedelta(days=9)) == []


def test_worker_that_dies_while_it_sends_again_is_followed_by_another(
    till: Till, clock: time_machine.Traveller
) -> None:
    till.sell_and_die()
    till.provider.answers[:0] = [Killed()]
    clock.shift(21)
    with pytest.raises(Killed):
        run_due_jobs(timezone.now())
    assert (till.attempt.state, till.attempt.sends) == (State.CLAIMED, 2)

    clock.shift(61)
    run_due_jobs(timezone.now())

    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)
    assert len({reference for reference, _ in till.provider.asked}) == 1
    assert due_jobs(START + timedelta(days=9)) == []


def test_answer_that_is_not_understood_is_asked_for_again(till: Till, clock: time_machine.Traveller) -> None:
    till.sell_and_die()
    till.provider.knows = [lambda sale: Answer(Verdict.ACCEPTED, (told(sale, "NONSENSE"),)), accepted]
    clock.shift(21)

    run_due_jobs(timezone.now())
    assert (till.transfer.state, till.attempt.state, till.attempt.code) == ("PENDING", State.UNKNOWN, "UNKNOWN_STATE")
    assert len(due_jobs(START + timedelta(minutes=5))) == 1

    clock.shift(60)
    run_due_jobs(timezone.now())
    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)


def test_sweep_finds_what_no_message_told_about(till: Till, clock: time_machine.Traveller) -> None:
    """The message of a claim is never sent: its job lies there for the case that the caller dies."""
    till.sell_and_die()

    of_others = queue.sweep(timezone.now())
    assert due_jobs(timezone.now()) == []
    clock.shift(21)

    assert len(due_jobs(timezone.now())) == 1
    assert queue.sweep(timezone.now()) == of_others + 1


@pytest.mark.usefixtures("own_database")
def test_two_resolvers_at_once_send_once(monkeypatch: pytest.MonkeyPatch) -> None:
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    till.provider.answers = [accepted]
    till.sell_and_die()
    expire(till.attempt)
    both = threading.Barrier(2)

    def not_there(_: Any) -> None:
        both.wait(30)

    till.provider.knows = [not_there]
    attempt, application = till.attempt.pk, till.application.pk

    def resolve(_: int) -> None:
        try:
            attempts.resolve(attempt, application)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(resolve, range(2)))

    assert (len(till.provider.looked_up), len(till.provider.asked)) == (2, 2)
    assert (till.transfer.state, till.attempt.sends, till.journals) == ("SUCCEEDED", 2, 1)


@pytest.mark.usefixtures("own_database")
def test_resolver_and_slow_caller_that_conclude_at_once_post_once(monkeypatch: pytest.MonkeyPatch) -> None:
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    both = threading.Barrier(2)

    def at_last(sale: Any) -> Answer:
        both.wait(30)
        return accepted(sale)

    till.provider.answers = [at_last]
    till.provider.knows = [at_last]

    def in_thread(work: Any) -> Any:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        sale = pool.submit(in_thread, till.sell)
        while not till.provider.asked:
            threading.Event().wait(0.01)
        expire(till.attempt)
        resolver = pool.submit(in_thread, till.resolve)
        assert (sale.result(30).state, resolver.result(30).state) == ("SUCCEEDED", State.ACCEPTED)

    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


# --- acts that are left to the worker ---------------------------------------------------------------------------------


def test_deferred_act_is_sent_by_the_worker(db: None, clock: time_machine.Traveller) -> None:
    till = make_till()

    verification = _verify(till.merchant)
    attempt = _attempt_of(verification)
    assert (verification.state, attempt.state, attempt.sends, attempt.sent_at) == ("PENDING", State.CLAIMED, 0, None)
    run_due_jobs(timezone.now())

    assert _attempt_of(verification).state in {State.ACCEPTED, State.WAITING}
    _run_until_decided(clock)
    assert (_state_of(verification), _attempt_of(verification).state) == ("SUCCEEDED", State.ACCEPTED)


def test_deferred_act_whose_worker_dies_at_the_call_is_sent_once_more(
    till: Till, clock: time_machine.Traveller
) -> None:
    """Between its lease and the call: the sends count says that it may be on its way, so it is looked up first."""
    verification = _verify(till.merchant)
    till.provider.answers = [Killed(), Answer(Verdict.REFUSED, code="CLOSED", message="No.")]
    with pytest.raises(Killed):
        run_due_jobs(timezone.now())
    attempt = _attempt_of(verification)
    assert (attempt.state, attempt.sends, attempt.leased_until) == (State.CLAIMED, 1, START + timedelta(seconds=20))

    clock.shift(61)
    run_due_jobs(timezone.now())

    assert till.provider.looked_up == [attempt.reference]
    assert [reference for reference, _ in till.provider.asked] == [attempt.reference] * 2
    assert (_attempt_of(verification).state, _state_of(verification)) == (State.REFUSED, "FAILED")


def test_deferred_act_that_nobody_sent_for_ten_minutes_is_still_sent(till: Till, clock: time_machine.Traveller) -> None:
    """No worker ran. It was never sent, so there is no doubt about it."""
    verification = _verify(till.merchant)
    till.provider.answers = [Answer(Verdict.REFUSED, code="CLOSED", message="No.")]
    clock.shift(timedelta(hours=1))

    run_due_jobs(timezone.now())

    assert (len(till.provider.asked), _attempt_of(verification).state) == (1, State.REFUSED)


def _switch_off(merchant: Merchant) -> None:
    update_merchant(merchant=merchant, values={"processing_enabled": False}, by=system("test"), at=timezone.now())


def _verify(merchant: Merchant) -> Verification:
    return verify_merchant(merchant=merchant, by=system("test"), at=timezone.now())


def _attempt_of(verification: Verification) -> Attempt:
    with transaction(by=system("test")):
        return Attempt.objects.get(resource_id=verification.pk)


def _state_of(verification: Verification) -> str:
    with transaction(by=system("test")):
        return Verification.objects.get(pk=verification.pk).state


def _run_until_decided(clock: time_machine.Traveller) -> None:
    for _ in range(20):
        if not Job.objects.open().filter(kind=attempts.RESOLVE).exists():
            return
        clock.shift(10)
        run_due_jobs(timezone.now())
