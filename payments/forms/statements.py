"""The period of a statement: a month, or from one day to another."""

from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms

from exports.reports import LONGEST, refuse_other_years

_NEEDED = {"required": "Name both days, or a month."}


def _day(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        validators=[refuse_other_years],
        error_messages=_NEEDED,
    )


class StatementPeriod(forms.Form):
    """Days are those of UTC, both included; a month stands for its days."""

    month = forms.DateField(
        required=False,
        input_formats=["%Y-%m"],
        widget=forms.DateInput(attrs={"type": "month"}, format="%Y-%m"),
        validators=[refuse_other_years],
    )
    start_date = _day("From")
    end_date = _day("Until")

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        for name in ("start_date", "end_date"):
            self.fields[name].required = not data.get("month")

    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or {}
        if "month" in self.errors:  # it comes by a link, and has no field on the page
            self.errors.clear()
            raise forms.ValidationError({"start_date": "There is no such month."})
        if self.errors:
            return told
        month = told.get("month")
        if month is not None:
            return told | {"start_date": month, "end_date": month.replace(day=monthrange(month.year, month.month)[1])}
        start, end = told.get("start_date"), told.get("end_date")
        if start is None or end is None or end < start:
            raise forms.ValidationError({"end_date": "The end lies before the start."})
        if end - start >= LONGEST:
            raise forms.ValidationError({"end_date": f"At most {LONGEST.days} days."})
        return told


class WantedMerchant(forms.Form):
    """Whose statement is looked for. It is filled only where nobody was found."""

    merchant = forms.CharField(label="Merchant id", help_text="Begins with MU.")

    def clean_merchant(self) -> str:
        raise forms.ValidationError("There is no such merchant.")


def of_month(day: date) -> dict[str, str]:
    """What the form is filled with at first: the month of a day."""
    return {"month": f"{day:%Y-%m}"}
