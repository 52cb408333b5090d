"""A provider that says what a test tells it to say, and a sale at it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.utils import timezone

from jobs import services as queue
from jobs.models import Job
from onboarding.models import Merchant, PaymentInstrument
from payments.models import Journal, Transfer
from payments.services import create_sale
from providers import attempts, port
from providers.models import Attempt
from providers.port import Account, Act, Answer, Capabilities, News, Sell, Verdict
from tenancy.actors import system
from tenancy.models import Application
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import Login, make_application

Word = Answer | Exception | BaseException | None | Callable[[Any], Answer | None]
"""What is said: an answer, something raised, or what comes of the act under the reference."""


class Killed(BaseException):
    """Stands for the end of the process in the middle of a call: nothing of ours may catch it."""


@dataclass
class Scripted:
    """Says the words in their order, the last one for ever; `asked` and `looked_up` are what it was asked."""

    capabilities: Capabilities = field(
        default_factory=lambda: Capabilities(has_lookup=True, has_idempotent_create=True)
    )
    answers: list[Word] = field(default_factory=list)
    knows: list[Word] = field(default_factory=lambda: [None])
    asked: list[tuple[str, Act]] = field(default_factory=list)
    looked_up: list[str] = field(default_factory=list)
    name: str = "scripted"

    def carry_out(self, act: Act, *, reference: str, account: Account) -> Answer:
        del account
        self.asked.append((reference, act))
        answer = _said(self.answers, act)
        assert answer is not None
        return answer

    def look_up(self, reference: str, *, account: Account) -> Answer | None:
        del account
        self.looked_up.append(reference)
        return _said(self.knows, self.asked[0][1] if self.asked else None)

    def tell_all(self, *, account: Account) -> Iterator[News]:
        del account
        return iter(())


def _said(words: list[Word], act: Any) -> Answer | None:
    word = words.pop(0) if len(words) > 1 else words[0]
    if isinstance(word, BaseException):
        raise word
    return word(act) if callable(word) else word


def accepted(act: Sell, **changes: Any) -> Answer:
    return Answer(Verdict.ACCEPTED, (told(act, "SUCCEEDED", **changes),))


def refused(act: Sell) -> Answer:
    code = {"failure_code": "GENERIC_DECLINE", "failure_message": "Declined."}
    return Answer(Verdict.REFUSED, (told(act, "FAILED", **code),), code="GENERIC_DECLINE", message="Declined.")


def waiting(act: Sell) -> Answer:
    return Answer(Verdict.WAITING, (told(act, "PENDING", version="1"),), ask_again_in=timedelta(seconds=3))


def told(act: Sell, state: str, **changes: Any) -> port.Transfer:
    now = timezone.now()
    members: dict[str, Any] = {
        "id": act.id,
        "version": "2",
        "created_at": now,
        "updated_at": now,
        "raw": {},
        "tags": {},
        "merchant_id": act.merchant_id,
        "source_id": act.source_id,
        "type": "DEBIT",
        "state": state,
        "amount": act.amount,
        "currency": act.currency,
        "fee": act.fee,
        "trace_id": "T1",
        "statement_descriptor": None,
        "idempotency_id": None,
    }
    return port.Transfer(**members | changes)


@dataclass
class Till:
    """A merchant and a card, and sales between the two at a scripted provider."""

    application: Application
    login: Login
    merchant: Merchant
    card: PaymentInstrument
    provider: Scripted = field(default_factory=Scripted)

    def sell(self, amount: int = 1000) -> Transfer:
        return create_sale(
            merchant_id=self.merchant.pk,
            source_id=self.card.pk,
            amount=amount,
            currency="USD",
            by=system("test"),
            at=timezone.now(),
        )

    def sell_and_die(self) -> None:
        """The process that sells is killed while it waits for the answer."""
        self.provider.answers[:0] = [Killed()]
        with pytest.raises(Killed):
            self.sell()

    @property
    def attempt(self) -> Attempt:
        with transaction(by=system("test")):
            return Attempt.objects.get(operation="sale")

    @property
    def transfer(self) -> Transfer:
        with transaction(by=system("test")):
            return Transfer.objects.get()

    @property
    def journals(self) -> int:
        with transaction(by=system("test")):
            return Journal.objects.count()

    def resolve(self) -> Attempt:
        attempts.resolve(self.attempt.pk, self.application.pk)
        return self.attempt


def make_till(name: str = "Acme") -> Till:
    """Merchant and card are known to the sandbox, as ever; who sells at the scripted provider patches it in."""
    application, login = make_application(name)
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    return Till(application, login, merchant, make_card(make_identity(application)))


def stand_behind_processors(provider: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the resolver and every act reach this provider."""
    monkeypatch.setattr(attempts, "provider_of", lambda _processor: provider)


def due_jobs(at: datetime) -> list[Job]:
    """Of the resolver, that are due by then; in the order of their moments."""
    return list(Job.objects.due(at).filter(kind=attempts.RESOLVE).order_by("due_at"))


def run_due_jobs(at: datetime) -> int:
    """What a worker does in that moment, with jobs of the resolver alone; how many there were."""
    done = 0
    while (job := queue.take(at)) is not None:
        queue.run(job)
        done += job.kind == attempts.RESOLVE
    return done


def state_in_database(attempt: Attempt) -> str:
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("SELECT state FROM attempt WHERE id = %s", [attempt.pk])
        return str(cursor.fetchone()[0])


def expire(attempt: Attempt, by: timedelta = timedelta(seconds=21)) -> None:
    """Let so much time have passed since all that the attempt tells; by itself, as long as a call may take."""
    moments = ("created_at", "sent_at", "leased_until")
    older = {name: F(name) - by for name in moments}
    with transaction(by=system("test")):
        Attempt.objects.filter(pk=attempt.pk).update(**older)
