"""Values as people read them: money, moments, ids."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

_NO_VALUE = mark_safe(
    '<span class="no-value"><span aria-hidden="true">&ndash;</span><span class="visually-hidden">None</span></span>'
)

EXPONENTS = dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND"), 0) | (
    dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
)
"""ISO 4217: currencies whose minor unit is not a hundredth."""


@register.filter
def money(amount: int | None, currency: str) -> SafeString:
    """Minor units as an amount people read, with its currency: 123450 and USD become 1,234.50 USD."""
    if amount is None:
        return _NO_VALUE
    exponent = EXPONENTS.get(currency.upper(), 2)
    # A real minus sign has the width of a digit, so that columns stay in line.
    figures = f"{abs(Decimal(amount).scaleb(-exponent)):,.{exponent}f}"
    sign = "\N{MINUS SIGN}" if amount < 0 else ""
    return format_html(
        '<span class="money">{}{} <span class="currency">{}</span></span>', sign, figures, currency.upper()
    )


@register.filter
def moment(value: datetime | None) -> SafeString:
    """A moment in the reader's time zone, which is named: 20 Nov 2026, 04:56 UTC."""
    if value is None:
        return _NO_VALUE
    local = timezone.localtime(value)
    return format_html(
        '<time datetime="{}" title="{}"><span>{},</span> <span>{} <span class="zone">{}</span></span></time>',
        value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        f"{local:%Y-%m-%d %H:%M:%S %Z}",
        f"{local.day} {local:%b %Y}",
        f"{local:%H:%M}",
        local.tzname(),
    )


@register.filter
def email_address(text: str | None) -> SafeString:
    """An address that may go on in a second line after its @, and nowhere else."""
    if not text:
        return _NO_VALUE
    name, at, domain = text.rpartition("@")
    return format_html("{}{}<wbr>{}", name, at, domain)


def day(value: date | None) -> SafeString:
    """A day without a time: 20 Nov 2026."""
    if value is None:
        return _NO_VALUE
    return format_html('<time datetime="{}">{}</time>', f"{value:%Y-%m-%d}", f"{value.day} {value:%b %Y}")


@register.filter
def or_none(value: object) -> object:
    """The value, or a dash that is read aloud as "None"."""
    return _NO_VALUE if value in (None, "") else value


@register.simple_tag
def copy_button(text: str, label: str = "Copy", css: str = "icon-button") -> SafeString:
    """A button that copies the text. It is hidden where no script runs."""
    return SafeString(render_to_string("portal/components/_copy.html", {"text": text, "label": label, "css": css}))


@register.simple_tag
def id_chip(value: str, label: str = "Copy id") -> SafeString:
    """An id with a button that copies it."""
    return SafeString(render_to_string("portal/components/_id_chip.html", {"value": value, "label": label}))


@register.filter
def initials(value: object) -> str:
    """Up to two letters that stand for a person: of the name, or of an e-mail address."""
    parts = str(value).split("@")[0].replace(".", " ").replace("_", " ").split()
    return "".join(part[0] for part in parts[:2]) or "?"


@register.filter
def pair(left: Iterable[Any] | None, right: Iterable[Any] | None) -> list[tuple[Any, Any]]:
    """Two sequences side by side, for loops over columns and cells."""
    return list(zip(left or (), right or (), strict=False))


@register.filter
def value_of(mapping: object, name: str) -> object:
    """The attribute, or the item, of that name."""
    if isinstance(mapping, Mapping):
        return mapping.get(name, "")
    return getattr(mapping, name, "")
