"""Forms around the link by which a merchant fills in its own form."""

from datetime import timedelta
from typing import Any

from django import forms

LONGEST_DAYS = 30
_USUAL_DAYS = 7


class LinkForm(forms.Form):
    """How long a link lives."""

    days = forms.IntegerField(
        label="Valid for",
        min_value=1,
        max_value=LONGEST_DAYS,
        initial=_USUAL_DAYS,
        help_text=f"1 to {LONGEST_DAYS}. Afterwards it leads nowhere; you can make another one.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )

    def __init__(self, data: Any = None, *, initial: Any = None) -> None:
        super().__init__(data, initial=initial, auto_id="link_%s")

    @property
    def lives(self) -> timedelta:
        return timedelta(days=self.cleaned_data["days"])


class InvitationForm(LinkForm):
    """Whom to invite. The name only tells one invitation from the next in lists."""

    key = forms.CharField(widget=forms.HiddenInput)
    name = forms.CharField(
        label="Merchant",
        max_length=120,
        required=True,
        help_text="What you know it by. The merchant sees it as the heading of its form.",
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )

    field_order = ("key", "name", "days")
