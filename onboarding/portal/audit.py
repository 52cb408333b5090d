"""Who did what. Looking is itself written down."""

from collections.abc import Mapping
from typing import Any, ClassVar

import django_filters
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from api.filters import TextFilter, ValueFilter
from events.models import Audit
from events.services import record_audit
from portal.templatetags.portal import badge, moment, words
from portal.views import ListPage
from tenancy.roles import Permission
from tenancy.services import platform_id
from tenancy.transactions import transaction


class AuditFilter(django_filters.FilterSet):
    action = TextFilter(label="Action")
    author_name = TextFilter(lookup_expr="iexact", label="By")
    result = ValueFilter(values=Audit.Result.values, label="Result")


class AuditList(ListPage):
    """The audit history, newest first."""

    permission = Permission.VIEW_AUDIT
    section = "audit"
    template_name = "onboarding/audit_list.html"
    filter_class = AuditFilter
    search_field = "action"
    noun = ("entry", "entries")
    columns: ClassVar = [
        {"label": "Action"},
        {"label": "By"},
        {"label": "Role"},
        {"label": "Result"},
        {"label": "Reason"},
        {"label": "From"},
        {"label": "When", "css": "shrink"},
    ]

    def get(self, request: HttpRequest, **options: Any) -> HttpResponse:
        with transaction(by=self.actor):
            record_audit("read_audit", application_id=platform_id(), by=self.actor.signature, at=timezone.now())
        return super().get(request, **options)

    def visible(self) -> QuerySet[Audit]:
        found = Audit.objects.filter(application_id__in=self.actor.application_ids)
        return found.annotate(created_at=F("occurred_at"))

    def row(self, resource: Audit) -> Mapping[str, Any]:
        return {
            "cells": [
                words(resource.action),
                resource.author_name,
                resource.author_role.removeprefix("ROLE_").capitalize(),
                badge(
                    "DONE" if resource.result == Audit.Result.DONE else "DECLINED", label=resource.get_result_display()
                ),
                resource.reason,
                resource.address,
                moment(resource.occurred_at),
            ],
        }
