"""Faults on demand: what goes wrong between us and the sandbox, for tests and for partners who want to see it."""

import time
import uuid
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from django.db.models import F, Q
from django.utils import timezone

from providers import port
from providers.port import Account, Answer, NotSent, OutcomeUnknown
from providers.sandbox.calls import Visit, house
from providers.sandbox.models import Fault
from tenancy.transactions import transaction

LOOK_UP, TELL_CHANGES = "look_up", "tell_changes"
OPERATIONS = (
    "tokenise_card",
    "tokenise_bank_account",
    "claim_token",
    "update_instrument",
    "provision_merchant",
    "verify_merchant",
    "decide_merchant",
    "inquire_card",
    "update_card",
    "sell",
    "authorise",
    "capture",
    "void",
    "refund",
    "push",
    "pull",
    "fund",
    LOOK_UP,
    TELL_CHANGES,
)
_QUESTIONS = frozenset({LOOK_UP, TELL_CHANGES})
TIME_LIMIT = timedelta(seconds=15)
REFUSED_WITH = "GENERIC_DECLINE"

_Told = TypeVar("_Told", Answer, Answer | None)

Kind = Fault.Kind

_LOST = {
    Kind.TIMEOUT_BEFORE: "TIMEOUT",
    Kind.TIMEOUT_AFTER: "TIMEOUT",
    Kind.ERROR_BEFORE: "SERVER_ERROR",
    Kind.ERROR_AFTER: "SERVER_ERROR",
    Kind.MALFORMED: "MALFORMED_ANSWER",
}


class NoSuchFault(ValueError):
    """A fault of this kind cannot befall this operation, or one of the two does not exist."""


def arrange(
    *,
    application_id: uuid.UUID,
    kind: str,
    operation: str | None = None,
    amount: int | None = None,
    key: str | None = None,
    times: int | None = None,
    seconds: float | None = None,
) -> Fault:
    """Let calls go wrong that fit all that is told: the earliest arranged first, `times` times or until cleared.

    `amount` is of the act, in minor units; `key` is an idempotency id or a reference. Raises NoSuchFault.
    """
    _check(kind, operation, times, seconds)
    with transaction(by=house(Account(application_id))):
        return Fault.objects.create(
            application_id=application_id,
            kind=kind,
            operation=operation,
            amount=amount,
            key=key,
            times=times,
            seconds=seconds or 0,
            arranged_at=timezone.now(),
        )


def clear(application_id: uuid.UUID) -> int:
    """Take back what is arranged; tells how many there were."""
    with transaction(by=house(Account(application_id))):
        deleted, _ = Fault.objects.filter(application_id=application_id).delete()
    return deleted


def arranged(application_id: uuid.UUID) -> list[Fault]:
    """What is still to come, in the order in which it is tried."""
    with transaction(by=house(Account(application_id))):
        return list(Fault.objects.filter(application_id=application_id).order_by("arranged_at"))


def next_fault(visit: Visit, *, operation: str, reference: str, act: port.Act | None = None) -> Fault | None:
    """The fault that befalls this call, and one time less of it. Costs nothing where none is arranged."""
    if not visit.has_faults:
        return None
    for fault in _fitting(visit, operation, reference, act):
        if fault.times is None or _use_up(fault):
            return fault
    return None


def befall(fault: Fault, answer: _Told) -> _Told:
    """What reaches the caller of an answer, once the transaction is over. Raises NotSent or OutcomeUnknown."""
    kind = Kind(fault.kind)
    if kind == Kind.UNREACHABLE:
        raise NotSent("UNREACHABLE")
    if kind in _LOST:
        raise OutcomeUnknown(_LOST[kind])
    if kind == Kind.LATENCY:
        time.sleep(min(fault.delay, TIME_LIMIT).total_seconds())
        if fault.delay > TIME_LIMIT:
            raise OutcomeUnknown("TIMEOUT")
    return answer if answer is None else _distorted(kind, answer)


def _check(kind: str, operation: str | None, times: int | None, seconds: float | None) -> None:
    if kind not in Kind.values:
        raise NoSuchFault(f"There is no fault {kind}")
    if operation is not None and operation not in OPERATIONS:
        raise NoSuchFault(f"There is no operation {operation}")
    if operation in _QUESTIONS and kind in Kind.of_acts_only():
        raise NoSuchFault(f"{kind} befalls acts, and {operation} is none")
    if times is not None and times < 1:
        raise NoSuchFault("A fault happens once or more often")
    if (seconds or 0) < 0 or (kind == Kind.LATENCY) != bool(seconds):
        raise NoSuchFault(f"Seconds belong to {Kind.LATENCY.value}, and it needs some")


def _fitting(visit: Visit, operation: str, reference: str, act: port.Act | None) -> list[Fault]:
    keys = [reference]
    fits = Q(operation=operation)
    if operation != TELL_CHANGES:  # asked in the background, it would use up what is meant for a call
        fits |= Q(operation=None)
    amount, key = getattr(act, "amount", None), getattr(act, "idempotency_id", None)
    fits &= Q(amount=None) if amount is None else Q(amount=None) | Q(amount=amount)
    keys += [key] if key else []
    faults = Fault.objects.filter(fits, Q(key=None) | Q(key__in=keys), application_id=visit.application_id)
    if act is None:
        faults = faults.exclude(kind__in=Kind.of_acts_only())
    return list(faults.order_by("arranged_at"))


def _use_up(fault: Fault) -> bool:
    """One time less; False when others have used up the last one meanwhile."""
    left = Fault.objects.filter(pk=fault.pk)
    if left.filter(times__gt=1).update(times=F("times") - 1):
        return True
    deleted, _ = left.filter(times=1).delete()
    return deleted == 1


def _distorted(kind: Kind, answer: Answer) -> Answer:
    changes = {Kind.OTHER_AMOUNT: _other_amount, Kind.OTHER_CURRENCY: _other_currency}
    change = changes.get(kind)
    return replace(answer, news=tuple(map(change, answer.news))) if change else answer


def _other_amount(news: port.News) -> port.News:
    return replace(news, amount=news.amount + 1) if isinstance(news, port.Payment) else news


def _other_currency(news: port.News) -> port.News:
    if not isinstance(news, port.Payment):
        return news
    return replace(news, currency="EUR" if news.currency != "EUR" else "USD")
