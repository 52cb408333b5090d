"""The demo's adjustments: what the operator gave two cafés and took from one of them, by its own word."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from onboarding.demo import Business, Plan
from onboarding.demo.making import then
from payments.demo.bank_debits import CAFES_OWNER
from payments.demo.sales import sellers_of
from payments.demo.till import Till
from payments.forms.adjustments import REASON_TAG
from payments.models import Transfer
from payments.services import create_adjustment
from tenancy.actors import system

_Keys = Transfer.OperationKey
_DRAWN = (
    (0, _Keys.MERCHANT_CREDIT_ADJUSTMENT, 2500, 12, "Goodwill for the terminal that was down on Saturday"),
    (1, _Keys.MERCHANT_CREDIT_ADJUSTMENT, 1000, 5, "Promotion: the first ten sales without a fee"),
    (0, _Keys.MERCHANT_DEBIT_ADJUSTMENT, 1500, 2, "A terminal that was not sent back"),
)
"""Which café, what, how many minor units, how many days ago, and why."""


@dataclass(frozen=True)
class Adjustment:
    """`order` is unique, and its idempotency id."""

    order: str
    seller: Business
    operation_key: str
    amount: int
    reason: str
    made_at: datetime

    def make(self, till: Till) -> None:
        if self.order in till.sales:
            return
        with then(self.made_at) as at:
            create_adjustment(
                operation_key=self.operation_key,
                merchant_id=till.made.merchant_of(self.seller).pk,
                amount=self.amount,
                currency="USD",
                idempotency_id=self.order,
                tags={REASON_TAG: self.reason},
                by=system("Demo"),
                at=at,
            )


def draw(below: Plan) -> Iterator[Adjustment]:
    cafes = sellers_of(below, CAFES_OWNER)
    for number, (place, key, amount, days, reason) in enumerate(_DRAWN, start=1):
        yield Adjustment(f"adjustment-{number}", cafes[place], key, amount, reason, below.now - timedelta(days=days))
