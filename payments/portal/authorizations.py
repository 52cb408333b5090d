"""Pages of authorizations: the list, and one of them with what has become of what it holds."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from onboarding.portal.facts import copy_facts
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from payments import services
from payments.models import Authorization, Transfer
from payments.portal.authorization_facts import (
    authorization_facts,
    capture_rows,
    figures,
    notice_of_authorization,
    page_of,
    standing,
    standing_in_list,
    time_left,
)
from payments.portal.exports import AUTHORIZATIONS
from payments.portal.facts import instrument_name, purchase_facts, three_d_secure_facts
from payments.portal.filters import AuthorizationPanel
from payments.portal.parties import parties_of
from payments.serializers.authorizations import AuthorizationDocument
from portal.attempts import attempt_entries
from portal.design.values import moment, money
from portal.timeline import is_recorded, timeline_of
from portal.views import Page
from providers.models import Attempt
from resources.lookup import find
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

_COLUMNS = (
    {"label": "Amount", "css": "end shrink"},
    {"label": "State"},
    {"label": "Merchant"},
    {"label": "Card", "css": "nowrap"},
    {"label": "Application"},
    {"label": "Expires", "css": "shrink cell-labelled"},
    {"label": "Created", "css": "shrink"},
)
_CAPTURES = 20


class AuthorizationList(TenantList):
    """Money that is held on cards, or was."""

    permission = Permission.VIEW_TRANSFERS
    section = "authorizations"
    template_name = "payments/authorization_list.html"
    filter_class = AuthorizationPanel
    search_field = "q"
    noun = ("authorization", "authorizations")
    columns: ClassVar = _COLUMNS
    listing = AUTHORIZATIONS

    def visible(self) -> QuerySet[Authorization]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        return Authorization.objects.visible_to(self.actor).prefetch_related("merchant", "application", "transfer")

    def row(self, resource: Authorization) -> Mapping[str, Any]:
        now = resource.application.business_time(timezone.now())
        return {
            "url": page_of(resource),
            "cells": [
                money(resource.amount, resource.currency),
                standing_in_list(resource, now),
                resource.merchant.display_name,
                instrument_name(resource),
                resource.application.name,
                time_left(resource, now),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"lead": _LEADS[self.actor.role], "may_hold": self.actor.may(Permission.CREATE_TRANSFERS)}


class AuthorizationPage(Page):
    """One authorization: what is held until when, and what was taken of it."""

    permission = Permission.VIEW_TRANSFERS
    section = "authorizations"
    template_name = "payments/authorization_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        by = self.actor
        with transaction(by=by):
            authorization = self._authorization(pk)
            captures = self._captures(authorization)
            attempt = (
                Attempt.objects.visible_to(by).filter(resource_id=authorization.pk).order_by("-created_at").first()
            )
            mark = mark_of(authorization, *captures, attempts=[vars(attempt)] if attempt else [])
            if shows_already(request, mark):
                return HttpResponse(status=204)
            is_contradicted = is_recorded("authorization.contradicted", authorization, by=by)
            context = {
                "parties": parties_of(authorization, authorization.source, by=by),
                "attempts": attempt_entries(authorization, by, also=[capture.pk for capture in captures]),
                "timeline": timeline_of(authorization, by=by),
                "document": AuthorizationDocument(context={"request": request}).to_representation(authorization),
            }
        now = authorization.application.business_time(timezone.now())
        sees_provider = by.may(Permission.VIEW_PROVIDER_DATA)
        return self.show(
            {
                **context,
                **self._acts(authorization, now),
                "authorization": authorization,
                "standing": standing(authorization, now),
                "figures": figures(authorization, now) if authorization.has_succeeded else [],
                "notice": notice_of_authorization(
                    authorization, attempt, captures, now, is_contradicted=is_contradicted
                ),
                "facts": authorization_facts(authorization, now),
                "three_d_secure": three_d_secure_facts(authorization, sees_address=by.role != Role.MERCHANT),
                "purchase": purchase_facts(authorization),
                "captures": capture_rows(captures),
                "shows_provider": sees_provider,
                "copy": copy_facts(authorization) if sees_provider else [],
                "following": following(request, mark, authorization.updated_at) if _moves(authorization) else None,
                "breadcrumbs": [("Authorizations", reverse("payments:authorizations")), (authorization.public_id, "")],
            }
        )

    def _authorization(self, pk: str) -> Authorization:
        visible = Authorization.objects.visible_to(self.actor)
        joined = visible.select_related("merchant", "merchant_identity", "source", "application", "transfer")
        found: Authorization = find(joined, pk)
        return found

    def _captures(self, authorization: Authorization) -> list[Transfer]:
        """Newest first; of several only the newest can be more than a try."""
        captures = Transfer.objects.visible_to(self.actor).filter(
            application_id=authorization.application_id, authorization_id=authorization.pk
        )
        return list(captures.order_by("-created_at", "-id")[:_CAPTURES])

    def _acts(self, authorization: Authorization, now: Any) -> dict[str, str]:
        """Where it is captured or voided, for whoever may, while it can be."""
        may = self.actor.may(Permission.CREATE_TRANSFERS) and not services.obstacle_to_hold(authorization, now)
        names = {"capture_url": "payments:capture", "void_url": "payments:void"}
        return {name: reverse(page, args=[authorization.public_id]) if may else "" for name, page in names.items()}


def _moves(authorization: Authorization) -> bool:
    """Whether something is under way that will end without anybody here."""
    is_captured = authorization.transfer is not None and not authorization.transfer.is_decided
    is_voided = authorization.void_state == Authorization.VoidState.PENDING
    return is_captured or is_voided or not authorization.is_decided


_LEADS = {
    Role.ADMIN: "What is held on buyers' cards for the merchants of every application, until it is captured.",
    Role.PLATFORM: "What is held on buyers' cards for the merchants of every application, until it is captured.",
    Role.PARTNER: "What is held on buyers' cards for your merchants, until it is captured.",
    Role.MERCHANT: "What is held on buyers' cards for you, until it is captured.",
}
