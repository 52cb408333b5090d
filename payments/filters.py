"""Filters of the lists of transfers and authorizations, for API and portal."""

import uuid
from typing import Any, TypeVar

import django_filters
from django import forms
from django.db.models import Q, QuerySet
from django.http import QueryDict

from api.filters import ListFilter, MomentFilter, PublicIdFilter, TagFilters, TextFilter, ValueFilter
from onboarding.filters import FlagFilter
from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import Authorization, Payment, Transfer, TransferBatch
from resources import ids
from resources.cards import BRANDS
from resources.folded import is_alike
from tenancy.models import Application, Processor

Row = TypeVar("Row", bound=Payment)

_BARE = ("gt", "gte", "lt", "lte")
TYPES = ["DEBIT", "REVERSAL", "CREDIT", "SETTLEMENT", "FEE", "ADJUSTMENT", "DISPUTE", "RESERVE", "UNKNOWN"]
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

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        """SETTLEMENT are the deposits that pay settlements out, which are credits."""
        if value != "SETTLEMENT":
            found: QuerySet[Any] = super().filter(qs, value)
            return found
        return qs.filter(type=Transfer.Type.CREDIT, subtype__in=Transfer.DEPOSITS)


class PaymentIdFilter(PublicIdFilter):
    """A row's own id; that of its merchant is understood as well, as one documented form has it."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value.startswith(Merchant.PREFIX):
            return PublicIdFilter(related=Merchant, field_name="merchant_id").filter(qs, value)
        return super().filter(qs, value)


class AuthorizationIdFilter(PaymentIdFilter):
    """Beside those, the id of a transfer that captured it, or was to."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value.startswith(Transfer.PREFIX):
            return super().filter(qs, value)
        found = PublicIdFilter(related=Transfer, field_name="pk").filter(Transfer.objects.all(), value)
        return qs.filter(pk__in=list(found.exclude(authorization=None).values_list("authorization_id", flat=True)))


class PaymentFilter(ListFilter[Row], TagFilters):
    """What transfers and authorizations are found by. To the letter; only the merchant's name is found in any case.

    The merchant's name, its number and the instrument's fingerprint are looked up first, since a list that joins a
    table of its tenants reads all of it.
    """

    application_id = PublicIdFilter(related=Application, field_name="application_id", label="Application id")
    merchant_id = PublicIdFilter(related=Merchant, field_name="merchant_id", label="Merchant id")
    merchant_identity_id = PublicIdFilter(
        related=Identity, field_name="merchant_identity_id", label="Merchant's identity id"
    )
    merchant_identity_name = TextFilter(method="by_identity_name", label="Merchant's name")
    merchant_mid = TextFilter(method="by_mid", label="Number at the processor (MID)")
    merchant_processor_id = PublicIdFilter(related=Processor, field_name="processor_id", label="Processor id")
    amount = MinorUnitsFilter(label="Amount")
    amount__gt = MinorUnitsFilter(field_name="amount", lookup_expr="gt", label="Amount above")
    amount__gte = MinorUnitsFilter(field_name="amount", lookup_expr="gte", label="Amount from")
    amount__lt = MinorUnitsFilter(field_name="amount", lookup_expr="lt", label="Amount below")
    amount__lte = MinorUnitsFilter(field_name="amount", lookup_expr="lte", label="Amount until")
    state = ValueFilter(values=Payment.State.values, label="State")
    trace_id = TextFilter(label="Trace id")
    idempotency_id = TextFilter(label="Idempotency id")
    instrument_type = ValueFilter(values=PaymentInstrument.Type.values, label="Instrument")
    instrument_name = TextFilter(label="Holder's name")
    instrument_brand_type = ValueFilter(field_name="instrument_brand", values=BRANDS, label="Card brand")
    instrument_bin = TextFilter(label="First six of the card")
    instrument_card_last4 = TextFilter(method="by_card", label="Last four of the card")
    instrument_account_last4 = TextFilter(method="by_account", label="Last four of the account")

    def __init__(self, data: QueryDict | None = None, queryset: Any = None, **options: Any) -> None:
        super().__init__(with_bare_bounds(data), queryset, **options)

    def by_identity_name(self, queryset: QuerySet[Row], _name: str, value: str) -> QuerySet[Row]:
        named = is_alike("doing_business_as", value) | is_alike("business_name", value)
        return queryset.filter(merchant_identity_id__in=_found(Identity.objects.filter(named)))

    def by_mid(self, queryset: QuerySet[Row], _name: str, value: str) -> QuerySet[Row]:
        return queryset.filter(merchant_id__in=_found(Merchant.objects.filter(mid=value)))

    def by_card(self, queryset: QuerySet[Row], _name: str, value: str) -> QuerySet[Row]:
        return queryset.filter(instrument_last_four=value, instrument_type=PaymentInstrument.Type.PAYMENT_CARD)

    def by_account(self, queryset: QuerySet[Row], _name: str, value: str) -> QuerySet[Row]:
        return queryset.filter(instrument_last_four=value, instrument_type=PaymentInstrument.Type.BANK_ACCOUNT)


class TransferFilter(PaymentFilter[Transfer]):
    """Transfers; DEBITS, CREDITS and REFUNDS are read as types."""

    id = PaymentIdFilter(related=Transfer, field_name="pk", label="Transfer id", help_text="Begins with TR.")
    type = TypeFilter(values=TYPES, label="Type")
    statement_descriptor = TextFilter(label="Statement descriptor")
    ready_to_settle_at__gte = MomentFilter(field_name="ready_to_settle_at", lookup_expr="gte", label="Ready from")
    ready_to_settle_at__lte = MomentFilter(
        field_name="ready_to_settle_at", lookup_expr="lte", end_of_day=True, label="Ready until"
    )
    batch_id = PublicIdFilter(related=TransferBatch, field_name="batch_id", label="Batch id")
    instrument_fingerprint = TextFilter(method="by_fingerprint", label="Instrument's fingerprint")

    def by_fingerprint(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        found = _found(PaymentInstrument.objects.filter(fingerprint=value))
        return queryset.filter(Q(source_id__in=found) | Q(destination_id__in=found))


class AuthorizationFilter(PaymentFilter[Authorization]):
    """Authorizations."""

    id = AuthorizationIdFilter(
        related=Authorization, field_name="pk", label="Authorization id", help_text="Begins with AU."
    )
    is_void = FlagFilter(label="Voided")


class TransferSearch(TransferFilter):
    """The portal's filter: the documented ones, and `q` for an id, a trace id or the last four of an instrument."""

    q = TextFilter(method="by_anything", label="Id, trace id or last four")

    def by_anything(self, queryset: QuerySet[Transfer], _name: str, value: str) -> QuerySet[Transfer]:
        return _by_anything(queryset, Transfer, value)


class AuthorizationSearch(AuthorizationFilter):
    """The same of authorizations."""

    q = TextFilter(method="by_anything", label="Id, trace id or last four")

    def by_anything(self, queryset: QuerySet[Authorization], _name: str, value: str) -> QuerySet[Authorization]:
        return _by_anything(queryset, Authorization, value)


def _by_anything(queryset: QuerySet[Row], model: type[Payment], value: str) -> QuerySet[Row]:
    text = value.strip()
    try:
        return queryset.filter(pk=model.parse_id(text))
    except ids.MalformedId:
        return queryset.filter(Q(trace_id=text) | Q(instrument_last_four=text))


def _found(rows: QuerySet[Any]) -> list[uuid.UUID]:
    """The keys of what is named; row security bounds them to what is in sight."""
    return list(rows.values_list("pk", flat=True))


def with_bare_bounds(data: QueryDict | None) -> QueryDict:
    """`gte=100` is `amount.gte=100`: the document leaves the name out."""
    read = data.copy() if data is not None else QueryDict(mutable=True)
    for bound in _BARE:
        if bound in read and f"amount.{bound}" not in read:
            read.setlist(f"amount.{bound}", read.getlist(bound))
    return read
