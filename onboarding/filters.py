"""Filters of the lists of this app, for API and portal."""

from collections.abc import Mapping
from functools import reduce
from operator import or_
from typing import Any

import django_filters
from django import forms
from django.db.models import Q, QuerySet

from api.filters import ListFilter, PublicIdFilter, TagFilters, TextFilter, ValueFilter
from onboarding.models import (
    Identity,
    InstrumentUpdate,
    Merchant,
    OnboardingForm,
    PaymentInstrument,
    ReviewItem,
    Verification,
)
from onboarding.models.identities import IdentityQuerySet
from onboarding.services.reviews import key_in
from resources import ids
from resources.cards import BRANDS
from resources.folded import begins, is_alike
from tenancy.models import (
    ApiUser,
    Application,
    ApplicationProfile,
    MerchantProfile,
    Processor,
    RiskProfile,
)

_APPLICATION_ID = {"label": "Application id", "help_text": "Begins with AP."}
_IDENTITY_ID = {"label": "Identity id", "help_text": "Begins with ID."}


class _FoldedFilter(TextFilter):
    """Text in any case, held against the column that is in lower case."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(is_alike(self.field_name, value)) if value else qs


class FlagFilter(ValueFilter):
    """true or false, in any case."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.choices = self.widget.choices = [("", "All"), ("true", "Yes"), ("false", "No")]

    def __init__(self, **options: Any) -> None:
        super().__init__(values=["true", "false"], **options)

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{self.field_name: value == "true"}) if value else qs


class WordedFilter(ValueFilter):
    """One of a list of values, which a page calls by other words."""

    class field_class(ValueFilter.field_class):  # noqa: N801 - the name is django-filter's
        def __init__(self, *, called: Mapping[str, str], **options: Any) -> None:
            super().__init__(values=list(called), **options)
            self.choices = self.widget.choices = [("", "All"), *called.items()]

    def __init__(self, *, called: Mapping[str, str], **options: Any) -> None:
        super(ValueFilter, self).__init__(called=called, **options)


class _NumberFilter(django_filters.Filter):
    """A whole number within its bounds."""

    field_class = forms.IntegerField


class _ProcessorFilter(TextFilter):
    """The name of a processor, in any case."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{self.field_name: value.upper()}) if value else qs


class IdentityFilter(ListFilter[Identity], TagFilters):
    """Names and title whole in any case, business and trading name to the letter, e-mail whole or its domain."""

    id = PublicIdFilter(related=Identity, field_name="pk", label="Identity id", help_text="Begins with ID.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)
    business_name = TextFilter(label="Legal business name")
    business_type = ValueFilter(values=Identity.BusinessType.values, label="Business type")
    doing_business_as = TextFilter(label="Trading name")
    email = TextFilter(method="by_email", label="E-mail", help_text="A whole address, or a domain.")
    first_name = _FoldedFilter(label="First name")
    last_name = _FoldedFilter(label="Last name")
    title = _FoldedFilter(label="Title")
    default_statement_descriptor = TextFilter(label="Statement descriptor")

    def by_email(self, queryset: QuerySet[Identity], _name: str, value: str) -> QuerySet[Identity]:
        address = value.strip().lower()
        if "@" in address.lstrip("@"):
            return queryset.filter(is_alike("email", address))
        return queryset.filter(email_domain=address.lstrip("@"))


class IdentitySearch(IdentityFilter):
    """The portal's filter: the documented ones, and `q` for the beginning of a name, an e-mail address or an id."""

    q = TextFilter(method="by_anything", label="Name, e-mail or id")
    at_processor = WordedFilter(
        called={"not_yet": "Not at a processor yet"}, method="by_processor", label="At a processor"
    )

    def by_processor(self, queryset: IdentityQuerySet, _name: str, value: str) -> IdentityQuerySet:
        return queryset.not_at_a_processor() if value else queryset

    def by_anything(self, queryset: QuerySet[Identity], _name: str, value: str) -> QuerySet[Identity]:
        text = value.strip()
        try:
            return queryset.filter(pk=Identity.parse_id(text))
        except ids.MalformedId:
            pass
        names = ("doing_business_as", "business_name", "first_name", "last_name", "email")
        return queryset.filter(reduce(or_, (begins(name, text) for name in names)))


class _InstrumentIdFilter(PublicIdFilter):
    """The instrument's own id; an application's, as one documented form has it, finds the instruments of it."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if value.startswith(Application.PREFIX):
            return PublicIdFilter(related=Application, field_name="application_id").filter(qs, value)
        return super().filter(qs, value)


class _InstrumentFilter(ListFilter[PaymentInstrument], TagFilters):
    """Everything to the letter: a part of a name or number finds nothing. Last digits are those of one type."""

    id = _InstrumentIdFilter(
        related=PaymentInstrument, field_name="pk", label="Instrument id", help_text="Begins with PI."
    )
    type = ValueFilter(values=PaymentInstrument.Type.values, label="Type")
    name = TextFilter(label="Name of the holder")
    last_four = TextFilter(method="by_last_four_of_card", label="Last four of the card")
    account_last4 = TextFilter(method="by_last_four_of_account", label="Last four of the account")
    account_routing_number = TextFilter(field_name="bank_code", label="Routing number")
    bin = TextFilter(label="First six of the card")
    brand = ValueFilter(values=BRANDS, label="Brand")
    expiration_month = _NumberFilter(min_value=1, max_value=12, label="Expiration month")
    expiration_year = _NumberFilter(min_value=1000, max_value=9999, label="Expiration year")
    fingerprint = TextFilter(label="Fingerprint")
    enabled = FlagFilter(label="Enabled")
    owner_identity_id = PublicIdFilter(related=Identity, field_name="identity_id", **_IDENTITY_ID)
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)

    def by_last_four_of_card(
        self, queryset: QuerySet[PaymentInstrument], _name: str, value: str
    ) -> QuerySet[PaymentInstrument]:
        return queryset.filter(last_four=value, type=PaymentInstrument.Type.PAYMENT_CARD)

    def by_last_four_of_account(
        self, queryset: QuerySet[PaymentInstrument], _name: str, value: str
    ) -> QuerySet[PaymentInstrument]:
        return queryset.filter(last_four=value, type=PaymentInstrument.Type.BANK_ACCOUNT)


class InstrumentFilter(_InstrumentFilter):
    """The documented filters, and other names that clients have for some of them."""

    last4 = TextFilter(method="by_last_four_of_card", label="Last four of the card")
    identity_id = PublicIdFilter(related=Identity, field_name="identity_id", **_IDENTITY_ID)
    application = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)


class InstrumentSearch(_InstrumentFilter):
    """The portal's filter: the documented ones, and `q` for the beginning of a name, the last four digits or an id."""

    q = TextFilter(method="by_anything", label="Name, last four or id")

    def by_anything(self, queryset: QuerySet[PaymentInstrument], _name: str, value: str) -> QuerySet[PaymentInstrument]:
        text = value.strip()
        try:
            return queryset.filter(pk=PaymentInstrument.parse_id(text))
        except ids.MalformedId:
            return queryset.filter(Q(last_four=text) | begins("name", text))


class MerchantFilter(ListFilter[Merchant]):
    """Names and numbers to the letter."""

    id = PublicIdFilter(related=Merchant, field_name="pk", label="Merchant id", help_text="Begins with MU.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)
    identity_id = PublicIdFilter(related=Identity, field_name="identity_id", **_IDENTITY_ID)
    onboarding_state = ValueFilter(values=Merchant.OnboardingState.values, label="Onboarding")
    processor = _ProcessorFilter(label="Processor")
    processor_id = PublicIdFilter(
        related=Processor, field_name="enabled_processor_id", label="Processor id", help_text="Begins with PR."
    )
    mid = TextFilter(label="Number at the processor (MID)")
    merchant_name = TextFilter(label="Name")
    mcc = TextFilter(label="Merchant category code")
    processing_enabled = FlagFilter(label="Processing")
    settlement_enabled = FlagFilter(label="Settlements")


class MerchantSearch(MerchantFilter):
    """The portal's filter, and `q` for a name's beginning, a MID or an id."""

    q = TextFilter(method="by_anything", label="Name, MID or id")

    def by_anything(self, queryset: QuerySet[Merchant], _name: str, value: str) -> QuerySet[Merchant]:
        text = value.strip()
        try:
            return queryset.filter(pk=Merchant.parse_id(text))
        except ids.MalformedId:
            return queryset.filter(Q(mid=text) | begins("merchant_name", text))


class VerificationFilter(ListFilter[Verification]):
    id = PublicIdFilter(related=Verification, field_name="pk", label="Verification id", help_text="Begins with VI.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)
    merchant_id = PublicIdFilter(
        related=Merchant, field_name="merchant_id", label="Merchant id", help_text="Begins with MU."
    )
    identity_id = PublicIdFilter(related=Identity, field_name="merchant_identity_id", **_IDENTITY_ID)
    state = ValueFilter(values=Verification.State.values, label="State")
    processor = _ProcessorFilter(label="Processor")
    trace_id = TextFilter(label="Trace id")


class _ReviewFilter(ListFilter[ReviewItem]):
    id = PublicIdFilter(related=ReviewItem, field_name="pk", label="Review id", help_text="Begins with RK.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)


class ReviewFilter(_ReviewFilter):
    entity_type = ValueFilter(values=ReviewItem.EntityType.values, label="What waits")
    entity_id = TextFilter(method="by_entity", label="Id of what waits", help_text="Of a merchant begins with MU.")
    outcome = ValueFilter(values=ReviewItem.Outcome.values, label="Outcome")
    processor_type = _ProcessorFilter(label="Processor")

    def by_entity(self, queryset: QuerySet[ReviewItem], _name: str, value: str) -> QuerySet[ReviewItem]:
        try:
            if value.startswith(Merchant.PREFIX):
                key = Merchant.parse_id(value)
                return queryset.filter(merchant_id=key, entity_id=key)
            entity_type, key = key_in(value)
        except ids.MalformedId:
            return queryset.none()
        return queryset.filter(entity_type=entity_type, entity_id=key)


class WaitingReviewSearch(_ReviewFilter):
    """The portal's filter over what waits, and `q` for a merchant's name or id."""

    q = TextFilter(method="by_anything", label="Name or id of the merchant")
    outcome = WordedFilter(called={"PENDING": "Waiting", "MANUAL_REVIEW": "In review"}, label="State")

    def by_anything(self, queryset: QuerySet[ReviewItem], _name: str, value: str) -> QuerySet[ReviewItem]:
        text = value.strip()
        try:
            return queryset.filter(merchant_id=Merchant.parse_id(text))
        except ids.MalformedId:
            return queryset.filter(begins("merchant__merchant_name", text))


class DecidedReviewSearch(WaitingReviewSearch):
    """The same over what was decided."""

    outcome = WordedFilter(called={"ACCEPTED": "Approved", "REJECTED": "Rejected"}, label="Outcome")


class InstrumentUpdateFilter(ListFilter[InstrumentUpdate]):
    id = PublicIdFilter(related=InstrumentUpdate, field_name="pk", label="Update id", help_text="Begins with IU.")
    merchant_id = PublicIdFilter(
        related=Merchant, field_name="merchant_id", label="Merchant id", help_text="Begins with MU."
    )
    state = ValueFilter(values=InstrumentUpdate.State.values, label="State")


class ApplicationFilter(ListFilter[Application]):
    id = PublicIdFilter(related=Application, field_name="pk", **_APPLICATION_ID)
    name = TextFilter(lookup_expr="iexact", label="Name")


class OpenFormSearch(ListFilter[OnboardingForm]):
    """The portal's list of forms that are not submitted yet."""

    q = TextFilter(field_name="name", lookup_expr="icontains", label="Name")


class ProcessorFilter(ListFilter[Processor]):
    id = PublicIdFilter(related=Processor, field_name="pk", label="Processor id")


class ApiUserFilter(ListFilter[ApiUser]):
    id = PublicIdFilter(related=ApiUser, field_name="pk", label="User id", help_text="Begins with US.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)


class ProfileFilter(ListFilter[Any]):
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)


class ApplicationProfileFilter(ProfileFilter):
    id = PublicIdFilter(related=ApplicationProfile, field_name="pk", label="Profile id")


class MerchantProfileFilter(ProfileFilter):
    id = PublicIdFilter(related=MerchantProfile, field_name="pk", label="Profile id")


class RiskProfileFilter(ProfileFilter):
    id = PublicIdFilter(related=RiskProfile, field_name="pk", label="Profile id")
