"""Filters of the lists of this app, for API and portal."""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, Value
from django.db.models.functions import Lower

from api.filters import ListFilter, PublicIdFilter, TagFilters, TextFilter, ValueFilter
from onboarding.models import Identity
from resources import ids
from tenancy.models import (
    ApiUser,
    Application,
    ApplicationProfile,
    MerchantProfile,
    Processor,
    RiskProfile,
)

_APPLICATION_ID = {"label": "Application id", "help_text": "Begins with AP."}


class _FoldedFilter(TextFilter):
    """Text in any case, held against a column that is in lower case."""

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs.filter(**{self.field_name: Lower(Value(value))}) if value else qs


class IdentityFilter(ListFilter[Identity], TagFilters):
    """Names and title whole in any case, business and trading name to the letter, e-mail whole or its domain."""

    id = PublicIdFilter(related=Identity, field_name="pk", label="Identity id", help_text="Begins with ID.")
    application_id = PublicIdFilter(related=Application, field_name="application_id", **_APPLICATION_ID)
    business_name = TextFilter(label="Legal business name")
    business_type = ValueFilter(values=Identity.BusinessType.values, label="Business type")
    doing_business_as = TextFilter(label="Trading name")
    email = TextFilter(method="by_email", label="E-mail", help_text="A whole address, or a domain.")
    first_name = _FoldedFilter(field_name="first_name_folded", label="First name")
    last_name = _FoldedFilter(field_name="last_name_folded", label="Last name")
    title = _FoldedFilter(field_name="title_folded", label="Title")
    default_statement_descriptor = TextFilter(label="Statement descriptor")

    def by_email(self, queryset: QuerySet[Identity], _name: str, value: str) -> QuerySet[Identity]:
        address = value.strip().lower()
        if "@" in address.lstrip("@"):
            return queryset.filter(email_folded=Lower(Value(address)))
        return queryset.filter(email_domain=address.lstrip("@"))


class IdentitySearch(IdentityFilter):
    """The portal's filter: the documented ones, and `q` for the beginning of a name, an e-mail address or an id."""

    q = TextFilter(method="by_anything", label="Name, e-mail or id")

    def by_anything(self, queryset: QuerySet[Identity], _name: str, value: str) -> QuerySet[Identity]:
        text = value.strip()
        try:
            return queryset.filter(pk=Identity.parse_id(text))
        except ids.MalformedId:
            pass
        names = ("doing_business_as", "business_name", "first_name", "last_name", "email")
        return queryset.filter(reduce(or_, (Q(**{f"{name}__istartswith": text}) for name in names)))


class ApplicationFilter(ListFilter[Application]):
    id = PublicIdFilter(related=Application, field_name="pk", **_APPLICATION_ID)
    name = TextFilter(lookup_expr="iexact", label="Name")


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
