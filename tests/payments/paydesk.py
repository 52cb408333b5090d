"""A merchant whose sales are rows that are ready at once, all that is done to settle them, and what came of it."""

import uuid
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from onboarding.services.reviews import review
from payments import services
from payments.models import LedgerAccount, Settlement, SettlementEntry, Transfer
from payments.services import accrual, settlements
from payments.services.check import check_ledger
from payments.services.settlement_reviews import item_of
from providers import attempts, feeds
from providers.models import Attempt
from tenancy.actors import system
from tenancy.models import Application
from tenancy.services import set_clock_offset
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.payments.ledger_rows import Shop, make_reversal, make_transfer, post_transfer

RETURNING = {"account_number": "123120007"}
"""A bank account whose bank sends every deposit back, under the profile finix-2026."""


class Paydesk:
    """Merchant, application and bank account are real, and so are deposits; only the sales come from nowhere."""

    def __init__(self, name: str = "Acme", *, account: dict[str, Any] | None = None, **config: Any) -> None:
        self.application, self.login = make_application(name)
        make_processor(self.application, **({"allow_split_payouts": True} | config))
        self.identity = make_merchant_identity(self.application)
        self.account = make_bank_account(self.identity, **(account or {}))
        self.merchant = make_merchant(self.identity)
        self.shop = Shop(self.application, self.login, self.identity, self.merchant, self.account)

    # What happens

    def sell(self, amount: int, fee: int = 0, *, currency: str = "USD", ready: bool = True) -> Transfer:
        with transaction(by=system("test")):
            sale = make_transfer(self.shop, amount, fee, currency=currency, **self._readiness(ready))
            post_transfer(sale)
        return sale

    def sell_all(self, *amounts: int) -> list[Transfer]:
        return [self.sell(amount) for amount in amounts]

    def give_back(self, sale: Transfer, amount: int) -> Transfer:
        with transaction(by=system("test")):
            parent = Transfer.objects.select_for_update().get(pk=sale.pk)
            parent.refunded_amount += amount
            parent.save(update_fields=["refunded_amount"])
            back = make_reversal(parent, self.shop, amount, **self._readiness(True))
            post_transfer(back)
        return back

    def _readiness(self, is_ready: bool) -> dict[str, Any]:
        at = self.application.business_time(timezone.now()) - timedelta(minutes=1)
        return {"ready_to_settle_upon": "RECONCILIATION", "ready_to_settle_at": at if is_ready else None}

    # What is done

    def accrue(self, currency: str = "USD") -> int:
        return accrual.accrue(self.merchant.pk, currency, by=system("test"), at=timezone.now())

    def create(self, currency: str = "USD") -> Settlement:
        return services.create_settlement(
            merchant=self.merchant, currency=currency, by=system("test"), at=timezone.now()
        )

    def close(self, settlement: Settlement) -> Settlement:
        return services.close_settlement(settlement=settlement, by=system("test"), at=timezone.now())

    def close_due(self) -> int:
        return settlements.close_due(by=system("test"), at=timezone.now())

    def settle(self) -> None:
        """What the worker does each minute."""
        accrual.accrue_all(by=system("test"), at=timezone.now())
        while self.close_due():
            pass

    def closed(self, *amounts: int) -> Settlement:
        """A new one of these sales."""
        self.sell_all(*amounts)
        return self.close(self.create())

    def decide(self, settlement: Settlement, outcome: str = "ACCEPTED", **options: Any) -> Settlement:
        with transaction(by=system("test")):
            item = item_of(settlement, system("test"))
        assert item is not None
        reason = "No." if outcome == "REJECTED" else ""
        review(item=item, outcome=outcome, reason=reason, by=system("test"), at=timezone.now(), **options)
        return self.again(settlement)

    def approve(self, settlement: Settlement) -> Settlement:
        return self.decide(settlement)

    def reject(self, settlement: Settlement) -> Settlement:
        return self.decide(settlement, "REJECTED")

    def remove(self, settlement: Settlement, *sales: Transfer) -> Settlement:
        keys = [sale.pk for sale in sales]
        return services.remove_transfers(settlement=settlement, transfer_ids=keys, by=system("test"), at=timezone.now())

    def fund(self, settlement: Settlement, amount: int, destination_id: uuid.UUID | None = None) -> Transfer:
        return services.fund_settlement(
            settlement=settlement,
            amount=amount,
            destination_id=destination_id or self.account.pk,
            by=system("test"),
            at=timezone.now(),
        )

    def ask(self) -> None:
        """As the worker does for what was left to it."""
        with transaction(by=system("test")):
            waiting = list(Attempt.objects.unresolved().filter(application=self.application))
        for attempt in waiting:
            attempts.resolve(attempt.pk, self.application.pk)

    def work(self) -> None:
        """Let every deposit become what it becomes."""
        self.ask()
        let_time_pass(self.application, 10)
        self.hear()

    def hear(self) -> int:
        return feeds.hear(self.application.pk, "DUMMY_V1")

    def move_clock(self, offset: timedelta) -> None:
        """Set the business time apart from wall time, and ask nobody anything."""
        with transaction(by=system("test")):
            current = Application.objects.get(pk=self.application.pk)
        self.application = set_clock_offset(application=current, offset=offset, by=system("test"), at=timezone.now())

    # What came of it

    def again(self, settlement: Settlement) -> Settlement:
        with transaction(by=system("test")):
            return Settlement.objects.select_related("application").get(pk=settlement.pk)

    def settlements(self) -> list[Settlement]:
        """The oldest first."""
        with transaction(by=system("test")):
            return list(Settlement.objects.filter(application=self.application).order_by("created_at", "id"))

    def deposits(self) -> list[Transfer]:
        with transaction(by=system("test")):
            paying = Transfer.objects.filter(application=self.application, subtype__in=Transfer.DEPOSITS)
            return list(paying.order_by("created_at", "id"))

    def balances(self, currency: str = "USD") -> dict[str, int]:
        with transaction(by=system("test")):
            accounts = LedgerAccount.objects.filter(merchant=self.merchant, currency=currency)
            return {str(row.kind): row.balance for row in accounts if row.balance}

    def unsettled(self, currency: str = "USD") -> int:
        """What of all sales and refunds, less fees, has not been closed to be paid."""
        with transaction(by=system("test")):
            moved = Transfer.objects.filter(merchant=self.merchant, currency=currency, state="SUCCEEDED")
            moved = moved.exclude(subtype__in=Transfer.DEPOSITS).exclude(parent__subtype__in=Transfer.DEPOSITS)
            signed = [-one.amount if one.type == "REVERSAL" else one.amount - one.fee for one in moved]
            closed = Settlement.objects.filter(merchant=self.merchant, currency=currency, net_amount__gt=0)
            closed = closed.filter(status__in=["AWAITING_APPROVAL", "APPROVED"])
            return sum(signed) - (closed.aggregate(net=Sum("net_amount"))["net"] or 0)

    def held(self) -> list[uuid.UUID]:
        """The transfers that entries hold, one line for each entry."""
        with transaction(by=system("test")):
            entries = SettlementEntry.objects.held().filter(application=self.application, kind="TRANSFER")
            return list(entries.values_list("transfer_id", flat=True))

    def ask_database(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        with transaction(by=system("test")), connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall()

    def differences(self) -> list[Any]:
        """Breaks of the books, and deposits that are others at the sandbox; nothing is under way any more."""
        found: list[Any] = list(check_ledger(by=system("test")).broken)
        found += self.ask_database(_DEPOSITS, self.application.pk)
        if -self.balances().get("MERCHANT_BALANCE", 0) != self.unsettled():
            found.append(("MERCHANT_BALANCE", self.balances(), self.unsettled()))
        return found


# Sales that came from nowhere are not at the sandbox.
_DEPOSITS = """
SELECT 'deposit', id, ours.state, theirs.state, ours.amount, theirs.amount
FROM (SELECT * FROM transfer WHERE type = 'CREDIT') AS ours
FULL JOIN (SELECT * FROM sandbox_transfer WHERE type = 'CREDIT') AS theirs USING (application_id, id)
WHERE application_id = %s AND NOT (theirs.id IS NULL AND ours.state = 'FAILED')
    AND (ours.state, ours.amount, ours.currency, ours.returned_at IS NULL)
    IS DISTINCT FROM (theirs.state, theirs.amount, theirs.currency,
        theirs.return_code = '' OR theirs.return_due_at IS NOT NULL)
"""

Work = Callable[[], Any]


def kinds(given: Iterable[Any]) -> list[str]:
    """What each of some works gave or met, by its name; equal ones beside each other."""
    return sorted(type(one).__name__ for one in given)
