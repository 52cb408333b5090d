"""Who did what. Looking is itself written down."""

from collections.abc import Mapping, Sequence
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
from portal.navigation import label_of
from portal.subjects import Handle, Subject, subjects_of
from portal.views import ListPage
from tenancy.roles import Permission
from tenancy.services import platform_id
from tenancy.transactions import transaction

LOOKING = "read_audit"

_WORDS = {
    "fail_export": "Give up an export",
    "sign_in": "Sign in to the portal",
    "sign_out": "Sign out of the portal",
    "create_api_user": "Create API key",
    "update_api_user": "Update API key",
    "rotate_api_user": "Rotate API key",
    "end_previous_secret": "End old secret of API key",
    "update_card": "Look up new card data",
    "log_in": "Sign in to the API",
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
        {"label": "Action", "css": "cell-long"},
        {"label": "Result", "css": "shrink"},
        {"label": "About", "css": "cell-long"},
        {"label": "By", "css": "cell-person"},
        {"label": "When", "css": "shrink"},
        {"label": "Reason", "css": "cell-long"},
    ]

    subjects: Mapping[Handle, Subject]

    def get(self, request: HttpRequest, **options: Any) -> HttpResponse:
        with transaction(by=self.actor):
            record_audit(LOOKING, application_id=platform_id(), by=self.actor.signature, at=timezone.now())
        return super().get(request, **options)

    def visible(self) -> QuerySet[Audit]:
        found = Audit.objects.filter(application_id__in=self.actor.application_ids)
        return found.annotate(created_at=F("occurred_at"))

    def rows(self, resources: Sequence[Audit]) -> list[Mapping[str, Any]]:
        handles = {(row.resource_kind, row.resource_id) for row in resources if row.resource_id is not None}
        self.subjects = subjects_of(handles, by=self.actor)
        return super().rows(resources)

    def row(self, resource: Audit) -> Mapping[str, Any]:
        is_done = resource.result == Audit.Result.DONE
        subject = self.subjects.get((resource.resource_kind, resource.resource_id)) if resource.resource_id else None
        return {
            "cells": [
                _action_in_words(resource.action),
                badge("DONE" if is_done else "DECLINED", label=resource.get_result_display()),
                _subject(subject) if subject else None,
                _author(resource),
                moment(resource.occurred_at),
                resource.reason,
            ],
        }


def _action_in_words(action: str) -> str:
    """The name of an act in words. A refusal is recorded by method and route, which stand below what they mean."""
    if " " not in action:
        return _WORDS.get(action) or words(action)
    method, _, route = action.partition(" ")
    parts = ((part,) for part in action.replace(":", ":\n").replace("/", "/\n").splitlines())
    code = format_html("<code>{}</code>", format_html_join(mark_safe("<wbr>"), "{}", parts))
    return format_html("{}<small>{}</small>", _refused_in_words(method, route), code)


def _refused_in_words(method: str, route: str) -> str:
    _, is_page, name = route.partition(":")
    if not is_page:
        return "Call the API"
    what = label_of(route) or words(name.replace("-", " ")).lower()
    return f"Open {what}" if method in {"GET", "HEAD"} else f"Send {what}"


def _subject(subject: Subject) -> str:
    """What was acted upon: its name, which leads to its page, and what it is."""
    name = format_html("<code>{}</code>", subject.name) if subject.is_id and subject.name else subject.name
    name = format_html('<a href="{}">{}</a>', subject.url, name) if subject.url else name
    return format_html("{} <small>{}</small>", name, subject.kind) if name else subject.kind


def _author(resource: Audit) -> str:
    """Who it was, in what role, and from where."""
    role = resource.author_role.removeprefix("ROLE_").capitalize()
    name = format_html("<code>{}</code>" if resource.author_kind == Author.API_USER else "{}", resource.author_name)
    below = " · ".join(part for part in (role, resource.address) if part)
    return format_html("{} <small>{}</small>", name, below) if below else name
