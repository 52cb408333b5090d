"""Lists of tenants' rows: whose row it is, is told to those who see several applications."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse

from portal.views import ListPage

_APPLICATION = "Application"


class TenantList(ListPage):
    """A list whose column Application is left out for whoever belongs to one, with its cell in every row."""

    def show(self, context: Mapping[str, Any], *, status: int = 200, template: str = "") -> HttpResponse:
        if not self.actor.is_platform:
            context = {**context, **_without_application(context)}
        return super().show(context, status=status, template=template)


def _without_application(context: Mapping[str, Any]) -> dict[str, Any]:
    kept = [at for at, column in enumerate(context["columns"]) if column["label"] != _APPLICATION]
    return {
        "columns": [context["columns"][at] for at in kept],
        "rows": [{**row, "cells": [row["cells"][at] for at in kept]} for row in context["rows"]],
    }
