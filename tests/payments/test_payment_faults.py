"""Each fault of a provider at each act on a payment has its end, and what it lies about moves nothing.

Everything goes through the services and the job queue as they are; only the clock is moved, and the liar is scripted.
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.utils import timezone

from events.models import Event
from jobs.models import Job
from onboarding.models import PaymentInstrument
from payments.models import Authorization, Journal, Transfer
from providers import attempts, copying, port
from providers.models import Attempt
from providers.port import Account, Answer, OutcomeUnknown, Verdict
from providers.sandbox import faults
from providers.sandbox.models import Fault
from resources.ids import new_id
from tenancy.actors import system
from tenancy.transactions import outcome, transaction
from tests.payments.counter import Counter, again, make_counter
from tests.providers.scripted import Scripted, expire, run_due_jobs, stand_behind_processors
from tests.stack import IS_LONG

State = Attempt.State
Kind = Fault.Kind

LATE, TOO_LATE = "LATENCY", "LATENCY beyond the limit"
ACCEPTED = {LATE, Kind.DUPLICATE}
LOST_BEFORE = {Kind.TIMEOUT_BEFORE, Kind.ERROR_BEFORE}
LOST_AFTER = {TOO_LATE, Kind.TIMEOUT_AFTER, Kind.ERROR_AFTER, Kind.MALFORMED, Kind.OTHER_AMOUNT, Kind.OTHER_CURRENCY}
KINDS = sorted(ACCEPTED | LOST_BEFORE | LOST_AFTER | {Kind.REFUSED, Kind.UNREACHABLE})
KINDS_OF_A_QUESTION = sorted(set(KINDS) - Kind.of_acts_only())

OPERATIONS = {
    "authorise": "authorization",
    "capture": "capture",
    "void": "void",
    "refund": "refund",
    "push": "push",
    "pull": "pull",
}
"""The sandbox's name of an act, and ours."""
ACTS = sorted(OPERATIONS)
OF_TRANSFERS = ["capture", "pull", "push", "refund"]
AMOUNT = 400
"""What each act is about; a hold is of 1000, and so is the charge that is refunded."""


class Desk:
    """One act of each kind at a counter, and what became of it."""

    def __init__(self, act: str) -> None:
        self.act = act
        self.counter: Counter = make_counter()
        self.held = self.counter.hold(1000) if act in {"capture", "void"} else None
        self.sale = self.counter.sell(1000) if act == "refund" else None
        self.journals_before = self.journals

    def ask(self) -> Any:
        counter = self.counter
        match self.act:
            case "authorise":
                return counter.hold(AMOUNT)
            case "capture":
                assert self.held
                return counter.capture(self.held, AMOUNT)
            case "void":
                assert self.held
                return counter.void(self.held)
            case "refund":
                assert self.sale
                return counter.refund(self.sale, AMOUNT)
            case _:
                return getattr(counter, self.act)(AMOUNT)

    @property
    def attempt(self) -> Attempt:
        return self.counter.attempt(OPERATIONS[self.act])

    @property
    def row(self) -> Any:
        """As it is now."""
        attempt = self.attempt
        model = Authorization if attempt.resource_kind == Authorization.KIND else Transfer
        with transaction(by=system("test")):
            return model.objects.get(pk=attempt.resource_id)

    @property
    def state(self) -> str:
        return str(self.row.void_state if self.act == "void" else self.row.state)

    @property
    def journals(self) -> int:
        with transaction(by=system("test")):
            return Journal.objects.filter(application=self.counter.application).count()

    @property
    def posted(self) -> int:
        return self.journals - self.journals_before

    def arrange(self, kind: str, operation: str) -> None:
        """Until it is cleared."""
        seconds = {LATE: 0.5, TOO_LATE: faults.TIME_LIMIT.total_seconds() + 1}.get(kind)
        kind = Kind.LATENCY if seconds else kind
        faults.arrange(application_id=self.counter.application.pk, kind=kind, operation=operation, seconds=seconds)

    def clear(self) -> None:
        faults.clear(self.counter.application.pk)

    def resolve(self) -> None:
        expire(self.attempt)
        attempts.resolve(self.attempt.pk, self.counter.application.pk)

    def assert_reserved(self, state: str) -> None:
        """What the act takes of its hold or its charge is what its state says."""
        is_taken = state in {"PENDING", "SUCCEEDED"}
        if self.act == "capture":
            held = again(self._hold)
            assert (held.transfer_id, held.capture_amount) == ((self.row.pk, AMOUNT) if is_taken else (None, None))
            assert held.is_held != is_taken
        elif self.act == "void":
            held = again(self._hold)
            assert (held.is_void, held.transfer_id) == (is_taken, None)
            assert (held.released_at is not None) == (state == "SUCCEEDED")
        elif self.act == "refund":
            assert self.sale
            assert again(self.sale).refunded_amount == AMOUNT * is_taken

    @property
    def _hold(self) -> Authorization:
        assert self.held
        return self.held

    def assert_nothing_is_open(self) -> None:
        assert self.counter.attempts(state__in=list(State.open())) == []
        jobs = Job.objects.filter(kind=attempts.RESOLVE)
        assert not jobs.open().exists()
        assert not jobs.filter(given_up_at__isnull=False).exists()
        assert self.counter.differences() == []


@pytest.fixture
def clock(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[time_machine.Traveller]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False) as traveller:
        yield traveller


def work_it_off(clock: time_machine.Traveller) -> None:
    for _ in range(4):
        clock.shift(timedelta(seconds=45))
        run_due_jobs(timezone.now())


# --- faults of the sandbox --------------------------------------------------------------------------------------------


def first_states(act: str, kind: str) -> tuple[str, str]:
    """Of the attempt and of what it is about, when its caller is answered."""
    if kind == Kind.UNREACHABLE:
        return State.ABSENT, "FAILED"
    if kind == Kind.REFUSED:
        return State.REFUSED, "FAILED"
    if kind in LOST_BEFORE | LOST_AFTER:
        return State.UNKNOWN, "PENDING"
    return (State.WAITING, "PENDING") if act == "void" else (State.ACCEPTED, "SUCCEEDED")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("act", ACTS)
def test_fault_has_its_end(clock: time_machine.Traveller, act: str, kind: str) -> None:
    desk = Desk(act)
    desk.arrange(kind, act)

    given = desk.ask()

    first, state = first_states(act, kind)
    assert (desk.attempt.state, desk.state) == (first, state)
    assert (given.pk, given.void_state if act == "void" else given.state) == (desk.row.pk, state)
    desk.assert_reserved(state)

    desk.clear()
    work_it_off(clock)

    state = "FAILED" if kind in {Kind.UNREACHABLE, Kind.REFUSED} else "SUCCEEDED"
    assert (desk.state, desk.attempt.is_open) == (state, False)
    desk.assert_reserved(state)
    assert desk.posted == (state == "SUCCEEDED" and act in OF_TRANSFERS)
    assert desk.counter.calls(act) == (kind != Kind.UNREACHABLE)
    desk.assert_nothing_is_open()


@pytest.mark.parametrize("kind", KINDS_OF_A_QUESTION)
@pytest.mark.parametrize("act", ACTS)
def test_fault_of_a_question_has_its_end(clock: time_machine.Traveller, act: str, kind: str) -> None:
    """The act was carried out and its answer lost; then the look-up goes wrong too."""
    desk = Desk(act)
    desk.arrange(Kind.TIMEOUT_AFTER, act)
    desk.ask()
    desk.clear()
    desk.arrange(kind, faults.LOOK_UP)
    clock.shift(timedelta(seconds=6))

    attempts.resolve(desk.attempt.pk, desk.counter.application.pk)

    is_told = kind == LATE
    assert (desk.attempt.state, desk.state) == (
        (State.ACCEPTED, "SUCCEEDED") if is_told else (State.UNKNOWN, "PENDING")
    )
    desk.assert_reserved(desk.state)

    desk.clear()
    work_it_off(clock)
    assert (desk.attempt.state, desk.state, desk.counter.calls(act)) == (State.ACCEPTED, "SUCCEEDED", 1)
    desk.assert_nothing_is_open()


# --- lies -------------------------------------------------------------------------------------------------------------

TYPES = {"capture": "DEBIT", "pull": "DEBIT", "push": "CREDIT", "refund": "REVERSAL"}


class Liar(Scripted):
    """Tells of acts as they are, unless it is told to lie."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(name="scripted")
        self.desk = desk

    def tell(self, act: Any, state: str = "", **changes: Any) -> port.Payment:
        """The word on an act, that it succeeded unless something else is told."""
        now = timezone.now()
        common: dict[str, Any] = {
            "id": act.id,
            "version": "90000000",
            "created_at": now,
            "updated_at": now,
            "raw": {},
            "tags": {},
            "merchant_id": getattr(act, "merchant_id", self.desk.counter.merchant.pk),
            "state": state or "SUCCEEDED",
            "amount": getattr(act, "amount", 1000),
            "currency": getattr(act, "currency", "USD"),
            "trace_id": "T1",
            "idempotency_id": None,
            "failure_code": "GENERIC_DECLINE" if state == "FAILED" else None,
        }
        if isinstance(act, port.Authorise | port.Void):
            source = getattr(act, "source_id", self.desk.counter.card.pk)
            more = {"source_id": source, "expires_at": now + timedelta(days=7)}
            more |= {"void_state": "SUCCEEDED"} if isinstance(act, port.Void) else {}
            return port.Authorization(**(common | more | changes))
        keys = {"push": "PUSH_TO_CARD", "pull": "PULL_FROM_CARD"}
        more = {"type": TYPES[self.desk.act], "operation_key": keys.get(self.desk.act)}
        more |= {name: getattr(act, name, None) for name in ("parent_id", "authorization_id", "source_id")}
        return port.Transfer(**(common | more | {"destination_id": getattr(act, "destination_id", None)} | changes))

    def accept(self, act: Any, *others: port.News, **changes: Any) -> Answer:
        return Answer(Verdict.ACCEPTED, (*others, self.tell(act, **changes)))


Lie = Callable[[Liar, Any], Answer]


def _refused_but_done(liar: Liar, act: Any) -> Answer:
    return Answer(Verdict.REFUSED, (liar.tell(act),), code="GENERIC_DECLINE", message="Declined.")


def _done_but_failed(liar: Liar, act: Any) -> Answer:
    changes = {"state": "SUCCEEDED", "void_state": "FAILED"} if liar.desk.act == "void" else {"state": "FAILED"}
    return liar.accept(act, **changes)


def _of_two(liar: Liar, act: Any) -> Answer:
    return Answer(Verdict.ACCEPTED, (liar.tell(act), liar.tell(act, id=new_id())))


LIES: dict[str, tuple[Lie, str]] = {
    "other amount": (lambda liar, act: liar.accept(act, amount=999), "OTHER_AMOUNT"),
    "other currency": (lambda liar, act: liar.accept(act, currency="EUR"), "OTHER_AMOUNT"),
    "another one": (lambda liar, act: liar.accept(act, id=new_id()), "OTHER_TRANSFER"),
    "two": (_of_two, "OTHER_TRANSFER"),
    "unknown state": (lambda liar, act: liar.accept(act, state="NONSENSE"), "UNKNOWN_STATE"),
    "refused, but done": (_refused_but_done, "SELF_CONTRADICTORY"),
    "done, but failed": (_done_but_failed, "SELF_CONTRADICTORY"),
    "nothing": (lambda _liar, _act: Answer(Verdict.ACCEPTED), "NO_NEWS"),
    "other merchant": (lambda liar, act: liar.accept(act, merchant_id=new_id()), "CANNOT_BE_STORED"),
    "other merchant, refused": (
        lambda liar, act: replace(
            liar.accept(act, state="FAILED", merchant_id=new_id(), failure_code="X", void_state="FAILED")
            if isinstance(act, port.Void)
            else liar.accept(act, state="FAILED", merchant_id=new_id()),
            verdict=Verdict.REFUSED,
            code="X",
        ),
        "CANNOT_BE_STORED",
    ),
    "NUL": (lambda liar, act: liar.accept(act, raw={"note": "a\0b"}), "CANNOT_BE_STORED"),
}
LIES_OF_SOME: dict[str, tuple[str, Lie, str]] = {
    "unknown void state of a hold": (
        "authorise", lambda liar, act: liar.accept(act, void_state="NONSENSE"), "UNKNOWN_STATE",
    ),
    "unknown void state": ("void", lambda liar, act: liar.accept(act, void_state="NONSENSE"), "UNKNOWN_STATE"),
    "void that was not tried": (
        "void", lambda liar, act: liar.accept(act, void_state="UNATTEMPTED"), "CANNOT_BE_STORED",
    ),
    "void of what failed": ("void", lambda liar, act: liar.accept(act, state="FAILED"), "SELF_CONTRADICTORY"),
    "other authorization": (
        "capture", lambda liar, act: liar.accept(act, authorization_id=new_id()), "CANNOT_BE_STORED",
    ),
    "no authorization": ("capture", lambda liar, act: liar.accept(act, authorization_id=None), "CANNOT_BE_STORED"),
    "word on another authorization": (
        "capture", lambda liar, act: liar.accept(act, _word_on(liar, act, id=_other_hold(liar).pk)), "CANNOT_BE_STORED",
    ),
    "word on an unknown authorization": (
        "capture", lambda liar, act: liar.accept(act, _word_on(liar, act, id=new_id())), "CANNOT_BE_STORED",
    ),
    "other amount of its authorization": (
        "capture", lambda liar, act: liar.accept(act, _word_on(liar, act, amount=1)), "CANNOT_BE_STORED",
    ),
    "unknown void state of its authorization": (
        "capture", lambda liar, act: liar.accept(act, _word_on(liar, act, void_state="NONSENSE")), "UNKNOWN_STATE",
    ),
    "other charge": ("refund", lambda liar, act: liar.accept(act, parent_id=new_id()), "CANNOT_BE_STORED"),
    "refund that is a charge": ("refund", lambda liar, act: liar.accept(act, type="DEBIT"), "CANNOT_BE_STORED"),
    "push that is a pull": (
        "push", lambda liar, act: liar.accept(act, type="DEBIT", operation_key="PULL_FROM_CARD"), "CANNOT_BE_STORED",
    ),
    "hold that moved money": (
        "authorise", lambda liar, act: liar.accept(act, _movement(liar)), "CANNOT_BE_STORED",
    ),
}  # fmt: skip


def _word_on(liar: Liar, act: port.Capture, **changes: Any) -> port.Authorization:
    told = liar.tell(port.Void(act.authorization_id), **({"void_state": "UNATTEMPTED"} | changes))
    assert isinstance(told, port.Authorization)
    return told


def _other_hold(liar: Liar) -> Authorization:
    with transaction(by=system("test")):
        return Authorization.objects.exclude(pk=liar.desk._hold.pk).get()


def _movement(liar: Liar) -> port.Transfer:
    """A charge that nobody asked for."""
    counter, now = liar.desk.counter, timezone.now()
    return port.Transfer(
        id=new_id(), version="1", created_at=now, updated_at=now, raw={}, tags={}, merchant_id=counter.merchant.pk,
        state="SUCCEEDED", amount=5, currency="USD", trace_id=None, idempotency_id=None, source_id=counter.card.pk,
    )  # fmt: skip


@pytest.fixture
def liar(request: pytest.FixtureRequest, db: None, monkeypatch: pytest.MonkeyPatch) -> Liar:
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    desk = Desk(request.param)
    if request.param == "capture":
        desk.counter.hold(1000)
    liar = Liar(desk)
    stand_behind_processors(liar, monkeypatch)
    return liar


CASES = [(act, name, *LIES[name]) for act in ACTS for name in LIES]
CASES += [(act, name, lie, code) for name, (act, lie, code) in LIES_OF_SOME.items()]


@pytest.mark.parametrize(
    ("liar", "lie", "code"),
    [(act, lie, code) for act, _, lie, code in CASES],
    indirect=["liar"],
    ids=[f"{act}: {name}" for act, name, _, _ in CASES],
)
@pytest.mark.parametrize("is_asked_later", [False, True] if IS_LONG else [False])
def test_lie_is_no_answer(liar: Liar, lie: Lie, code: str, is_asked_later: bool) -> None:
    desk, before = liar.desk, _counts()
    liar.answers = [OutcomeUnknown("TIMEOUT") if is_asked_later else lambda act: lie(liar, act)]
    liar.knows = [lambda act: lie(liar, act)]
    desk.ask()
    if is_asked_later:
        desk.resolve()

    assert (desk.attempt.state, desk.attempt.code, desk.state) == (State.UNKNOWN, code, "PENDING")
    made = {"authorise": (1, 0), "void": (0, 0)}.get(desk.act, (0, 1))
    assert (_counts(), desk.posted) == ((before[0] + made[0], before[1] + made[1]), 0)
    desk.assert_reserved("PENDING")

    liar.knows = [liar.accept]
    desk.resolve()
    assert (desk.attempt.state, desk.state, len(liar.asked)) == (State.ACCEPTED, "SUCCEEDED", 1)
    assert desk.posted == (desk.act in OF_TRANSFERS)
    desk.assert_reserved("SUCCEEDED")


def _counts() -> tuple[int, int]:
    with transaction(by=system("test")):
        return Authorization.objects.count(), Transfer.objects.count()


# --- words after the last one -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("is_done", "late"), [(True, "FAILED"), (True, "PENDING"), (False, "SUCCEEDED")])
@pytest.mark.parametrize("liar", sorted(set(ACTS) - {"void"}), indirect=True)
def test_what_is_decided_stays_so(liar: Liar, is_done: bool, late: str) -> None:
    desk = liar.desk
    refusal = Answer(Verdict.REFUSED, code="GENERIC_DECLINE", message="Declined.")
    liar.answers = [lambda act: liar.accept(act) if is_done else refusal]
    desk.ask()
    before, posted = _values(desk.row), desk.posted

    _hear(desk, liar.tell(liar.asked[0][1], late, version="99000000"))

    state = "SUCCEEDED" if is_done else "FAILED"
    assert (_values(desk.row), desk.posted) == (before, posted)
    assert _last_event(desk.row) == (f"{desk.row.KIND}.contradicted", {"state": [state, late]})
    desk.assert_reserved(state)


@pytest.mark.parametrize("late", ["FAILED", "PENDING", "UNATTEMPTED"])
@pytest.mark.parametrize("liar", ["void"], indirect=True)
def test_what_is_void_stays_so(liar: Liar, late: str) -> None:
    liar.answers = [liar.accept]
    liar.desk.ask()
    released_at = liar.desk.row.released_at

    _hear(liar.desk, liar.tell(liar.asked[0][1], version="99000000", void_state=late))

    row = liar.desk.row
    assert (row.void_state, row.is_void, row.released_at) == ("SUCCEEDED", True, released_at)


@pytest.mark.parametrize("liar", OF_TRANSFERS, indirect=True)
@pytest.mark.parametrize("change", [{"amount": 999}, {"currency": "EUR"}, {"type": "REVERSAL", "parent_id": new_id()}])
def test_news_of_other_money_move_nothing(liar: Liar, change: dict[str, Any]) -> None:
    """They come of themselves, while the outcome is not known."""
    if liar.desk.act == "refund" and "type" in change:
        change = {"parent_id": new_id()}
    liar.answers = [OutcomeUnknown("TIMEOUT")]
    liar.desk.ask()

    _hear(liar.desk, liar.tell(liar.asked[0][1], **change))

    assert (liar.desk.state, liar.desk.posted) == ("PENDING", 0)
    assert _last_event(liar.desk.row)[0] == "transfer.contradicted"
    liar.desk.assert_reserved("PENDING")


@pytest.mark.parametrize("liar", ["refund", "capture"], indirect=True)
def test_news_that_it_failed_give_back_what_it_had_reserved(liar: Liar) -> None:
    """As they do in an answer; and the answer that comes later finds nothing left to give back."""
    liar.answers = [OutcomeUnknown("TIMEOUT")]
    liar.desk.ask()
    ((_, act),) = liar.asked

    _hear(liar.desk, liar.tell(act, "FAILED"))
    liar.desk.assert_reserved("FAILED")
    failed = liar.tell(act, "FAILED", version="91000000")
    liar.knows = [Answer(Verdict.REFUSED, (failed,), code="GENERIC_DECLINE", message="Declined.")]
    liar.desk.resolve()

    assert (liar.desk.attempt.state, liar.desk.state, liar.desk.posted) == (State.REFUSED, "FAILED", 0)
    liar.desk.assert_reserved("FAILED")


@pytest.mark.parametrize("liar", ["capture"], indirect=True)
def test_capture_that_was_given_up_takes_nothing_from_the_one_after_it(liar: Liar) -> None:
    """The provider says late that the first one went through after all: it is recorded, and a person has to look."""
    desk = liar.desk
    liar.answers = [Answer(Verdict.REFUSED, code="GENERIC_DECLINE", message="Declined.")]
    first = desk.ask()
    liar.answers = [liar.accept]
    second = desk.counter.capture(desk._hold, 700)

    _hear(desk, liar.tell(liar.asked[0][1], version="99000000"))

    held = again(desk._hold)
    assert (again(first).state, again(second).state) == ("FAILED", "SUCCEEDED")
    assert (held.transfer_id, held.capture_amount, desk.posted) == (second.pk, 700, 1)
    assert _last_event(first) == ("transfer.contradicted", {"state": ["FAILED", "SUCCEEDED"]})


def _hear(desk: Desk, news: port.News) -> None:
    """As news that the provider brings by itself."""
    with outcome(by=system("test"), at=timezone.now()) as current:
        copying.copy(current, Account(desk.counter.application.pk), "scripted", news)


def _values(row: Any) -> dict[str, Any]:
    with transaction(by=system("test")):
        return type(row)._default_manager.filter(pk=row.pk).values().get()


def _last_event(row: Any) -> tuple[str, Any]:
    with transaction(by=system("test")):
        event = Event.objects.filter(resource_id=row.pk).order_by("sequence").last()
    assert event is not None
    return event.kind, event.changes


def test_card_that_a_push_shows_to_be_stolen_is_disabled(db: None) -> None:
    """The news of it come with the refusal, whichever way it is told."""
    counter = make_counter("Lost", "4895070000005671")

    assert counter.push().state == "FAILED"

    with transaction(by=system("test")):
        assert not PaymentInstrument.objects.get(pk=counter.card.pk).enabled
