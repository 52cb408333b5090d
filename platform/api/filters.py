"""Filters of lists: one filterset per resource, for API and portal alike.

Operators are written with dots (`created_at.gte`). Names in Python cannot hold dots, so a filterset declares
`created_at__gte`, and its form reads and shows `created_at.gte`.
"""

import uuid
from datetime import datetime
from typing import Any, Generic, TypeVar

import django_filters
from django import forms
from django.db.models import Func, JSONField, Model, QuerySet
from django.http import QueryDict

from api.errors import WrongParameters
from resources import ids
from resources.errors import FieldError
from resources.models import Resource
from resources.tag_index import term_of
from resources.timestamps import parse_moment

Row = TypeVar("Row", bound=Model)

_MISPRINTS = {"created_at.created_at.gte": "created_at.gte", "created_at.erlte": "created_at.lte"}
"""Odd forms in the documents, read as what they mean."""


class _MomentField(forms.CharField):
    def __init__(self, *, end_of_day: bool = False, **options: Any) -> None:
        super().__init__(widget=forms.TextInput(attrs={"placeholder": "2026-06-15"}), **options)
        self.end_of_day = end_of_day

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            return parse_moment(text, end_of_day=self.end_of_day)
        except ValueError as error:
            raise forms.ValidationError("A date or moment is written 2019-06-15 or 2019-06-15T18:24:27Z.") from error


class _DottedForm(forms.Form):
    """Reads and shows `created_at.gte` for the field `created_at__gte`."""

    def add_prefix(self, field_name: str) -> str:
        return api_name(super().add_prefix(field_name))


class MomentFilter(django_filters.Filter):
    """A UTC date or moment; with `end_of_day` a date alone means the whole day."""

    field_class = _MomentField


class TextFilter(django_filters.CharFilter):
    """Text of the filter, refused beyond a sane length."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **{"max_length": 200, **options})


class ValueFilter(django_filters.Filter):
    """One of a list of values, in any case; `ALL` and nothing are no filter."""

    class field_class(forms.CharField):  # noqa: N801 - the name is django-filter's
        def __init__(self, *, values: list[str], **options: Any) -> None:
            self.values = values
            self.choices = [("", "All"), *((value, value.replace("_", " ").capitalize()) for value in values)]
            super().__init__(widget=forms.Select(choices=self.choices), **options)

        def clean(self, value: Any) -> str:
            text = super().clean(value).strip().upper()
            if text in {"", "ALL"}:
                return ""
            known = {known.upper(): known for known in self.values}
            if text not in known:
                raise forms.ValidationError(f"One of ALL, {', '.join(self.values)} is needed.")
            return known[text]


class PublicIdFilter(django_filters.CharFilter):
    """An id of one resource. Any other text finds nothing, as an id that does not exist."""

    def __init__(self, *args: Any, related: type[Resource], **options: Any) -> None:
        super().__init__(*args, max_length=64, **options)
        self.related = related

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        if not value:
            return qs
        try:
            return qs.filter(**{self.field_name: self.related.parse_id(value)})
        except ids.MalformedId:
            return qs.none()


class ListFilter(django_filters.FilterSet, Generic[Row]):
    """The base of filtersets. Unknown parameters are ignored; wrong values are refused, all of them at once."""

    created_at__gte = MomentFilter(field_name="created_at", lookup_expr="gte", label="Created from")
    created_at__lte = MomentFilter(field_name="created_at", lookup_expr="lte", end_of_day=True, label="Created until")
    updated_at__gte = MomentFilter(field_name="updated_at", lookup_expr="gte", label="Updated from")
    updated_at__lte = MomentFilter(field_name="updated_at", lookup_expr="lte", end_of_day=True, label="Updated until")

    class Meta:
        form = _DottedForm

    def __init__(self, data: QueryDict | None = None, queryset: QuerySet[Row] | None = None, **options: Any) -> None:
        super().__init__(_without_misprints(data), queryset, **options)

    def apply(self) -> QuerySet[Row]:
        """The filtered rows. Raises WrongParameters."""
        if not self.is_valid():
            raise WrongParameters(
                FieldError(api_name(name), " ".join(map(str, texts))) for name, texts in self.form.errors.items()
            )
        filtered: QuerySet[Row] = self.qs
        return filtered


class _TagValues(Func):
    """The values of a row's tags, as a list."""

    template = "jsonb_path_query_array(%(expressions)s, '$.*')"
    output_field = JSONField()


RARE = 1_000


def _if_rare(queryset: QuerySet[Any], term: uuid.UUID) -> QuerySet[Any] | None:
    """The keys of the rows with a term, where an index tells them and they are few.

    What many have is found sooner by reading the list in its order, as without an index.
    """
    relation = getattr(queryset.model, "tag_terms", None)
    if relation is None:
        return None
    found: QuerySet[Any] = relation.rel.related_model._default_manager.filter(term=term)
    return None if found.values("term")[: RARE + 1].count() > RARE else found.values(relation.field.attname)


class TagFilters(django_filters.FilterSet):
    """`tags.key` and `tags.value`: alone or as one pair."""

    tags__key = TextFilter(method="ignore", label="Tag")
    tags__value = TextFilter(method="ignore", label="Tag value")

    def ignore(self, queryset: QuerySet[Any], _name: str, _value: str) -> QuerySet[Any]:
        return queryset  # both are applied together below

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        queryset = super().filter_queryset(queryset)
        key, value = self.form.cleaned_data.get("tags__key"), self.form.cleaned_data.get("tags__value")
        if (key or value) and (rare := _if_rare(queryset, term_of(key or None, value or None))) is not None:
            return queryset.filter(pk__in=rare)
        if key and value:
            return queryset.filter(tags__contains={key: value})
        if key:
            return queryset.filter(tags__has_key=key)
        if value:
            queryset = queryset.alias(tag_values=_TagValues("tags")).filter(tag_values__contains=[value])
        return queryset


def api_name(declared: str) -> str:
    """How a declared filter is written in a query: `created_at__gte` is `created_at.gte`."""
    return declared.replace("__", ".")


def _without_misprints(data: QueryDict | None) -> QueryDict:
    read = QueryDict(mutable=True)
    for name, values in data.lists() if data is not None else ():
        read.setlist(_MISPRINTS.get(name, name), values)
    return read
