"""A counter where every kind of payment is asked for, and what our tables and the sandbox's say of it."""

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from django.db import connection, connections
from django.utils import timezone

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import Authorization, Transfer
from payments.services import (
    Purpose,
    capture_authorization,
    create_authorization,
    create_reversal,
    create_visa_direct,
    void_authorization,
)
from payments.services.check import check_ledger
from providers.models import Attempt
from resources.errors import DomainError
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.services import set_clock_offset
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import (
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
)
from tests.factories.tenancy import Login, make_application

Row = TypeVar("Row", Transfer, Authorization)


@dataclass
class Counter:
    """A merchant who sells, a buyer's card, and the buyer as a merchant at VISA_V1, to whom money is sent."""

    application: Application
    login: Login
    merchant: Merchant
    buyer: Identity
    receiver: Merchant
    card: PaymentInstrument

    def sell(self, amount: int = 1000, source: PaymentInstrument | None = None, **options: Any) -> Transfer:
        return make_sale(self.merchant, source or self.card, amount, **options)

    def hold(self, amount: int = 1000, source: PaymentInstrument | None = None, **options: Any) -> Authorization:
        return create_authorization(
            merchant_id=self.merchant.pk,
            source_id=(source or self.card).pk,
            amount=amount,
            currency="USD",
            by=system("test"),
            **({"at": timezone.now()} | options),
        )

    def capture(self, held: Authorization, amount: int | None = None, at: datetime | None = None) -> Transfer:
        return capture_authorization(authorization=held, amount=amount, by=system("test"), at=at or timezone.now())

    def void(self, held: Authorization) -> Authorization:
        return void_authorization(authorization=held, by=system("test"), at=timezone.now())

    def refund(self, sale: Transfer, amount: int) -> Transfer:
        return create_reversal(transfer=sale, amount=amount, by=system("test"), at=timezone.now())

    def push(self, amount: int = 1000) -> Transfer:
        return self._visa_direct(Purpose.PUSH, amount)

    def pull(self, amount: int = 1000) -> Transfer:
        return self._visa_direct(Purpose.PULL, amount)

    def _visa_direct(self, purpose: Purpose, amount: int) -> Transfer:
        return create_visa_direct(
            purpose=purpose,
            instrument_id=self.card.pk,
            merchant_id=self.receiver.pk,
            amount=amount,
            currency="USD",
            by=system("test"),
            at=timezone.now(),
        )

    def move_clock(self, offset: timedelta) -> None:
        """Set the business time apart from wall time, and ask nobody anything."""
        self.application = set_clock_offset(
            application=self.application, offset=offset, by=system("test"), at=timezone.now()
        )

    def reversals(self, sale: Transfer) -> list[Transfer]:
        with transaction(by=system("test")):
            return list(Transfer.objects.filter(parent=sale).order_by("created_at", "id"))

    def captures(self, held: Authorization) -> list[Transfer]:
        with transaction(by=system("test")):
            return list(Transfer.objects.filter(authorization=held).order_by("created_at", "id"))

    def attempts(self, **which: Any) -> list[Attempt]:
        """The oldest first."""
        with transaction(by=system("test")):
            return list(Attempt.objects.filter(application=self.application, **which).order_by("created_at", "id"))

    def attempt(self, operation: str) -> Attempt:
        """The newest of its operation."""
        return self.attempts(operation=operation)[-1]

    def calls(self, *operations: str) -> int:
        """How many acts the sandbox has on record; what never arrived is none."""
        statement = "SELECT count(*) FROM sandbox_call WHERE application_id = %s AND operation = ANY (%s)"
        return int(self.ask(statement, self.application.pk, list(operations))[0][0])

    def ask(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with transaction(by=system("test")), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def differences(self) -> list[tuple[Any, ...]]:
        """Between the provider's rows and ours, once nothing is under way any more, and breaks of the ledger."""
        key = self.application.pk
        found = [*self.ask(_TRANSFERS, key), *self.ask(_AUTHORIZATIONS, key)]
        return [*found, *((sentence,) for sentence in check_ledger(by=system("test")).broken)]


# A transfer that we called off and the provider never had is no difference: nothing moved on either side.
_TRANSFERS = """
SELECT 'transfer', id, ours.state, theirs.state, ours.amount, theirs.amount, ours.refunded_amount,
    theirs.refunded_amount
FROM transfer ours
FULL JOIN sandbox_transfer theirs USING (application_id, id)
WHERE application_id = %s AND NOT (theirs.id IS NULL AND ours.state = 'FAILED')
    AND (ours.state, ours.amount, ours.currency, ours.type, ours.subtype, ours.parent_id, ours.authorization_id,
        ours.refunded_amount, ours.returned_at IS NULL)
    IS DISTINCT FROM (theirs.state, theirs.amount, theirs.currency, theirs.type, theirs.subtype, theirs.parent_id,
        theirs.authorization_id, theirs.refunded_amount, theirs.return_code = '' OR theirs.subtype = 'SYSTEM'
        OR theirs.return_due_at IS NOT NULL)
"""
_AUTHORIZATIONS = """
SELECT 'authorization', id, ours.state, theirs.state, ours.void_state, theirs.void_state, ours.transfer_id,
    theirs.captured_by
FROM card_authorization ours FULL JOIN sandbox_authorization theirs USING (application_id, id)
WHERE application_id = %s AND NOT (theirs.id IS NULL AND ours.state = 'FAILED')
    AND (ours.state, ours.amount, ours.currency, ours.is_void, ours.transfer_id)
    IS DISTINCT FROM (theirs.state, theirs.amount, theirs.currency, theirs.void_state = 'SUCCEEDED', theirs.captured_by)
"""


def make_counter(name: str = "Acme", number: str | None = None, **config: Any) -> Counter:
    """`number` is that of the card, `config` that of the processor."""
    application, login = make_application(name)
    make_processor(application, **config)
    make_processor(application, Processor.Name.VISA_V1)
    buyer = make_identity(application)
    card = make_card(buyer, **({"number": number} if number else {}))
    merchant = make_merchant(make_merchant_identity(application), "DUMMY_V1")
    return Counter(application, login, merchant, buyer, make_merchant(buyer, "VISA_V1"), card)


def make_returning_account(counter: Counter) -> PaymentInstrument:
    """A bank account whose bank returns every debit, under the profile finix-2026."""
    return make_bank_account(counter.buyer, account_number="123120006", bank_code="122105278")


def again(row: Row) -> Row:
    """As it is now."""
    with transaction(by=system("test")):
        return type(row)._default_manager.get(pk=row.pk)


def at_once(works: Iterable[Callable[[], Any]]) -> list[Any]:
    """What each of them gave, or the refusal that it met; all begin together, each with a connection of its own."""
    works = list(works)
    together = threading.Barrier(len(works))

    def run(work: Callable[[], Any]) -> Any:
        try:
            together.wait(60)
            return work()
        except DomainError as refusal:
            return refusal
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))
