"""Reports: what happened from one day to another, as a file, with totals to look at first.

Apps register the kinds that there are; a kind that nobody registers is not offered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import django_filters
from django import forms
from django.db.models import Count, QuerySet, Sum

from exports import listings
from exports.listings import Listing
from tenancy.actors import Actor

LONGEST = timedelta(days=366)
MOST_GROUPS = 200
_FIRST, _LAST = 1970, 2199


def refuse_other_years(day: date) -> None:
    """For forms that take a day: beyond these years it is a slip, and some have no next day. Raises ValidationError."""
    if not _FIRST <= day.year <= _LAST:
        raise forms.ValidationError(f"Choose a day of the years {_FIRST} to {_LAST}.")


class PeriodForm(forms.Form):
    def clean(self) -> dict[str, Any]:
        told: dict[str, Any] = super().clean() or {}
        start, end = told.get("start_date"), told.get("end_date")
        if start and end and end < start:
            raise forms.ValidationError({"end_date": "The end lies before the start."})
        if start and end and end - start >= LONGEST:
            raise forms.ValidationError({"end_date": f"At most {LONGEST.days} days."})
        return told


class PeriodFilter(django_filters.FilterSet):
    """Rows made from one day to another, both included, in UTC. Without days there are none."""

    start_date = django_filters.DateFilter(
        method="from_start",
        label="From",
        required=True,
        validators=[refuse_other_years],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end_date = django_filters.DateFilter(
        method="until_end",
        label="Until",
        required=True,
        validators=[refuse_other_years],
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    class Meta:
        form = PeriodForm

    def from_start(self, queryset: QuerySet[Any], _name: str, value: date) -> QuerySet[Any]:
        return queryset.filter(created_at__gte=datetime.combine(value, time.min, UTC))

    def until_end(self, queryset: QuerySet[Any], _name: str, value: date) -> QuerySet[Any]:
        return queryset.filter(created_at__lt=datetime.combine(value, time.min, UTC) + timedelta(days=1))


@dataclass(frozen=True)
class Report:
    """A kind of report: the rows behind it, and what its totals are told by. `amount` holds minor units of `currency`.

    `groups` name each column of the totals, the field behind it, and how its values read.
    """

    listing: Listing
    about: str
    groups: Sequence[tuple[str, str, Callable[[str], Any]]]
    amount: str = "amount"
    currency: str = "currency"

    def totals(self, found: QuerySet[Any]) -> list[dict[str, Any]]:
        """By currency and groups, in one query; call it in a transaction."""
        names = [self.currency, *(name for _, name, _ in self.groups)]
        grouped = found.order_by().values(*names).annotate(total_count=Count("pk"), total_amount=Sum(self.amount))
        return list(grouped.order_by(*names)[:MOST_GROUPS])


_reports: dict[str, Report] = {}


def register(report: Report) -> None:
    listings.register(report.listing)
    _reports[report.listing.name] = report


def reports_for(actor: Actor) -> list[Report]:
    return [report for report in _reports.values() if report.listing.may_be_taken_by(actor)]
