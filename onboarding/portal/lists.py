"""Lists of tenants' rows: whose row it is, is told to those who see several applications; and they can be exported."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.http import HttpResponse

from exports.listings import Listing
from exports.portal import menu_for
from portal.views import ListPage

_APPLICATION = "Application"


class TenantList(ListPage):
    """A list whose column Application is left out for whoever belongs to one, with its cell in every row.

    With `listing` its rows can be taken as a file; its filters are this page's.
    """

    listing: ClassVar[Listing | None] = None

    def narrowed_by(self) -> Mapping[str, str]:
        """Filters that this page sets by itself, for the file of its rows."""
        return {}

    def show(self, context: Mapping[str, Any], *, status: int = 200, template: str = "") -> HttpResponse:
        given = self.request.GET.copy()
        for name, value in self.narrowed_by().items():
            given[name] = value
        context = {**context, "export": menu_for(self.listing, given, self.actor)}
        if not self.actor.is_platform:
            context = {**context, **_without_application(context)}
        return super().show(context, status=status, template=template)


def _without_application(context: Mapping[str, Any]) -> dict[str, Any]:
    kept = [at for at, column in enumerate(context["columns"]) if column["label"] != _APPLICATION]
    return {
        "columns": [context["columns"][at] for at in kept],
        "rows": [{**row, "cells": [row["cells"][at] for at in kept]} for row in context["rows"]],
    }
