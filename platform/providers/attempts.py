"""Claim, commit, call, commit: how an act reaches a provider, and how its outcome enters our tables.

The intent is committed before the provider is called, the verdict after; no transaction is open during the call. A
process that dies in between leaves an attempt that the resolver finds. An app registers an `Operation` for each act it
asks for; the rest is here.
"""

import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError

from events.models import Author
from jobs import idempotency
from jobs.services import enqueue, forget, is_due
from providers import clock, port
from providers.crash import crash_point
from providers.models import Attempt
from providers.port import Answer, NotSent, OutcomeUnknown, Verdict
from providers.redaction import redacted_text
from providers.registry import provider_of
from resources import ids
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.roles import Role
from tenancy.transactions import Act, is_open, outcome, transaction

logger = logging.getLogger(__name__)

State = Attempt.State

RESOLVE = "providers.resolve"
BACK_OFF = tuple(timedelta(seconds=seconds) for seconds in (5, 30, 2 * 60, 10 * 60, 60 * 60, 6 * 60 * 60, 24 * 60 * 60))
SPARE = timedelta(seconds=5)
STALE = timedelta(minutes=10)
"""A claim older than this is not sent a second time: who asked for it has long gone."""
_REPEAT_AFTER_SECONDS = 0.2
_OTHER_AMOUNT, _OTHER_TRANSFER = "OTHER_AMOUNT", "OTHER_TRANSFER"
_SELF_CONTRADICTORY, _UNKNOWN_STATE = "SELF_CONTRADICTORY", "UNKNOWN_STATE"
_CONTRADICTIONS = frozenset({_OTHER_AMOUNT, _OTHER_TRANSFER, _SELF_CONTRADICTORY, _UNKNOWN_STATE})
NOT_EXECUTED = frozenset({"PROVIDER_UNREACHABLE", "NOT_SENT"})
"""Codes of what the provider certainly did not carry out, and did not decline either."""
_ASK_A_SILENT_ONE_AGAIN_IN = timedelta(seconds=30)


@dataclass(frozen=True)
class Ending:
    """What is now known of an attempt, and what the provider said of the resource."""

    state: Attempt.State
    news: tuple[port.News, ...] = ()
    code: str = ""
    message: str = ""
    ask_again_in: timedelta | None = None
    is_for_a_person: bool = False


_SILENCE = Ending(State.UNKNOWN, code="NO_ANSWER")


@dataclass(frozen=True)
class Operation:
    """One kind of act, told by the app whose resource it is about.

    `lock` locks the resource in the order of all locks, and gives None where there is no row yet. `copy` brings an
    ending into our tables and gives the row; it runs in the transaction of the verdict. `rebuild` makes the act anew
    from our rows, or None where it cannot be sent again, since a card's number is stored nowhere.
    """

    name: str
    lock: Callable[[Attempt, Actor], Any]
    copy: Callable[[Act, Attempt, Any, Ending], Any]
    rebuild: Callable[[Attempt, Actor], port.Act | None]


_UNKNOWABLE = Ending(
    State.UNKNOWN, code="CANNOT_BE_ASKED", message="The provider cannot be asked about it.", is_for_a_person=True
)
"""Nothing is guessed: it may have been executed, and neither a look-up nor a repeat would tell."""

_operations: dict[str, Operation] = {}


def register(operation: Operation) -> None:
    _operations[operation.name] = operation


def operation_of(attempt: Attempt) -> Operation:
    return _operations[attempt.operation]


def capabilities_of(attempt: Attempt) -> port.Capabilities:
    return provider_of(attempt.processor).capabilities


def operation_names() -> list[str]:
    return sorted(_operations)


def claim(
    *,
    operation: str,
    model: type[Resource],
    resource_id: uuid.UUID,
    application_id: uuid.UUID,
    processor: str,
    at: datetime,
    amount: int | None = None,
    currency: str = "",
    owner_id: uuid.UUID | None = None,
    is_deferred: bool = False,
    is_sent_once: bool = False,
    named: str = "",
    number: int = 1,
) -> Attempt:
    """Write the intent, in the transaction that claims the act; whoever calls it carries it out after the commit.

    Deferred, it is left to the worker. Otherwise its job lies ready for the case that nobody comes back with a verdict.
    `at` is wall time. The reference is the resource's id and `number`, which tells apart what may be asked for again;
    `named` is what stands there instead of the id, where other acts on the resource have taken it. `owner_id` is for
    `copy` to compare with what the provider makes. `is_sent_once` is told of an act that holds what is stored nowhere,
    as a card's security code: made anew from our rows it would be another act, so it is never sent again.
    """
    provider = provider_of(processor)
    limit = timedelta(0) if is_deferred else provider.capabilities.time_limit + SPARE
    attempt = Attempt(
        application_id=application_id,
        operation=operation,
        resource_kind=model.KIND,
        resource_id=resource_id,
        number=number,
        reference=f"{named or ids.public_id(model.PREFIX, resource_id)}-{number}",
        processor=processor,
        provider=provider.name,
        amount=amount,
        currency=currency,
        owner_id=owner_id,
        is_sent_once=is_sent_once,
        sends=0 if is_deferred else 1,
        leased_until=at + limit,
        next_check_at=at + limit,
        sent_at=None if is_deferred else at,
        created_at=at,
    )
    attempt.save(force_insert=True)
    _ask_later(attempt, attempt.leased_until, is_urgent=is_deferred)
    return attempt


def carry_out(attempt: Attempt, act: port.Act, *, account: port.Account, by: Actor, claimed: Any = None) -> Any:
    """Call the provider and let the verdict enter. Gives the row of the resource, or None where none came of it.

    Call it outside any transaction, after the commit of the claim. `attempt` tells how it ended. `claimed` is the row
    as the claim left it: it is given where the verdict cannot be written now, and the resolver will write it.
    """
    crash_point("claimed")
    ending = _ask(attempt, lambda provider: _send_in_time(provider, attempt, act, account))
    if ending is None:
        logger.warning("claim_came_too_late", extra={"attempt": str(attempt.id)})
        return claimed
    if ending.state == State.ABSENT and attempt.sends > 1 and not capabilities_of(attempt).has_lookup:
        ending = Ending(State.UNKNOWN, code=ending.code)  # this try was not executed; an earlier one may have been
    crash_point("answered")
    try:
        return conclude(attempt, ending, by=by)
    except (OperationalError, InterfaceError):
        logger.exception("verdict_not_written", extra={"attempt": str(attempt.id)})
        attempt.state = State.CLAIMED
        return claimed


def conclude(attempt: Attempt, ending: Ending, *, by: Actor) -> Any:
    """Let an ending enter in one transaction: the resource by its copying function, the attempt, the kept answer.

    A final attempt changes nothing any more; a verdict that contradicts it is recorded. What cannot be stored, whatever
    the provider sent, is an answer that cannot be relied on.
    """
    try:
        return _conclude(attempt, ending, by=by)
    except (OperationalError, InterfaceError):
        idempotency.forget_answer()
        raise
    except Exception:  # the act may have been carried out, so nothing may escape as if it had not
        idempotency.forget_answer()
        logger.exception("verdict_cannot_be_stored", extra={"attempt": str(attempt.id)})
        with transaction(by=by):
            attempt.refresh_from_db(from_queryset=Attempt.objects.visible_to(by))
        return _conclude(attempt, Ending(State.UNKNOWN, code="CANNOT_BE_STORED"), by=by)


def _conclude(attempt: Attempt, ending: Ending, *, by: Actor) -> Any:
    operation = operation_of(attempt)
    now = clock.now()
    with outcome(by=by, at=now) as current:
        row = operation.lock(attempt, by)
        if not _enter(attempt, ending, by, now):
            _tell_contradiction(current, attempt, row, ending, by)
        else:
            row = operation.copy(current, attempt, row, ending)
        crash_point("concluding")
        if row is not None:
            idempotency.keep_answer_of(row)
    crash_point("concluded")
    return row


def resolve(attempt_id: uuid.UUID, application_id: uuid.UUID) -> None:
    """Find out what became of an attempt whose caller has gone or was not told; the job behind every open attempt."""
    by = _resolver(application_id)
    with transaction(by=by):
        now = clock.now()
        attempt = Attempt.objects.visible_to(by).select_for_update().filter(pk=attempt_id).first()
        if attempt is None or not attempt.is_open or attempt.leased_until > now:
            return  # whoever holds the lease left a job for its end
        account = account_for(application_id, attempt.processor, by=by)
        is_unsent = attempt.sends == 0
        if is_unsent:
            act = _rebuilt(attempt, by)
            _lease(attempt, now)
    if is_unsent:
        _send(attempt, act, account=account, by=by)
    else:
        _look_up(attempt, account=account, by=by)


def hurry(resource_id: uuid.UUID, *, by: Actor) -> None:
    """Ask again at once about acts on a resource that the provider has not decided on: something tells that it has.

    Call it in a transaction in which the resource is locked.
    """
    waiting = Attempt.objects.visible_to(by).select_for_update().filter(resource_id=resource_id, state=State.WAITING)
    for attempt in waiting:
        bring_forward(attempt, clock.now())


def ask_again(resource_id: uuid.UUID, *, by: Actor) -> None:
    """Ask at once what became of acts whose outcome is not known: their resource was decided by other news.

    Call it in a transaction in which the resource is locked.
    """
    now = clock.now()
    unknown = (
        Attempt.objects.visible_to(by)
        .select_for_update()
        .filter(resource_id=resource_id, state=State.UNKNOWN, leased_until__lte=now)
    )
    for attempt in unknown:
        bring_forward(attempt, now)


def bring_forward(attempt: Attempt, at: datetime) -> None:
    """Let the next check be at this moment, whenever it was to be, or never; the attempt is locked."""
    forget(RESOLVE, key=_key(attempt))
    attempt.next_check_at = at
    attempt.save(update_fields=["next_check_at"])
    _ask_later(attempt, at)


def is_being_asked(attempt: Attempt, at: datetime) -> bool:
    """Whether a job that asks about it lies ready, or runs; not one that was given up, or is tried again later."""
    return is_due(RESOLVE, key=_key(attempt), at=at)


def account_for(application_id: uuid.UUID, processor: str, *, by: Actor) -> port.Account:
    """The application's account at a processor, with its settings of it; call it in a transaction."""
    found = Processor.objects.visible_to(by).filter(application_id=application_id, processor=processor)
    settings = found.values_list("application_config", flat=True).first() or {}
    return port.Account(application_id, settings, processor)


class _TooLate(Exception):
    """The lease would end before the call must have: somebody else may be asking already what became of it."""


def _send_in_time(provider: port.Provider, attempt: Attempt, act: port.Act, account: port.Account) -> Answer:
    """Send, if whoever looks the attempt up after its lease can rely on nothing being on its way any more."""
    if clock.now() > attempt.leased_until - provider.capabilities.time_limit:
        raise _TooLate
    return provider.carry_out(act, reference=attempt.reference, account=account)


def _ask(attempt: Attempt, call: Callable[[port.Provider], Answer | None]) -> Ending | None:
    """A provider's answer, or what its silence means; None where it was too late to send.

    A call that was certainly not sent is repeated once.
    """
    if is_open():
        raise RuntimeError("A provider is never called within a transaction")
    for repeat in (True, False):
        try:
            answer = call(provider_of(attempt.processor))
        except NotSent:
            if repeat:
                time.sleep(_REPEAT_AFTER_SECONDS)
                continue
            return Ending(State.ABSENT, code="PROVIDER_UNREACHABLE", message="The provider could not be reached.")
        except _TooLate:
            return None
        except OutcomeUnknown as error:
            return Ending(State.UNKNOWN, code=str(error) or "NO_ANSWER")
        except Exception:  # whatever an adapter stumbles over, the act may have been carried out
            logger.exception("adapter_failed", extra={"attempt": str(attempt.id)})
            return Ending(State.UNKNOWN, code="ADAPTER_FAILED")
        else:
            return _ending_of(attempt, answer)
    raise AssertionError("unreachable")


def _ending_of(attempt: Attempt, answer: Answer | None) -> Ending:
    if answer is None:
        return Ending(State.ABSENT, code="NOT_SENT", message="The provider did not execute it.")
    own = [news for news in answer.news if news.id == attempt.resource_id]
    if doubt := _doubt(attempt, answer, own):
        return doubt
    states = {Verdict.ACCEPTED: State.ACCEPTED, Verdict.REFUSED: State.REFUSED, Verdict.WAITING: State.WAITING}
    state = states[answer.verdict]
    if state == State.ACCEPTED and not all(news.is_decided for news in own):
        state = State.WAITING  # it took the act, and has not decided on what it is about
    return Ending(
        state,
        news=answer.news,
        code=answer.code,
        message=redacted_text(answer.message),
        ask_again_in=answer.ask_again_in if state == State.WAITING else None,
    )


def _doubt(attempt: Attempt, answer: Answer, own: Sequence[port.News]) -> Ending | None:
    """Why an answer cannot be relied on: it speaks of other money than was asked for, or of nothing of ours."""
    money = [news for news in answer.news if isinstance(news, port.Payment) and attempt.resource_kind == news.KIND]
    if any((news.amount, news.currency) != (attempt.amount, attempt.currency) for news in money):
        return Ending(State.UNKNOWN, code=_OTHER_AMOUNT, message="The provider speaks of another amount or currency.")
    if any(news.id != attempt.resource_id for news in money):
        return Ending(State.UNKNOWN, code=_OTHER_TRANSFER, message="The provider speaks of another transfer.")
    if not all(news.is_understood for news in answer.news):
        return Ending(State.UNKNOWN, code=_UNKNOWN_STATE, message="The provider speaks of a state that is not known.")
    if any(news.contradicts(answer.verdict) for news in own):
        return Ending(State.UNKNOWN, code=_SELF_CONTRADICTORY, message="The provider says two things at once.")
    if answer.verdict == Verdict.ACCEPTED and len(own) != 1:
        return Ending(State.UNKNOWN, code="NO_NEWS", message="The provider accepted it, and does not say what.")
    return None


def _enter(attempt: Attempt, ending: Ending, by: Actor, now: datetime) -> bool:
    """Write the ending into an attempt that is still open; False where somebody else was first, and knows more."""
    forget(RESOLVE, key=_key(attempt))
    is_final = ending.state not in State.open()
    check_at = None if is_final else _next_check(attempt, ending, now)
    attempt.move_to(
        ending.state,
        code=ending.code[:80],
        message=ending.message[:200],
        decided_at=now if is_final else None,
        leased_until=now,
        next_check_at=check_at,
        checks=attempt.checks + (not is_final),
        silent_since=None if ending.news else attempt.silent_since or now,
    )
    values = {name: getattr(attempt, name) for name in _OF_AN_ENDING}
    before = [state for state in State.open() if state == ending.state or ending.state in Attempt.MOVES[state]]
    still_open = Attempt.objects.visible_to(by).filter(pk=attempt.pk, state__in=before)
    if ending.state == State.ABSENT:
        still_open = still_open.filter(sends=attempt.sends)  # of a later sending this one knows nothing
    if not still_open.update(**values):
        return False
    if check_at is not None:
        _ask_later(attempt, check_at)
    elif not is_final:
        logger.error("attempt_unresolved", extra={"attempt": str(attempt.id)})
    return True


_OF_AN_ENDING = ("state", "code", "message", "decided_at", "leased_until", "next_check_at", "checks", "silent_since")


def _tell_contradiction(current: Act, attempt: Attempt, row: Any, ending: Ending, by: Actor) -> None:
    """Somebody else was first. Where the provider now says another thing, that is recorded, and changes nothing."""
    attempt.refresh_from_db(from_queryset=Attempt.objects.visible_to(by))
    if row is None or ending.state not in {State.ACCEPTED, State.REFUSED} or ending.state == attempt.state:
        return
    logger.error("verdict_contradicts", extra={"attempt": str(attempt.id), "state": ending.state.value})
    changes = {"verdict": [str(attempt.state), ending.state.value]}
    current.record(f"{row.KIND}.contradicted", row, application_id=attempt.application_id, changes=changes)


def _next_check(attempt: Attempt, ending: Ending, now: datetime) -> datetime | None:
    """When somebody asks again: soon while the provider is at it, ever later while nothing is known; at last nobody."""
    if ending.is_for_a_person:
        return None
    age = now - attempt.created_at
    if ending.state == State.WAITING and ending.ask_again_in is not None:
        return now + max(ending.ask_again_in, age / 10)
    tried = sum(1 for pause in BACK_OFF if age >= pause)
    return now + BACK_OFF[tried] if tried < len(BACK_OFF) else None


def _look_up(attempt: Attempt, *, account: port.Account, by: Actor) -> None:
    capabilities = capabilities_of(attempt)
    if not capabilities.has_lookup and capabilities.has_idempotent_create and attempt.state != State.WAITING:
        _send_again(attempt, account=account, by=by)
        return
    question = _question(attempt, capabilities, account=account, by=by)
    if question is None:
        conclude(attempt, _UNKNOWABLE, by=by)
        return
    ending = _ask(attempt, question) or _SILENCE
    if ending.code == "PROVIDER_UNREACHABLE":  # of the question, not of the act
        ending = Ending(State.UNKNOWN, code="PROVIDER_UNREACHABLE")
    if _is_mere_silence(attempt, ending):
        ending = Ending(State.WAITING, code=ending.code, ask_again_in=_ASK_A_SILENT_ONE_AGAIN_IN)
    if ending.state == State.ABSENT and attempt.state != State.WAITING:
        _end_absent(attempt, ending, capabilities, account=account, by=by)
        return
    if ending.state == State.ABSENT:
        ending = Ending(State.UNKNOWN, code="FORGOTTEN", message="The provider had it, and has it no more.")
    conclude(attempt, ending, by=by)


def _question(
    attempt: Attempt, capabilities: port.Capabilities, *, account: port.Account, by: Actor
) -> Callable[[port.Provider], Answer | None] | None:
    """How to ask what became of it. What the provider has already can be sent again to hear of it; None: not at all."""
    reference = attempt.reference
    if capabilities.has_lookup:
        return lambda provider: provider.look_up(reference, account=account)
    if not capabilities.has_idempotent_create:
        return None
    with transaction(by=by):
        act = _rebuilt(attempt, by)
    if act is None:
        return None
    return lambda provider: provider.carry_out(act, reference=reference, account=account)


def _is_mere_silence(attempt: Attempt, ending: Ending) -> bool:
    """The provider has said that it has it; for a day, questions without an answer take nothing of that back.

    The day begins with the first of them: an old attempt is asked about more rarely than once a day.
    """
    if attempt.state != State.WAITING or ending.state != State.UNKNOWN or ending.code in _CONTRADICTIONS:
        return False
    return attempt.silent_since is None or clock.now() - attempt.silent_since < BACK_OFF[-1]


def _end_absent(
    attempt: Attempt, ending: Ending, capabilities: port.Capabilities, *, account: port.Account, by: Actor
) -> None:
    """Not there: that counts once a request can no longer be on its way. Then it is sent again, or has failed."""
    now = clock.now()
    if attempt.sent_at is not None and now < attempt.sent_at + capabilities.time_limit:
        conclude(attempt, Ending(State.UNKNOWN, code="NOT_THERE_YET"), by=by)
    elif capabilities.has_idempotent_create and now < attempt.created_at + STALE:
        _send_again(attempt, account=account, by=by)
    else:
        conclude(attempt, ending, by=by)


def _send_again(attempt: Attempt, *, account: port.Account, by: Actor) -> None:
    """Under the same reference, unless somebody else has concluded it, or is sending it, by now."""
    with transaction(by=by):
        now = clock.now()
        kept = Attempt.objects.visible_to(by).select_for_update().get(pk=attempt.pk)
        if not kept.is_open or kept.state == State.WAITING or kept.leased_until > now:
            return
        act = _rebuilt(kept, by)
        if act is not None:
            _lease(kept, now)
    if act is None and not capabilities_of(kept).has_lookup:
        conclude(kept, _UNKNOWABLE, by=by)
    else:
        _send(kept, act, account=account, by=by)


def _rebuilt(attempt: Attempt, by: Actor) -> port.Act | None:
    """The act anew, to be sent under the same reference; None where it may not or cannot be. In a transaction."""
    return None if attempt.is_sent_once else operation_of(attempt).rebuild(attempt, by)


def _send(attempt: Attempt, act: port.Act | None, *, account: port.Account, by: Actor) -> None:
    if act is None:
        conclude(attempt, Ending(State.ABSENT, code="NOT_SENT", message="It was not sent."), by=by)
    else:
        carry_out(attempt, act, account=account, by=by)


def _lease(attempt: Attempt, now: datetime) -> None:
    """Mark that it is sent under the same reference, with a job for the case that we die of it."""
    forget(RESOLVE, key=_key(attempt))
    until = now + capabilities_of(attempt).time_limit + SPARE
    attempt.move_to(State.CLAIMED, sends=attempt.sends + 1, sent_at=now, leased_until=until, next_check_at=until)
    attempt.save(update_fields=["state", "sends", "sent_at", "leased_until", "next_check_at"])
    _ask_later(attempt, until, is_urgent=False)


def _ask_later(attempt: Attempt, at: datetime, *, is_urgent: bool = True) -> None:
    enqueue(
        RESOLVE,
        key=_key(attempt),
        arguments={"attempt_id": str(attempt.id), "application_id": str(attempt.application_id)},
        due_at=at,
        is_urgent=is_urgent,
    )


def _key(attempt: Attempt) -> str:
    """Of the job that waits for the attempt's next check."""
    moment = attempt.next_check_at.isoformat() if attempt.next_check_at else "never"
    return f"{attempt.id}:{moment}"


def _resolver(application_id: uuid.UUID) -> Actor:
    return Actor(kind=Author.SYSTEM, id=None, name="Merchantry", role=Role.ADMIN, application_ids=(application_id,))
