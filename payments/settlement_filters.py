"""Filters of the lists of settlements and of what they hold, for API and portal."""

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import QueryDict

from api.filters import ListFilter, PublicIdFilter, TagFilters, TextFilter, ValueFilter
from onboarding.models import Identity, Merchant
from payments.filters import TYPES, MinorUnitsFilter, TransferFilter, TypeFilter, with_bare_bounds
from payments.models import Settlement, Transfer
from resources import ids
from tenancy.models import Application, Processor


class SettlementFilter(ListFilter[Settlement], TagFilters):
    """Settlements; `amount` is the total before fees.

    A processor and a transfer are looked up first, since a list that joins a table of its tenants reads all of it.
    """

    id = PublicIdFilter(related=Settlement, field_name="pk", label="Settlement id", help_text="Begins with ST.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", label="Application id")
    identity_id = PublicIdFilter(related=Identity, field_name="identity_id", label="Identity id")
    merchant_id = PublicIdFilter(related=Merchant, field_name="merchant_id", label="Merchant id")
    processor = TextFilter(method="by_processor", label="Processor")
    currency = TextFilter(method="by_currency", label="Currency")
    status = ValueFilter(values=Settlement.Status.values, label="Status")
    amount = MinorUnitsFilter(field_name="total_amount", label="Amount")
    amount__gt = MinorUnitsFilter(field_name="total_amount", lookup_expr="gt", label="Amount above")
    amount__gte = MinorUnitsFilter(field_name="total_amount", lookup_expr="gte", label="Amount from")
    amount__lt = MinorUnitsFilter(field_name="total_amount", lookup_expr="lt", label="Amount below")
    amount__lte = MinorUnitsFilter(field_name="total_amount", lookup_expr="lte", label="Amount until")
    transfer_id = TextFilter(method="by_transfer", label="Transfer id", help_text="Begins with TR.")
    funding_transfer_id = TextFilter(method="by_deposit", label="Funding transfer id", help_text="Begins with TR.")

    def __init__(self, data: QueryDict | None = None, queryset: Any = None, **options: Any) -> None:
        super().__init__(with_bare_bounds(data), queryset, **options)

    def by_processor(self, queryset: QuerySet[Settlement], _name: str, value: str) -> QuerySet[Settlement]:
        found = Processor.objects.filter(processor=value.upper()).values_list("pk", flat=True)
        return queryset.filter(processor_id__in=list(found))

    def by_currency(self, queryset: QuerySet[Settlement], _name: str, value: str) -> QuerySet[Settlement]:
        return queryset.filter(currency=value.upper())

    def by_transfer(self, queryset: QuerySet[Settlement], _name: str, value: str) -> QuerySet[Settlement]:
        """The one that holds it, not the one that it pays."""
        held = Transfer.objects.exclude(subtype__in=Transfer.DEPOSITS)
        return queryset.filter(pk__in=_settlement_of(held, value))

    def by_deposit(self, queryset: QuerySet[Settlement], _name: str, value: str) -> QuerySet[Settlement]:
        deposits = Transfer.objects.filter(subtype__in=Transfer.DEPOSITS)
        return queryset.filter(pk__in=_settlement_of(deposits, value))


class _HeldTypeFilter(TypeFilter):
    """Beside the types, `reverse`, as the settlements' own links have it."""

    class field_class(TypeFilter.field_class):  # noqa: N801 - the name is django-filter's
        def clean(self, value: Any) -> str:
            text = str(value or "").strip().upper()
            return super().clean(Transfer.Type.REVERSAL if text in {"REVERSE", "REVERSALS"} else text)


class HeldTransferFilter(TransferFilter):
    """Transfers that a settlement holds."""

    type = _HeldTypeFilter(values=TYPES, label="Type")


def _settlement_of(transfers: QuerySet[Transfer], public_id: str) -> list[uuid.UUID]:
    """The key of the settlement that one of these transfers belongs to; row security bounds it to what is in sight."""
    try:
        found = transfers.filter(pk=Transfer.parse_id(public_id), settlement__isnull=False)
    except ids.MalformedId:
        return []
    return [key for key in found.values_list("settlement_id", flat=True) if key is not None]
