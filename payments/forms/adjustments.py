"""The form of an adjustment: which way, how much, and why."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms

from payments.forms.parts import PartForm
from payments.models import Transfer

REASON_TAG = "adjustment_reason"
_DIRECTIONS = (
    (Transfer.OperationKey.MERCHANT_CREDIT_ADJUSTMENT.value, "Credit: the merchant gets the money"),
    (Transfer.OperationKey.MERCHANT_DEBIT_ADJUSTMENT.value, "Debit: the money is taken from the merchant"),
)


class AdjustmentForm(PartForm):
    """`body` holds what the service takes, once the form is valid."""

    names: ClassVar = {"amount": "amount", "currency": "currency", "key": "key"}

    operation_key = forms.ChoiceField(
        label="Credit or debit",
        choices=_DIRECTIONS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one of the two.", "invalid_choice": "Choose one of the two."},
    )
    currency = forms.ChoiceField(label="Currency")  # type: ignore[assignment]  # a field, which the form takes out
    reason = forms.CharField(
        label="Reason", max_length=200, help_text="The merchant reads it among the transfer's tags."
    )

    def __init__(self, data: Any = None, *, currencies: Sequence[str], initial: Mapping[str, Any]) -> None:
        asked = data.get("currency", "") if data else ""
        super().__init__(data, currency=asked if asked in currencies else currencies[0], initial=initial)
        self.fields["currency"].choices = [(name, name) for name in currencies]  # type: ignore[attr-defined]  # it is a field of choices

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self.body = {
                "operation_key": cleaned["operation_key"],
                "amount": cleaned["amount"],
                "currency": cleaned["currency"],
                "tags": {REASON_TAG: cleaned["reason"]},
            }
        return cleaned
