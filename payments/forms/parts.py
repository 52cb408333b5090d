"""The forms of a capture and a refund: how much of an amount, and what else belongs to it."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from django import forms

from payments.forms.amounts import UnitsField, minor_units
from resources.errors import DomainError, FieldError, FieldErrors

REASON_TAG = "refund_reason"


class PartForm(forms.Form):
    """Part of an amount, in units of its currency. `body` holds minor units, once the form is valid.

    How much there is, is not judged here: it may be different by the time the form is sent. Its hidden key makes a form
    that is sent twice act once.
    """

    names: ClassVar[Mapping[str, str]]
    """What services call the fields that they refuse."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    amount = UnitsField(label="Amount")

    def __init__(self, data: Any = None, *, currency: str, initial: Mapping[str, Any]) -> None:
        super().__init__(data, initial=dict(initial))
        self.currency = currency
        self.body: dict[str, Any] = {}

    def clean_amount(self) -> int:
        amount = minor_units(self.cleaned_data["amount"], self.currency)
        if not amount:
            raise forms.ValidationError("An amount above 0 is needed.")
        return amount

    def refuse(self, error: DomainError) -> None:
        """Put a refusal beside its field, where it has one."""
        for refusal in error.errors if isinstance(error, FieldErrors) else [error]:
            name = self.names.get(refusal.field) if isinstance(refusal, FieldError) else None
            self.add_error(name, str(refusal))

    @property
    def sent(self) -> dict[str, str]:
        """What was filled in, as it was sent."""
        return {bound.name: bound.data for bound in self if bound.data}


class CaptureForm(PartForm):
    """How much of a hold is taken, and what the partner keeps of that."""

    names: ClassVar = {"amount": "amount", "capture_amount": "amount", "fee": "fee", "key": "key"}

    fee = UnitsField(
        label="Fee", required=False, help_text="What the partner keeps of the amount; the rest is the merchant's."
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if self.errors:
            return cleaned
        try:
            fee = minor_units(cleaned["fee"] or Decimal(0), self.currency)
        except forms.ValidationError as error:
            self.add_error("fee", error)
            return cleaned
        if fee > cleaned["amount"]:
            self.add_error("fee", "The fee is at most the amount.")
        self.body = {"amount": cleaned["amount"], "fee": fee}
        return cleaned


class RefundForm(PartForm):
    """How much of a charge is given back. `left` is what was still to be had when the form was shown."""

    names: ClassVar = {"amount": "amount", "refund_amount": "amount", "key": "key"}

    left = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=200,
        help_text="For whoever reads the refund later; the buyer does not see it.",
    )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            reason = cleaned["reason"]
            self.body = {"amount": cleaned["amount"], "tags": {REASON_TAG: reason} if reason else {}}
        return cleaned
