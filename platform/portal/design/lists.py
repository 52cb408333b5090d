"""Addresses of lists: filters, order, and the chips that tell what a list is narrowed by."""

from typing import Any, cast
from urllib.parse import urlencode

from django import forms, template
from django.forms import BaseForm, BoundField
from django.http import HttpRequest, QueryDict
from django.template import Context

from portal.design.states import words

register = template.Library()

# Where a list stands; a changed order or filter starts at its beginning.
_FIRST_PAGE = {"before": None, "after": None}
_FILTER_GROUPS = ("what", "tags", "when")


def _parameters(context: Context) -> QueryDict:
    request = cast("HttpRequest | None", context.get("request"))
    return request.GET.copy() if request else QueryDict(mutable=True)


def _encode(parameters: QueryDict) -> str:
    """The query string without what is empty: a form sends all its fields."""
    told = [(name, value) for name, values in parameters.lists() for value in values if value != ""]
    return f"?{urlencode(told)}"


@register.simple_tag(takes_context=True)
def query(context: Context, *pairs: Any, **changes: Any) -> str:
    """The current query string with changes; None takes a parameter out. Names with dots come as pairs of arguments."""
    parameters = _parameters(context)
    named = dict(zip(pairs[::2], pairs[1::2], strict=True)) | changes
    for name, value in named.items():
        if value is None or value == "":
            parameters.pop(name, None)
        else:
            parameters[name] = str(value)
    return _encode(parameters)


@register.inclusion_tag("portal/components/_sort_header.html", takes_context=True)
def sort_header(context: Context, label: str, field: str, css: str = "", parameter: str = "sort") -> dict[str, Any]:
    """The heading of a column that can be sorted by; it keeps the filters and returns to the first page.

    The parameter reads `field,asc` or `field,desc`. A column starts with its largest or newest value.
    """
    chosen, _, direction = (_parameters(context).get(parameter) or "").partition(",")
    is_sorted = chosen == field
    ascends = is_sorted and direction == "asc"
    address = query(context, parameter, f"{field},{'desc' if ascends or not is_sorted else 'asc'}", **_FIRST_PAGE)
    return {
        "label": label,
        "css": css,
        "url": address,
        "sorted": ("ascending" if ascends else "descending") if is_sorted else "none",
        "icon": ("arrow-up" if ascends else "arrow-down") if is_sorted else "sort",
    }


@register.inclusion_tag("portal/components/_chips.html", takes_context=True)
def filter_chips(context: Context, form: BaseForm) -> dict[str, Any]:
    """What the list is narrowed by, one chip per value, each with a link that takes it out."""
    parameters = _parameters(context)
    chips = []
    for name, field in form.fields.items():
        key = form.add_prefix(name)
        for value in parameters.getlist(key):
            if value == "":
                continue
            left = parameters.copy()
            left.setlist(key, [other for other in parameters.getlist(key) if other != value])
            for parameter in _FIRST_PAGE:
                left.pop(parameter, None)
            chips.append({"label": field.label or words(name), "value": _shown(field, value), "url": _encode(left)})
    return {"chips": chips, "clear_url": "?"}


def _shown(field: forms.Field, value: str) -> str:
    """What the reader chose, in the words of the choice."""
    words_of = {str(key): str(text) for key, text in getattr(field, "choices", ())}
    if isinstance(field, forms.NullBooleanField):
        words_of |= {"true": "Yes", "True": "Yes", "false": "No", "False": "No"}
    return words_of.get(value, value)


@register.simple_tag
def filter_groups(form: BaseForm, search: str = "") -> list[list[BoundField]]:
    """The fields of a filter panel: what a row is, then when it was made; without the one in the search bar."""
    fields = [bound for bound in form.visible_fields() if bound.name != search]
    groups = [[bound for bound in fields if _filter_group(bound) == group] for group in _FILTER_GROUPS]
    return [group for group in ([*groups[0], *groups[1]], groups[2]) if group]


@register.filter
def refused(groups: list[list[BoundField]]) -> bool:
    """Whether a filter of the panel cannot be read, so that the panel has to be open."""
    return any(bound.errors for group in groups for bound in group)


def _filter_group(bound: BoundField) -> str:
    start = bound.name.partition("__")[0]
    return {"tags": "tags", "created_at": "when", "updated_at": "when"}.get(start, "what")


@register.simple_tag(takes_context=True)
def filter_count(context: Context, form: BaseForm) -> int:
    """How many values narrow the list."""
    parameters = _parameters(context)
    return sum(1 for name in form.fields for value in parameters.getlist(form.add_prefix(name)) if value != "")
