"""The form by which chosen items of a queue are approved or rejected. It asks; the service judges."""

from collections.abc import Sequence
from typing import Any

from django import forms

from onboarding.models import ReviewItem
from onboarding.models.reviews import LONGEST_REASON

SAY_WHY = "Say why: the merchant reads it."


class DecisionForm(forms.Form):
    """One reason for all, and where several are rejected one for each that needs another."""

    about_approval = "Kept in the audit. The merchant does not read it."
    about_rejection = "The merchant reads it, and the processor is told."

    key = forms.CharField(widget=forms.HiddenInput)
    reason = forms.CharField(
        label="Reason", max_length=LONGEST_REASON, required=False, widget=forms.Textarea(attrs={"rows": 2})
    )

    def __init__(self, items: Sequence[ReviewItem], *, is_rejection: bool, **options: Any) -> None:
        """`items` are those on which a word can be given now."""
        super().__init__(**options)
        self.items = items
        self.is_rejection = is_rejection
        reason = self.fields["reason"]
        if not is_rejection:
            reason.help_text = self.about_approval
            return
        reason.label = "Reason" if len(items) == 1 else "Reason for all"
        reason.help_text = self.about_rejection
        for item in items if len(items) > 1 else ():
            self.fields[_of(item)] = forms.CharField(
                label=f"Reason for {item.merchant.display_name}",
                max_length=LONGEST_REASON,
                required=False,
            )
        reason.required = len(items) == 1
        reason.error_messages["required"] = SAY_WHY

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.is_rejection or cleaned.get("reason") or "reason" in self.errors:
            return cleaned
        if any(not cleaned.get(_of(item)) and _of(item) not in self.errors for item in self.items):
            self.add_error("reason", "Say why: the merchants read it. Or give each of them a reason of its own.")
        return cleaned

    def reason_of(self, item: ReviewItem) -> str:
        """What was told for this one, else for all."""
        return str(self.cleaned_data.get(_of(item)) or self.cleaned_data["reason"])

    def own_reason(self, item: ReviewItem) -> forms.BoundField | None:
        """The field beside a row; None where there is one reason only."""
        return self[_of(item)] if _of(item) in self.fields else None


def _of(item: ReviewItem) -> str:
    return f"reason_{item.public_id}"
