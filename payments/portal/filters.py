"""The filter panel of the list of transfers: that of the API, with amounts in currency units."""

from decimal import Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import QuerySet

from api.filters import PublicIdFilter
from onboarding.models import Identity, Merchant
from onboarding.portal.filters import BrandFilter
from payments.filters import TransferSearch
from payments.forms.amounts import UnitsField, minor_units
from tenancy.models import Application, Processor

_CURRENCY = "USD"  # the panel names none; amounts in it are read with two places
_EXAMPLE = "In currency units, for example 12.50."
_FIRST = (
    "q",
    "state",
    "instrument_brand_type",
    "amount",
    "amount__gte",
    "amount__lte",
    "amount__gt",
    "amount__lt",
    "merchant_identity_name",
    "instrument_name",
    "instrument_card_last4",
    "instrument_bin",
    "instrument_account_last4",
    "instrument_type",
    "type",
)


class _AmountField(UnitsField):
    def __init__(self, **options: Any) -> None:
        super().__init__(**{"max_digits": 12, "decimal_places": 2, **options})


class AmountFilter(django_filters.Filter):
    """An amount as it is shown; the rows hold minor units."""

    field_class = _AmountField

    def filter(self, qs: QuerySet[Any], value: Decimal | None) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, None if value is None else minor_units(value, _CURRENCY))
        return found


class TransferPanel(TransferSearch):
    """The documented filters as the portal asks for them: what one looks for most comes first."""

    application_id = PublicIdFilter(
        related=Application, field_name="application_id", label="Application id", help_text="Begins with AP."
    )
    merchant_id = PublicIdFilter(
        related=Merchant, field_name="merchant_id", label="Merchant id", help_text="Begins with MU."
    )
    merchant_identity_id = PublicIdFilter(
        related=Identity,
        field_name="merchant_identity_id",
        label="Merchant's identity id",
        help_text="Begins with ID.",
    )
    merchant_processor_id = PublicIdFilter(
        related=Processor,
        field_name="merchant__enabled_processor_id",
        label="Processor id",
        help_text="Begins with PR.",
    )
    instrument_brand_type = BrandFilter(field_name="source__brand", label="Card brand")
    amount = AmountFilter(label="Amount", help_text=_EXAMPLE)
    amount__gt = AmountFilter(field_name="amount", lookup_expr="gt", label="Amount above")
    amount__gte = AmountFilter(field_name="amount", lookup_expr="gte", label="Amount from")
    amount__lt = AmountFilter(field_name="amount", lookup_expr="lt", label="Amount below")
    amount__lte = AmountFilter(field_name="amount", lookup_expr="lte", label="Amount until")

    def get_form_class(self) -> type[forms.Form]:
        return type("TransferPanelForm", (super().get_form_class(),), {"field_order": _FIRST})
