"""Answers that cannot be relied on, stored, or waited for any longer: nothing is charged twice, nothing forgotten."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
import time_machine
from django.db import connection
from django.utils import timezone

from jobs.models import IdempotencyKey
from onboarding.models import Merchant
from providers import attempts
from providers.models import Attempt
from providers.port import Account, Answer, NotSent, OutcomeUnknown, ProvisionMerchant, Verdict
from providers.sandbox.provider import Sandbox
from resources.ids import new_id
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.databases import database_url
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_processor
from tests.factories.tenancy import make_application
from tests.providers.scripted import (
    Till,
    accepted,
    due_jobs,
    expire,
    make_till,
    run_due_jobs,
    stand_behind_processors,
    told,
    waiting,
)

State = Attempt.State

START = datetime.fromisoformat("2031-03-03T12:00:00+00:00")
DAY = timedelta(days=1)


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def till(db: None, monkeypatch: pytest.MonkeyPatch) -> Till:
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    till = make_till()
    till.provider.answers = [accepted]
    stand_behind_processors(till.provider, monkeypatch)
    return till


def test_number_that_a_message_quotes_is_not_kept(till: Till) -> None:
    quote = "Card 4895142232120006 is not known."
    till.provider.answers = [
        lambda sale: Answer(
            Verdict.REFUSED,
            (told(sale, "FAILED", failure_code="INVALID_CARD", failure_message=quote, messages=(quote,)),),
            code="INVALID_CARD",
            message=quote,
        )
    ]

    till.sell()

    transfer, attempt = till.transfer, till.attempt
    texts = [transfer.failure_message, *transfer.messages, attempt.message]
    assert [text.replace("•", "") for text in texts] == ["Card  is not known."] * 3


# --- what it speaks of ------------------------------------------------------------------------------------------------


def _of_another(sale: Any) -> Answer:
    return accepted(sale, id=new_id())


def _of_two(sale: Any) -> Answer:
    return Answer(Verdict.ACCEPTED, (told(sale, "SUCCEEDED"), told(sale, "SUCCEEDED", id=new_id())))


def _twice(sale: Any) -> Answer:
    return Answer(Verdict.ACCEPTED, (told(sale, "SUCCEEDED"), told(sale, "SUCCEEDED", version="3")))


def _of_none(sale: Any) -> Answer:
    del sale
    return Answer(Verdict.ACCEPTED)


def _refused_of_another(sale: Any) -> Answer:
    failed = told(sale, "FAILED", id=new_id(), failure_code="GENERIC_DECLINE")
    return Answer(Verdict.REFUSED, (failed,), code="GENERIC_DECLINE", message="Declined.")


def _at_work_on_another(sale: Any) -> Answer:
    return Answer(Verdict.WAITING, (told(sale, "PENDING", id=new_id()),))


def _of_another_and_its_amount(sale: Any) -> Answer:
    return accepted(sale, id=new_id(), amount=99_999)


DOUBTFUL = [
    (_of_another, "OTHER_TRANSFER"),
    (_of_two, "OTHER_TRANSFER"),
    (_refused_of_another, "OTHER_TRANSFER"),
    (_at_work_on_another, "OTHER_TRANSFER"),
    (_twice, "NO_NEWS"),
    (_of_none, "NO_NEWS"),
    (_of_another_and_its_amount, "OTHER_AMOUNT"),
    (lambda sale: Answer(Verdict.ACCEPTED, (told(sale, "NONSENSE"),)), "UNKNOWN_STATE"),
    (lambda sale: Answer(Verdict.ACCEPTED, (told(sale, "FAILED"),)), "SELF_CONTRADICTORY"),
    (lambda sale: Answer(Verdict.REFUSED, (told(sale, "SUCCEEDED"),), code="CLOSED"), "SELF_CONTRADICTORY"),
    (lambda sale: accepted(sale, amount=sale.amount - 1), "OTHER_AMOUNT"),
    (lambda sale: accepted(sale, currency="EUR"), "OTHER_AMOUNT"),
]


@pytest.mark.parametrize(("answer", "code"), DOUBTFUL)
def test_answer_about_something_else_or_in_two_minds_is_none(till: Till, answer: Any, code: str) -> None:
    till.provider.answers = [answer]

    sale = till.sell()

    assert (sale.state, till.transfer.state, till.transfer.pk) == ("PENDING", "PENDING", sale.pk)
    assert (till.attempt.state, till.attempt.code, till.journals) == (State.UNKNOWN, code, 0)
    assert len(due_jobs(timezone.now() + DAY)) == 1


@pytest.mark.parametrize(("answer", "code"), DOUBTFUL)
def test_look_up_that_tells_such_a_thing_is_none_either(till: Till, answer: Any, code: str) -> None:
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.sell()
    till.provider.knows = [answer, accepted]
    expire(till.attempt)

    till.resolve()

    assert (till.attempt.state, till.attempt.code) == (State.UNKNOWN, code)
    assert (till.transfer.state, till.journals) == ("PENDING", 0)
    expire(till.attempt)
    till.resolve()
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


def test_accepted_and_not_decided_is_waited_for(till: Till, clock: time_machine.Traveller) -> None:
    def taken(sale: Any) -> Answer:
        return Answer(Verdict.ACCEPTED, (told(sale, "PENDING", version="1"),))

    till.provider.answers = [taken]
    till.provider.knows = [taken, taken, accepted]

    sale = till.sell()

    assert (sale.state, till.attempt.state, till.journals) == ("PENDING", State.WAITING, 0)
    states = []
    while (check := till.attempt.next_check_at) is not None:
        clock.move_to(check)
        run_due_jobs(check)
        states.append(till.transfer.state)
    assert states == ["PENDING", "PENDING", "SUCCEEDED"]
    assert timezone.now() - START < timedelta(seconds=10)
    assert (till.attempt.state, till.journals, len(till.provider.asked)) == (State.ACCEPTED, 1, 1)


# --- what cannot be stored --------------------------------------------------------------------------------------------


def _refused_with_odd_document(sale: Any) -> Answer:
    failed = told(sale, "FAILED", failure_code="GENERIC_DECLINE", raw={"note": "a\0b"})
    return Answer(Verdict.REFUSED, (failed,), code="GENERIC_DECLINE", message="Declined.")


UNSTORABLE = [
    lambda sale: accepted(sale, version="2" * 61),
    lambda sale: accepted(sale, raw={"note": "a\0b"}),
    _refused_with_odd_document,
]
IDS = ["long version", "NUL in document", "NUL in document of a refusal"]


@pytest.mark.parametrize("answer", UNSTORABLE, ids=IDS)
def test_answer_that_cannot_be_stored_is_pending_for_its_caller(till: Till, answer: Any) -> None:
    """It may have been charged, so an error would make the client charge once more."""
    till.provider.answers = [answer]
    body = {"merchant": till.merchant.public_id, "source": till.card.public_id, "amount": 1000, "currency": "USD"}

    answer_to_caller = ApiClient(till.login).post("/transfers", body)

    assert (answer_to_caller.status_code, answer_to_caller.json().get("state")) == (201, "PENDING")
    assert (till.attempt.state, till.attempt.code) == (State.UNKNOWN, "CANNOT_BE_STORED")
    assert (till.transfer.state, till.transfer.trace_id, till.journals) == ("PENDING", None, 0)


@pytest.mark.parametrize("answer", UNSTORABLE, ids=IDS)
def test_answer_that_is_never_storable_is_at_last_a_persons(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture, answer: Any
) -> None:
    till.provider.answers = [answer]
    till.provider.knows = [answer]
    till.sell()
    pauses = []

    while (check := till.attempt.next_check_at) is not None:
        pauses.append((check - timezone.now()).total_seconds())
        clock.move_to(check)
        assert run_due_jobs(check) == 1

    assert pauses == [pause.total_seconds() for pause in attempts.BACK_OFF]
    assert (till.attempt.state, till.attempt.code) == (State.UNKNOWN, "CANNOT_BE_STORED")
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("PENDING", 0, 1)
    assert "attempt_unresolved" in caplog.text
    assert due_jobs(timezone.now() + 99 * DAY) == []


def test_answer_that_is_storable_after_all_enters(till: Till) -> None:
    till.provider.answers = [UNSTORABLE[0]]
    till.provider.knows = [accepted]
    till.sell()
    expire(till.attempt)

    till.resolve()

    assert (till.transfer.state, till.transfer.trace_id, till.journals) == ("SUCCEEDED", "T1", 1)


def test_verdict_under_an_old_version_is_no_verdict(till: Till) -> None:
    """It says SUCCEEDED of the state in which it said PENDING: taken as old, the sale would be pending for ever."""
    till.provider.answers = [waiting]
    till.sell()
    till.provider.knows = [lambda sale: accepted(sale, version="1"), accepted]
    expire(till.attempt)

    till.resolve()

    assert (till.attempt.state, till.attempt.code) == (State.UNKNOWN, "CANNOT_BE_STORED")
    expire(till.attempt)
    till.resolve()
    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)


def test_words_of_a_refusal_are_cut_to_what_can_be_kept(till: Till) -> None:
    till.provider.answers = [Answer(Verdict.REFUSED, code="C" * 81, message="m" * 301)]

    sale = till.sell()

    assert (sale.state, sale.failure_code, sale.failure_message) == ("FAILED", "C" * 80, "m" * 300)
    assert (till.attempt.state, till.attempt.code, till.attempt.message) == (State.REFUSED, "C" * 80, "m" * 200)


# --- who has sent it --------------------------------------------------------------------------------------------------


def test_failed_connection_of_the_first_sender_tells_nothing_of_the_second_sending(till: Till) -> None:
    """The resolver has sent it again meanwhile, and that request may have been executed."""

    def overtaken(sale: Any) -> Answer:
        del sale
        expire(till.attempt)
        till.resolve()
        raise NotSent("UNREACHABLE")

    till.provider.answers = [overtaken, OutcomeUnknown("TIMEOUT"), NotSent("UNREACHABLE")]

    sale = till.sell()

    assert (till.attempt.state, till.attempt.code, till.attempt.sends) == (State.UNKNOWN, "TIMEOUT", 2)
    assert (sale.state, till.transfer.state) == ("PENDING", "PENDING")
    assert len(due_jobs(timezone.now() + DAY)) == 1
    till.provider.knows = [accepted]
    expire(till.attempt)
    till.resolve()
    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)


# --- how long a silent provider is waited for -------------------------------------------------------------------------

SILENCE = [NotSent("UNREACHABLE"), OutcomeUnknown("TIMEOUT"), OSError()]


@pytest.mark.parametrize("silence", SILENCE)
def test_silent_provider_is_asked_for_a_day(
    till: Till, clock: time_machine.Traveller, caplog: pytest.LogCaptureFixture, silence: Exception
) -> None:
    """The day begins with the first question that got no answer, and not when the sale was made."""
    till.provider.answers = [waiting]
    till.provider.knows = [waiting]
    till.sell()
    _work_until(till, clock, START + 3 * DAY)
    assert (till.attempt.state, till.attempt.silent_since) == (State.WAITING, None)
    first = till.attempt.next_check_at
    assert first is not None

    till.provider.knows = [silence]
    _work_until(till, clock, first + DAY - timedelta(seconds=1))
    assert (till.attempt.state, till.attempt.silent_since) == (State.WAITING, first)
    _work_until(till, clock, first + 2 * DAY)

    assert (till.attempt.state, till.attempt.next_check_at) == (State.UNKNOWN, None)
    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("PENDING", 0, 1)
    assert "attempt_unresolved" in caplog.text
    assert due_jobs(timezone.now() + 99 * DAY) == []


@pytest.mark.parametrize("silence", SILENCE)
def test_silence_ends_with_each_word(till: Till, clock: time_machine.Traveller, silence: Exception) -> None:
    """Four days in which every other question gets no answer hold no silent day."""
    till.provider.answers = [waiting]
    till.sell()
    for number in range(8):
        is_silent = number % 2 == 0
        till.provider.knows = [silence if is_silent else waiting]
        clock.shift(timedelta(hours=13))
        assert run_due_jobs(timezone.now()) == 1
        assert (till.attempt.state, till.attempt.silent_since is None) == (State.WAITING, not is_silent)


@pytest.mark.parametrize("silence", SILENCE)
def test_provider_that_speaks_again_within_the_day_is_believed(
    till: Till, clock: time_machine.Traveller, silence: Exception
) -> None:
    till.provider.answers = [waiting]
    till.provider.knows = [silence]
    till.sell()
    _work_until(till, clock, START + DAY - timedelta(hours=3))
    assert till.attempt.state == State.WAITING

    till.provider.knows = [lambda sale: accepted(sale, version="3")]
    _work_until(till, clock, START + DAY)

    assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


@pytest.mark.parametrize("silence", SILENCE)
def test_one_question_without_an_answer_is_no_silence_however_rarely_it_is_asked(
    till: Till, clock: time_machine.Traveller, silence: Exception
) -> None:
    """After three weeks it is asked every other day: more than a day has passed since its last word."""
    till.provider.answers = [waiting]
    till.provider.knows = [waiting]
    till.sell()
    _work_until(till, clock, START + 21 * DAY)
    check = till.attempt.next_check_at
    assert check is not None
    assert check - timezone.now() > timedelta(hours=12)

    till.provider.knows = [silence]
    clock.move_to(check + DAY)
    assert run_due_jobs(timezone.now()) == 1
    assert till.attempt.state == State.WAITING
    till.provider.knows = [lambda sale: accepted(sale, version="3")]
    _work_until(till, clock, START + 30 * DAY)

    assert (till.transfer.state, till.journals) == ("SUCCEEDED", 1)


def _work_until(till: Till, clock: time_machine.Traveller, end: datetime) -> None:
    """The worker runs each check in its moment, up to and including the end."""
    while (check := till.attempt.next_check_at) is not None and check <= end:
        clock.move_to(check)
        run_due_jobs(check)
    clock.move_to(max(end, timezone.now()))


# --- verdicts and answers that could not be written -------------------------------------------------------------------


class Holding(Sandbox):
    """Carries out, and in that moment somebody else takes hold of rows that the verdict needs."""

    def __init__(self, statement: str) -> None:
        self.statement = statement
        self.holder = psycopg.connect(database_url("DATABASE_OWNER_URL", connection.settings_dict["NAME"]))

    def carry_out(self, act: Any, *, reference: str, account: Account) -> Answer:
        answer = super().carry_out(act, reference=reference, account=account)
        assert isinstance(act, ProvisionMerchant)
        assert self.holder.execute(self.statement, {"merchant": act.id}).fetchone()
        return answer


@pytest.mark.usefixtures("own_database")
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT id FROM merchant WHERE id = %(merchant)s FOR UPDATE",
        "SELECT id FROM idempotency_key WHERE resource_id = %(merchant)s FOR UPDATE",
    ],
    ids=["merchant", "key"],
)
def test_provisioning_whose_verdict_cannot_be_written_is_told_as_it_becomes(
    monkeypatch: pytest.MonkeyPatch, statement: str
) -> None:
    """Held is what the verdict enters, or where its answer is kept; that one cannot be kept afterwards either."""
    application, login = make_application()
    make_processor(application)
    path = f"/identities/{make_merchant_identity(application).public_id}/merchants"
    provider = Holding(statement)
    stand_behind_processors(provider, monkeypatch)
    client = ApiClient(login)

    first = client.post(path, {}, Idempotency_Key="K")
    provider.holder.close()

    assert (first.status_code, first.json()["onboarding_state"]) == (201, "PROVISIONING")
    with transaction(by=system("test")):
        assert not IdempotencyKey.objects.get(key="K").is_final
        attempt = Attempt.objects.get()
    assert attempt.state == State.CLAIMED
    expire(attempt)
    attempts.resolve(attempt.pk, attempt.application_id)

    again = client.post(path, {}, Idempotency_Key="K")
    assert (again.status_code, again.headers["Idempotent-Replayed"]) == (201, "true")
    assert (again.json()["id"], again.json()["onboarding_state"]) == (first.json()["id"], "APPROVED")
    with transaction(by=system("test")):
        assert Merchant.objects.count() == 1
