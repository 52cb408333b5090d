"""Filters of the list of transfers, for API and portal."""

from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict

from api.filters import ListFilter, MomentFilter, PublicIdFilter, TagFilters, TextFilter, ValueFilter
from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import Transfer
from resources import ids
from resources.cards import BRANDS
from tenancy.models import Application, Processor

_BARE = ("gt", "gte", "lt", "lte")
_TYPES = ["DEBIT", "REVERSAL", "CREDIT", "SETTLEMENT", "FEE", "ADJUSTMENT", "DISPUTE", "RESERVE", "UNKNOWN"]
_SPELT_OTHERWISE = {"DEBITS": "DEBIT", "CREDITS": "CREDIT", "REFUNDS": "REVERSAL"}


class MinorUnitsField(forms.CharField):
    """A whole number of minor units: a decimal point is refused, never guessed at."""

    def clean(self, value: Any) -> int | None:
        text = super().clean(value)
        if not text:
            return None
        if not text.isascii() or not text.isdigit() or len(text) > 15:
            raise forms.ValidationError("A whole number of minor units (cents) is needed.")
        return int(text)


class MinorUnitsFilter(django_filters.Filter):
    field_class = MinorUnitsField


class TypeFilter(ValueFilter):
    """A type of transfers, made here or not; DEBITS, CREDITS and REFUNDS are read as one of them."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def clean(self, value: Any) -> str:
            text = str(value or "").strip().upper()
            return super().clean(_SPELT_OTHERWISE.get(text, text))


class TransferIdFilter(PublicIdFilter):
    """The transfer's own id; that of its merchant is understood as well, as one documented form has it."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value.startswith(Merchant.PREFIX):
            return PublicIdFilter(related=Merchant, field_name="merchant_id").filter(qs, value)
        return super().filter(qs, value)


class TransferFilter(ListFilter[Transfer], TagFilters):
    """Everything to the letter, the identity's name in any case; amounts in minor units."""

    id = TransferIdFilter(related=Transfer, field_name="pk", label="Transfer id", help_text="Begins with TR.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", label="Application id")
    merchant_id = PublicIdFilter(related=Merchant, field_name="merchant_id", label="Merchant id")
    merchant_identity_id = PublicIdFilter(
        related=Identity, field_name="merchant_identity_id", label="Merchant's identity id"
    )
    merchant_identity_name = TextFilter(method="by_identity_name", label="Merchant's name")
    merchant_mid = TextFilter(field_name="merchant__mid", label="Number at the processor (MID)")
    merchant_processor_id = PublicIdFilter(
        related=Processor, field_name="merchant__enabled_processor_id", label="Processor id"
    )
    amount = MinorUnitsFilter(label="Amount")
    amount__gt = MinorUnitsFilter(field_name="amount", lookup_expr="gt", label="Amount above")
    amount__gte = MinorUnitsFilter(field_name="amount", lookup_expr="gte", label="Amount from")
    amount__lt = MinorUnitsFilter(field_name="amount", lookup_expr="lt", label="Amount below")
    amount__lte = MinorUnitsFilter(field_name="amount", lookup_expr="lte", label="Amount until")
    state = ValueFilter(values=Transfer.State.values, label="State")
    type = TypeFilter(values=_TYPES, label="Type")
    trace_id = TextFilter(label="Trace id")
    idempotency_id = TextFilter(label="Idempotency id")
    statement_descriptor = TextFilter(label="Statement descriptor")
    ready_to_settle_at__gte = MomentFilter(field_name="ready_to_settle_at", lookup_expr="gte", label="Ready from")
    ready_to_settle_at__lte = MomentFilter(
        field_name="ready_to_settle_at", lookup_expr="lte", end_of_day=True, label="Ready until"
    )
    instrument_type = ValueFilter(field_name="source__type", values=PaymentInstrument.Type.values, label="Instrument")
    instrument_name = TextFilter(field_name="source__name", label="Holder's name")
    instrument_brand_type = ValueFilter(field_name="source__brand", values=BRANDS, label="Card brand")
    instrument_bin = TextFilter(field_name="source__bin", label="First six of the card")
    instrument_card_last4 = TextFilter(method="by_card", label="Last four of the card")
    instrument_account_last4 = TextFilter(method="by_account", label="Last four of the account")
    instrument_fingerprint = TextFilter(field_name="source__fingerprint", label="Instrument's fingerprint")

    def __init__(self, data: QueryDict | None = None, queryset: Any = None, **options: Any) -> None:
        super().__init__(_with_bare_bounds(data), queryset, **options)

    def by_identity_name(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        names = Q(merchant_identity__doing_business_as__iexact=value) | Q(
            merchant_identity__business_name__iexact=value
        )
        return queryset.filter(names)

    def by_card(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        return queryset.filter(source__last_four=value, source__type=PaymentInstrument.Type.PAYMENT_CARD)

    def by_account(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        return queryset.filter(source__last_four=value, source__type=PaymentInstrument.Type.BANK_ACCOUNT)


class TransferSearch(TransferFilter):
    """The portal's filter: the documented ones, and `q` for an id, a trace id or the last four of a card."""

    q = TextFilter(method="by_anything", label="Id, trace id or last four")

    def by_anything(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        text = value.strip()
        try:
            return queryset.filter(pk=Transfer.parse_id(text))
        except ids.MalformedId:
            return queryset.filter(Q(trace_id=text) | Q(source__last_four=text))


def _with_bare_bounds(data: QueryDict | None) -> QueryDict:
    """`gte=100` is `amount.gte=100`: the document leaves the name out."""
    read = data.copy() if data is not None else QueryDict(mutable=True)
    for bound in _BARE:
        if bound in read and f"amount.{bound}" not in read:
            read.setlist(f"amount.{bound}", read.getlist(bound))
    return read
