"""Amounts as people write them: currency units in, minor units out."""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.html import strip_tags

from portal.design.values import EXPONENTS, money

_AS_WRITTEN = re.compile(r"-?\$?(\d{1,3}(,\d{3})+|\d+)(\.\d+)?", re.ASCII)
_DIGITS = 13  # ten before the point, as the largest amount of the API has, and up to three behind it


class UnitsField(forms.DecimalField):
    """An amount in units of a currency: 12.50, with or without commas of thousands and a dollar sign. Never a guess."""

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
        super().__init__(**{"max_digits": _DIGITS, "decimal_places": 3, "min_value": 0, "widget": widget, **options})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str) and value.strip():
            if not _AS_WRITTEN.fullmatch(value.strip()):
                raise forms.ValidationError("Enter an amount like 1,250.00.", code="invalid")
            value = value.strip().removeprefix("$").replace(",", "")
        return super().to_python(value)


def minor_units(amount: Decimal, currency: str) -> int:
    """An amount in units as minor units of its currency. Raises ValidationError for more places than it has."""
    exponent = EXPONENTS.get(currency.upper(), 2)
    scaled = amount.scaleb(exponent)
    if scaled != scaled.to_integral_value():
        raise forms.ValidationError(f"{currency} has {exponent} decimal places.")
    return int(scaled)


def units(amount: int, currency: str) -> str:
    """Minor units as one would type them: 1250 and USD become 12.50."""
    exponent = EXPONENTS.get(currency.upper(), 2)
    return f"{Decimal(amount).scaleb(-exponent):.{exponent}f}"


def amount_in_words(amount: int, currency: str) -> str:
    """An amount within a sentence: 1,250.00 USD."""
    return strip_tags(money(amount, currency))
