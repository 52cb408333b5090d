"""Who did what. Looking is itself written down."""

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe

from api.filters import TextFilter, ValueFilter
from events.models import Audit, Author
from events.services import record_audit
from portal.design.states import badge, words
from portal.design.values import moment
from portal.views import ListPage
from tenancy.roles import Permission
from tenancy.services import platform_id
from tenancy.transactions import transaction

LOOKING = "read_audit"

_WORDS = {
    "sign_in": "Sign in to the portal",
    "sign_out": "Sign out of the portal",
    "log_in": "Sign in to the API",
    "create_api_user": "Create API key",
    "update_api_user": "Update API key",
}
"""Where the name of an action alone would read oddly, or like another one."""


class AuditFilter(django_filters.FilterSet):
    """Rows of looking at the audit history stay out until somebody asks for their action."""

    action = TextFilter(method="by_action", label="Action")
    author_name = TextFilter(lookup_expr="iexact", label="By", help_text="A whole name, or the id of an API key.")
    result = ValueFilter(values=Audit.Result.values, label="Result")

    def by_action(self, queryset: QuerySet[Audit], _name: str, value: str) -> QuerySet[Audit]:
        """What begins like the text: as the page words it, or as the row has it."""
        text = value.strip()
        worded = [name for name, shown in _WORDS.items() if shown.lower().startswith(text.lower())]
        begins = Q(action__istartswith=text) | Q(action__istartswith=text.replace(" ", "_"))
        return queryset.filter(begins | Q(action__in=worded))

    def filter_queryset(self, queryset: QuerySet[Audit]) -> QuerySet[Audit]:
        found: QuerySet[Audit] = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("action") else found.exclude(action=LOOKING)


class AuditList(ListPage):
    """The audit history, newest first."""

    permission = Permission.VIEW_AUDIT
    section = "audit"
    template_name = "onboarding/audit_list.html"
    filter_class = AuditFilter
    search_field = "action"
    noun = ("entry", "entries")
    caption = "Entries of the audit history, newest first"
    table_css = "table-dense"
    columns: ClassVar = [
        {"label": "Action"},
        {"label": "Result", "css": "shrink"},
        {"label": "By", "css": "cell-person"},
        {"label": "When", "css": "shrink"},
        {"label": "Reason", "css": "cell-long"},
        {"label": "From", "css": "cell-address cell-extra"},
    ]

    def get(self, request: HttpRequest, **options: Any) -> HttpResponse:
        with transaction(by=self.actor):
            record_audit(LOOKING, application_id=platform_id(), by=self.actor.signature, at=timezone.now())
        return super().get(request, **options)

    def visible(self) -> QuerySet[Audit]:
        found = Audit.objects.filter(application_id__in=self.actor.application_ids)
        return found.annotate(created_at=F("occurred_at"))

    def row(self, resource: Audit) -> Mapping[str, Any]:
        return {
            "cells": [
                _action_in_words(resource.action),
                badge(
                    "DONE" if resource.result == Audit.Result.DONE else "DECLINED", label=resource.get_result_display()
                ),
                _author(resource),
                moment(resource.occurred_at),
                resource.reason,
                resource.address,
            ],
        }


def _action_in_words(action: str) -> str:
    """The name of an act in words. A refusal is named by method and route, which are shown as they are."""
    if " " in action:
        parts = ((part,) for part in action.replace(":", ":\n").replace("/", "/\n").splitlines())
        return format_html("<code>{}</code>", format_html_join(mark_safe("<wbr>"), "{}", parts))
    return _WORDS.get(action) or words(action)


def _author(resource: Audit) -> str:
    role = resource.author_role.removeprefix("ROLE_").capitalize()
    name = format_html("<code>{}</code>" if resource.author_kind == Author.API_USER else "{}", resource.author_name)
    return format_html("{} <small>{}</small>", name, role) if role else name
