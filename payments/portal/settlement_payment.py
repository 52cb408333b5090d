"""Paying of an approved settlement what is not paid yet: again, or in parts."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.utils import timezone

from onboarding.models import PaymentInstrument
from onboarding.portal.once import new_key
from onboarding.switches import settlements_off
from payments import services
from payments.forms.amounts import amount_in_words, units
from payments.forms.parts import PartForm
from payments.forms.settlements import PaymentForm
from payments.models import Settlement, Transfer
from payments.portal.reviewed import ReviewedAct
from payments.portal.settlement_facts import page_of
from payments.portal.settlements import SECTION, find_settlement, settlement_trail
from payments.services.settlement_flags import accounts_of
from portal.design.values import money
from resources.errors import DomainError, FieldError
from tenancy.roles import Permission
from tenancy.transactions import transaction

_LEFT = "left"


class PaySettlement(ReviewedAct):
    """What was approved and is not paid: all of it, or part of it, to a bank account of the merchant.

    The form tells what was left when it was shown, so that two people do not pay two parts for one.
    """

    permission = Permission.FUND_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_pay.html"
    asks_for_proof = True
    step = "pay"
    operation = "portal pay settlement"

    payment: Settlement
    accounts: Sequence[PaymentInstrument]

    def read(self, pk: str) -> Settlement:
        with transaction(by=self.actor):
            settlement = find_settlement(pk, self.actor)
            self.accounts = list(accounts_of(settlement)[:50])
        return settlement

    def form_of(self, data: Any) -> PaymentForm:
        left, currency = self.payment.unfunded_amount, self.payment.currency
        initial = {"key": new_key(), _LEFT: left, "amount": units(left, currency)}
        return PaymentForm(data, accounts=self.accounts, currency=currency, initial=initial)

    def obstacle(self) -> str:
        if self.payment.status != Settlement.Status.APPROVED:
            return services.NotApproved.message
        if not self.payment.unfunded_amount:
            return "All of it was paid, or is being paid just now."
        if off := settlements_off(self.payment.merchant):
            return off.text
        return "" if self.accounts else str(services.NoBankAccount(self.payment.currency))

    def objection(self, form: PartForm) -> DomainError | None:
        left, seen = self.payment.unfunded_amount, form.cleaned_data[_LEFT]
        if obstacle := self.obstacle():
            return DomainError(obstacle)
        if left != seen:
            form.data = {**dict(form.data.items()), _LEFT: str(left)}
            return DomainError(
                f"{self._left()} is still to be paid now, not {amount_in_words(seen, self.payment.currency)} as when "
                "this page was shown. Nothing was done. Look again before you go on."
            )
        if form.body["amount"] > left:
            return FieldError("amount", f"At most {self._left()} is still to be paid.")
        if form.body["amount"] < left and not services.may_be_split(self.payment):
            return FieldError("amount", f"All {self._left()} is paid at once: the processor lets no part of it be.")
        return None

    def act(self, form: PartForm) -> Transfer:
        body = form.body
        try:
            deposit = services.fund_settlement(
                settlement=self.payment,
                amount=body["amount"],
                destination_id=PaymentInstrument.parse_id(body["destination"]),
                by=self.actor,
                at=timezone.now(),
            )
        except FieldError as error:
            if error.field != "amount":
                raise
            self.payment = self.read(self.payment.public_id)
            raise self.objection(form) or error from error  # the service speaks of minor units
        messages.success(self.request, f"{amount_in_words(deposit.amount, deposit.currency)} is being paid.")
        return deposit

    def page_after(self, made: Transfer) -> str:
        del made
        return page_of(self.payment)

    def review(self, form: PartForm) -> dict[str, Any]:
        settlement, amount = self.payment, form.body["amount"]
        currency, paid = settlement.currency, amount_in_words(amount, settlement.currency)
        account = {one.public_id: one for one in self.accounts}[form.body["destination"]]
        left = settlement.unfunded_amount - amount
        return {
            "heading": f"Pay {paid}?",
            "lead": f"To {account.display_name} of {settlement.merchant.display_name}, in the name of {account.name}.",
            "card_title": "Deposit",
            "facts": [
                ("Net of the settlement", money(settlement.net_amount, currency)),
                *([("Paid before", money(settlement.funded_amount, currency))] if settlement.funded_amount else []),
                ("Paid now", money(amount, currency)),
                ("Left to be paid", money(left, currency) if left else "Nothing"),
                ("Bank account", account.display_name),
            ],
            "warning": "A deposit that was sent cannot be called back. The bank may return it.",
            "verb": f"Pay {paid}",
        }

    def frame(self) -> dict[str, Any]:
        url = page_of(self.payment)
        return {
            "settlement": self.payment,
            "whose": self.payment.merchant.display_name,
            "left": self._left(),
            "may_be_split": services.may_be_split(self.payment),
            "page_url": url,
            "cancel_url": url,
            "breadcrumbs": settlement_trail(self.payment, "Pay"),
        }

    def _left(self) -> str:
        return amount_in_words(self.payment.unfunded_amount, self.payment.currency)
