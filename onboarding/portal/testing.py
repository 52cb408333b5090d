"""The sandbox's test values, to look up and to copy. A live installation has none, and no such page."""

from itertools import accumulate
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from portal.design.values import money
from portal.views import Page
from providers.registry import profiles_to_try, values_to_try
from providers.values_to_try import TestTable, TestValue
from resources.errors import NotVisible
from tenancy.roles import Permission

_CURRENCY = "USD"
_PRINTED = {15: (4, 6, 5), 16: (4, 4, 4, 4)}
"""In groups of how many digits a number of that length is printed."""


class TestValues(Page):
    """One table per kind of value."""

    permission = Permission.CREATE_TRANSFERS  # who may try a sale
    section = "test-values"
    template_name = "onboarding/test_values.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        if settings.IS_LIVE:
            raise NotVisible("test values")
        may_choose = self.actor.may(Permission.MANAGE_PROCESSORS)
        return self.show(
            {
                "tables": [_table(table) for table in values_to_try()],
                "profiles": profiles_to_try(),
                "applications_url": reverse("onboarding:applications") if may_choose else "",
            }
        )


def _table(table: TestTable) -> dict[str, Any]:
    return {
        "name": table.name,
        "title": table.title,
        "label": table.label,
        "hint": table.hint,
        "outcome": table.outcome,
        "has_codes": any(value.code for value in table.values),
        "rows": [_row(table, value) for value in table.values],
    }


def _row(table: TestTable, value: TestValue) -> dict[str, Any]:
    return {
        "value": value.value,
        "shown": _grouped(value.value) if not table.are_amounts else value.value,
        "money": money(int(value.value), _CURRENCY) if table.are_amounts else "",
        "meaning": value.meaning,
        "code": value.code,
        "profile": value.profile,
    }


def _grouped(number: str) -> str:
    """A card's number as it is printed; a tax id as it is."""
    groups = _PRINTED.get(len(number), (len(number),))
    ends = list(accumulate(groups))
    return " ".join(number[end - size : end] for size, end in zip(groups, ends, strict=True))
