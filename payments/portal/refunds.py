"""Giving a charge back, whole or in part."""

from typing import Any

from django.contrib import messages
from django.urls import reverse
from django.utils import timezone

from onboarding.models import PaymentInstrument
from onboarding.portal.once import new_key
from payments import services
from payments.forms.amounts import amount_in_words, units
from payments.forms.parts import REASON_TAG, PartForm, RefundForm
from payments.models import Transfer
from payments.portal.facts import instrument_name
from payments.portal.reviewed import ReviewedAct
from portal.design.values import money
from resources.errors import DomainError, FieldError
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction

_LEFT = "left"


class RefundTransfer(ReviewedAct):
    """What is left of a charge goes back to the card or bank account that it came from.

    The form tells what was left when it was shown: two people who refund the same order at the same time give it back
    once, and the second of them is asked to look again.
    """

    permission = Permission.REFUND_TRANSFERS
    section = "transfers"
    template_name = "payments/refund_form.html"
    step = "refund"
    operation = "portal refund"

    payment: Transfer

    def read(self, pk: str) -> Transfer:
        with transaction(by=self.actor):
            visible = Transfer.objects.visible_to(self.actor)
            found: Transfer = find(visible.select_related("merchant", "application"), pk)
            return found

    def form_of(self, data: Any) -> RefundForm:
        charge = self.payment
        left = charge.refundable_amount
        initial = {"key": new_key(), _LEFT: left, "amount": units(left, charge.currency)}
        return RefundForm(data, currency=charge.currency, initial=initial)

    def obstacle(self) -> str:
        return services.obstacle_to_refund(self.payment)

    def objection(self, form: PartForm) -> DomainError | None:
        left, seen = self.payment.refundable_amount, form.cleaned_data[_LEFT]
        if obstacle := self.obstacle():
            return services.NotRefundable(obstacle)
        if left != seen:
            # The reader is told, and what the form says from now on is what is there now.
            form.data = {**dict(form.data.items()), _LEFT: str(left)}
            return DomainError(
                f"Something was refunded since this page was shown: {self._left()} of the sale is left now, not "
                f"{amount_in_words(seen, self.payment.currency)}. Nothing was done. Look again before you go on."
            )
        if form.body["amount"] > left:
            return FieldError("amount", f"At most {self._left()} can still be refunded.")
        return None

    def act(self, form: PartForm) -> Transfer:
        body = form.body
        try:
            reversal = services.create_reversal(
                transfer=self.payment, amount=body["amount"], tags=body["tags"], by=self.actor, at=timezone.now()
            )
        except FieldError as error:
            if error.field != "refund_amount":
                raise
            self.payment = self.read(self.payment.public_id)
            # Somebody was faster; the service speaks of minor units.
            raise FieldError(error.field, f"At most {self._left()} can still be refunded.") from error
        if reversal.has_succeeded:
            given = amount_in_words(reversal.amount, reversal.currency)
            messages.success(self.request, f"{given} was refunded to {instrument_name(reversal)}.")
        return reversal

    def review(self, form: PartForm) -> dict[str, Any]:
        charge, amount = self.payment, form.body["amount"]
        currency, given, to = charge.currency, amount_in_words(amount, charge.currency), instrument_name(charge)
        reason = form.body["tags"].get(REASON_TAG)
        left = charge.refundable_amount - amount
        fee = [("Fee of the sale", f"{amount_in_words(charge.fee, currency)}, not given back")] if charge.fee else []
        is_batched = charge.instrument_type == PaymentInstrument.Type.BANK_ACCOUNT
        return {
            "heading": f"Refund {given}?",
            "lead": f"Gives {given} back to {to}, and takes it from {charge.merchant.display_name}."
            + (" It is pending until the processor's next batch." if is_batched else ""),
            "card_title": "Refund",
            "facts": [
                ("Sale", money(charge.amount, currency)),
                *([("Refunded before", money(charge.refunded_amount, currency))] if charge.refunded_amount else []),
                ("Refunded now", money(amount, currency)),
                ("Left of the sale", money(left, currency) if left else "Nothing"),
                *fee,
                ("Goes back to", to),
                *([("Reason", reason)] if reason else []),
            ],
            "warning": "A refund cannot be undone.",
            "verb": f"Refund {given}",
        }

    def frame(self) -> dict[str, Any]:
        charge = self.payment
        url = reverse("payments:transfer", args=[charge.public_id])
        return {
            "transfer": charge,
            "amount": amount_in_words(charge.amount, charge.currency),
            "left": self._left(),
            "is_part_refunded": charge.refunded_amount > 0,
            "instrument": instrument_name(charge),
            "page_url": url,
            "cancel_url": url,
            "breadcrumbs": [
                ("Transfers", reverse("payments:transfers")),
                (charge.public_id, url),
                ("Refund", ""),
            ],
        }

    def _left(self) -> str:
        return amount_in_words(self.payment.refundable_amount, self.payment.currency)
