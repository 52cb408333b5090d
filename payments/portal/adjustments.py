"""Crediting or debiting a merchant by the operator's own word."""

from typing import Any

from django.contrib import messages
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Merchant
from onboarding.portal.merchants import find_merchant, merchant_trail
from onboarding.portal.once import new_key
from payments import services
from payments.forms.adjustments import REASON_TAG, AdjustmentForm
from payments.forms.amounts import amount_in_words
from payments.forms.parts import PartForm
from payments.models import LedgerAccount, Transfer
from payments.portal.reviewed import ReviewedAct
from payments.services.ledger import balances_of
from portal.design.values import money
from resources.errors import DomainError
from tenancy.models.processors import currencies_of
from tenancy.roles import Permission
from tenancy.transactions import transaction


class AdjustMerchant(ReviewedAct):
    """What is given or taken goes with the merchant's next settlement."""

    permission = Permission.ADJUST_MERCHANTS
    section = "merchants"
    template_name = "payments/adjustment_form.html"
    asks_for_proof = True
    step = "adjust"
    operation = "portal adjust merchant"

    payment: Merchant
    owed: dict[str, int]

    def read(self, pk: str) -> Merchant:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            kind = LedgerAccount.Kind.MERCHANT_BALANCE
            accounts = balances_of(merchant, by=self.actor)
            self.owed = {account.currency: -account.balance for account in accounts if account.kind == kind}
        return merchant

    def form_of(self, data: Any) -> AdjustmentForm:
        currencies = currencies_of(self.payment.enabled_processor.application_config)
        return AdjustmentForm(data, currencies=currencies, initial={"key": new_key()})

    def obstacle(self) -> str:
        return services.obstacle_to_adjustment(self.payment)

    def objection(self, form: PartForm) -> DomainError | None:
        del form
        return DomainError(obstacle) if (obstacle := self.obstacle()) else None

    def act(self, form: PartForm) -> Transfer:
        adjustment = services.create_adjustment(
            merchant_id=self.payment.pk, by=self.actor, at=timezone.now(), **form.body
        )
        amount = amount_in_words(adjustment.amount, adjustment.currency)
        done = "taken from" if adjustment.takes else "credited to"
        messages.success(self.request, f"{amount} was {done} {self.payment.display_name}.")
        return adjustment

    def review(self, form: PartForm) -> dict[str, Any]:
        amount, currency = form.body["amount"], form.body["currency"]
        takes = form.body["operation_key"] == Transfer.OperationKey.MERCHANT_DEBIT_ADJUSTMENT
        owed, words = self.owed.get(currency, 0), amount_in_words(amount, currency)
        whose = self.payment.display_name
        return {
            "heading": f"{'Debit' if takes else 'Credit'} {words}?",
            "lead": f"Takes {words} from {whose}." if takes else f"Gives {words} of the operator's money to {whose}.",
            "card_title": "Adjustment",
            "facts": [
                ("Owed to the merchant now", money(owed, currency)),
                ("Taken" if takes else "Given", money(-amount if takes else amount, currency)),
                ("Owed to it afterwards", money(owed + (-amount if takes else amount), currency)),
                ("Reason", form.body["tags"][REASON_TAG]),
            ],
            "warning": "It goes with the next settlement. It cannot be undone, only made good by another adjustment.",
            "verb": f"{'Debit' if takes else 'Credit'} {words}",
        }

    def frame(self) -> dict[str, Any]:
        url = reverse("onboarding:merchant", args=[self.payment.public_id])
        return {
            "merchant": self.payment,
            "page_url": url,
            "cancel_url": url,
            "breadcrumbs": merchant_trail(self.payment, "Adjust"),
        }
