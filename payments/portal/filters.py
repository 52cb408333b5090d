"""The filter panels of the lists of payments: those of the API, with amounts in currency units."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

import django_filters
from django import forms
from django.db.models import Exists, OuterRef, Q, QuerySet

from api.filters import ListFilter, PublicIdFilter, TextFilter, ValueFilter
from onboarding.filters import FlagFilter, WaitingReviewSearch, WordedFilter
from onboarding.models import Identity, Merchant, ReviewItem
from onboarding.portal.filters import BrandFilter
from payments.filters import AuthorizationSearch, TransferSearch
from payments.forms.amounts import UnitsField
from payments.models import Settlement, TransferBatch
from payments.settlement_filters import SettlementFilter
from portal.design.values import EXPONENTS
from resources import ids
from resources.folded import begins
from tenancy.models import Application, Processor

EXAMPLE = "In currency units, for example 12.50."
_NAMED = 1_000  # merchants whose name begins alike, at most
_FIRST_OF_SETTLEMENTS = (
    "q",
    "status",
    "outcome",
    "flag",
    "amount",
    "amount__gte",
    "amount__lte",
    "amount__gt",
    "amount__lt",
    "currency",
    "processor",
    "processor_type",
    "merchant_id",
)
_FIRST = (
    "q",
    "state",
    "instrument_brand_type",
    "amount",
    "amount__gte",
    "amount__lte",
    "amount__gt",
    "amount__lt",
    "currency",
    "merchant_identity_name",
    "instrument_name",
    "instrument_card_last4",
    "instrument_bin",
    "instrument_account_last4",
    "instrument_type",
    "type",
    "is_void",
    "batch_id",
)


class ApplicationFilter(PublicIdFilter):
    """Whose rows they are."""

    def __init__(self) -> None:
        super().__init__(
            related=Application, field_name="application_id", label="Application id", help_text="Begins with AP."
        )


class CurrencyFilter(TextFilter):
    """In any case."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter(qs, value.strip().upper())
        return found


class AmountFilter(django_filters.Filter):
    """An amount as it is shown; the rows hold minor units."""

    field_class = UnitsField

    def filter(self, qs: QuerySet[Any], value: Decimal | None) -> QuerySet[Any]:
        return qs if value is None else qs.filter(in_units(self.field_name, self.lookup_expr, value))


def in_units(column: str, lookup: str, value: Decimal) -> Q:
    """Rows whose amount compares so with `value`, which is in units of each row's own currency."""
    rounding = ROUND_CEILING if lookup in {"gte", "lt"} else ROUND_FLOOR
    found = Q()
    for places, currencies in _CURRENCIES.items():
        minor = value.scaleb(places)
        whole = minor.to_integral_value(rounding)
        if whole == minor or lookup != "exact":  # no amount is 12.505 USD, and many are from there on
            found |= currencies & Q(**{f"{column}__{lookup}": int(whole)})
    return found


_CURRENCIES = {
    places: Q(currency__in=sorted(currency for currency in EXPONENTS if EXPONENTS[currency] == places))
    for places in sorted(set(EXPONENTS.values()))
} | {2: ~Q(currency__in=sorted(EXPONENTS))}
"""By decimal places, which rows are in a currency of so many."""


class _InUnits(django_filters.FilterSet):
    """The documented filters as the portal asks for them: what one looks for most comes first.

    It stands before what it changes: of two declarations that of the first base is taken.
    """

    application_id = ApplicationFilter()
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
        field_name="processor_id",
        label="Processor id",
        help_text="Begins with PR.",
    )
    instrument_brand_type = BrandFilter(field_name="instrument_brand", label="Card brand")
    amount = AmountFilter(label="Amount", help_text=EXAMPLE)
    amount__gt = AmountFilter(field_name="amount", lookup_expr="gt", label="Amount above")
    amount__gte = AmountFilter(field_name="amount", lookup_expr="gte", label="Amount from")
    amount__lt = AmountFilter(field_name="amount", lookup_expr="lt", label="Amount below")
    amount__lte = AmountFilter(field_name="amount", lookup_expr="lte", label="Amount until")
    currency = CurrencyFilter(label="Currency")

    def get_form_class(self) -> type[forms.Form]:
        return type("PaymentPanelForm", (super().get_form_class(),), {"field_order": _FIRST})


class TransferPanel(_InUnits, TransferSearch):
    """Transfers, as the portal asks for them."""

    never_settled = FlagFilter(field_name="ready_to_settle_upon__isnull", label="Never settled")
    batch_id = PublicIdFilter(
        related=TransferBatch, field_name="batch_id", label="Batch id", help_text="Begins with BT."
    )


class AuthorizationPanel(_InUnits, AuthorizationSearch):
    """Authorizations, likewise."""


class SettlementPanel(SettlementFilter):
    """Settlements, as the portal asks for them; `q` is an id, or the beginning of a merchant's name."""

    q = TextFilter(method="by_anything", label="Id or merchant's name")
    application_id = ApplicationFilter()
    identity_id = PublicIdFilter(
        related=Identity, field_name="identity_id", label="Merchant's identity id", help_text="Begins with ID."
    )
    merchant_id = PublicIdFilter(
        related=Merchant, field_name="merchant_id", label="Merchant id", help_text="Begins with MU."
    )
    processor = ValueFilter(values=Processor.Name.values, method="by_processor", label="Processor")
    status = WordedFilter(called=dict(Settlement.Status.choices), label="Status")
    amount = AmountFilter(field_name="total_amount", label="Amount before fees", help_text=EXAMPLE)
    amount__gt = AmountFilter(field_name="total_amount", lookup_expr="gt", label="Amount above")
    amount__gte = AmountFilter(field_name="total_amount", lookup_expr="gte", label="Amount from")
    amount__lt = AmountFilter(field_name="total_amount", lookup_expr="lt", label="Amount below")
    amount__lte = AmountFilter(field_name="total_amount", lookup_expr="lte", label="Amount until")

    def get_form_class(self) -> type[forms.Form]:
        return type("SettlementPanelForm", (super().get_form_class(),), {"field_order": _FIRST_OF_SETTLEMENTS})

    def by_anything(self, queryset: QuerySet[Settlement], _name: str, value: str) -> QuerySet[Settlement]:
        text = value.strip()
        for model, column in ((Settlement, "pk"), (Merchant, "merchant_id")):
            try:
                return queryset.filter(**{column: model.parse_id(text)})
            except ids.MalformedId:
                continue
        named = Merchant.objects.filter(begins("merchant_name", text)).values_list("pk", flat=True)
        return queryset.filter(merchant_id__in=list(named[:_NAMED]))


class WaitingSettlementPanel(WaitingReviewSearch):
    """Settlements that wait for a word: by what their settlement is, and since when it waits."""

    q = TextFilter(method="by_anything", label="Settlement id, or merchant's name or id")
    flag = WordedFilter(called=dict(Settlement.Flag.choices), method="by_flag", label="Flag")
    processor_type = ValueFilter(values=Processor.Name.values, label="Processor")
    currency = TextFilter(method="by_currency", label="Currency")
    amount = AmountFilter(method="by_amount", label="Amount before fees", help_text=EXAMPLE)
    amount__gte = AmountFilter(method="by_amount", label="Amount from")
    amount__lte = AmountFilter(method="by_amount", label="Amount until")
    application_id = ApplicationFilter()

    def get_form_class(self) -> type[forms.Form]:
        return type("ReviewPanelForm", (super().get_form_class(),), {"field_order": _FIRST_OF_SETTLEMENTS})

    def by_anything(self, queryset: QuerySet[ReviewItem], name: str, value: str) -> QuerySet[ReviewItem]:
        try:
            return queryset.filter(entity_id=Settlement.parse_id(value.strip()))
        except ids.MalformedId:
            return super().by_anything(queryset, name, value)

    def by_flag(self, queryset: QuerySet[ReviewItem], _name: str, value: str) -> QuerySet[ReviewItem]:
        return _of_settlements(queryset, Q(flags__contains=[value])) if value else queryset

    def by_currency(self, queryset: QuerySet[ReviewItem], _name: str, value: str) -> QuerySet[ReviewItem]:
        return _of_settlements(queryset, Q(currency=value.strip().upper()))

    def by_amount(self, queryset: QuerySet[ReviewItem], name: str, value: Decimal | None) -> QuerySet[ReviewItem]:
        if value is None:
            return queryset
        column, _, lookup = f"total_{name}".partition("__")
        return _of_settlements(queryset, in_units(column, lookup or "exact", value))


class DecidedSettlementPanel(WaitingSettlementPanel):
    """The same over what was decided."""

    outcome = WordedFilter(called={"ACCEPTED": "Approved", "REJECTED": "Rejected"}, label="Outcome")


def _of_settlements(items: QuerySet[ReviewItem], condition: Q) -> QuerySet[ReviewItem]:
    """Those whose settlement is like this; each is looked up by its key, so that the list keeps its order."""
    its = Settlement.objects.filter(condition, application=OuterRef("application"), pk=OuterRef("entity_id"))
    return items.filter(Exists(its))


class BatchPanel(ListFilter[TransferBatch]):
    """Batches, which the API does not list."""

    q = TextFilter(method="by_id", label="Batch id")
    state = ValueFilter(values=TransferBatch.State.values, label="State")
    application_id = ApplicationFilter()

    def by_id(self, queryset: QuerySet[TransferBatch], _name: str, value: str) -> QuerySet[TransferBatch]:
        try:
            return queryset.filter(pk=TransferBatch.parse_id(value.strip()))
        except ids.MalformedId:
            return queryset.none()
