"""Pages of deposits: what was paid to merchants' bank accounts, when it should be there, and what came back."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from payments.models import Settlement, SettlementEntry, Transfer
from payments.models.settlements import SettlementEntryQuerySet
from payments.portal.deposit_exports import DEPOSITS, deposits_visible_to
from payments.portal.deposit_facts import deposit_facts, notice_of, paid_by, parts_of
from payments.portal.deposit_filters import DepositPanel
from payments.portal.deposit_states import page_of, state_badge
from payments.portal.facts import in_short, instrument_name
from payments.portal.parties import parties_of
from payments.portal.settlement_facts import page_of as page_of_settlement
from payments.portal.transfer_facts import timeline_with_return
from portal.design.values import day, moment, money
from portal.views import Page
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

SECTION = "deposits"
_PARTS = 500


class DepositList(TenantList):
    """What was paid out, the newest first."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/deposit_list.html"
    filter_class = DepositPanel
    listing = DEPOSITS
    search_field = "q"
    noun = ("deposit", "deposits")
    columns: ClassVar = [
        {"label": "Amount", "css": "end shrink"},
        {"label": "State"},
        {"label": "Merchant"},
        {"label": "Expected", "css": "shrink cell-labelled"},
        {"label": "Bank account", "css": "nowrap"},
        {"label": "Application", "css": "nowrap"},
        {"label": "Sent", "css": "shrink cell-labelled"},
    ]

    def visible(self) -> QuerySet[Transfer]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        return deposits_visible_to(self.actor).prefetch_related("merchant", "application")

    def row(self, resource: Transfer) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                money(resource.amount, resource.currency),
                state_badge(resource),
                resource.merchant.display_name,
                day(resource.expected_on),
                _account(resource, by=self.actor),
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"lead": _LEADS[self.actor.role], "is_merchant": self.actor.role == Role.MERCHANT}


class DepositPage(Page):
    """One deposit: when it should be at the bank, what it pays, and why it came back if it did."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/deposit_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        by = self.actor
        with transaction(by=by, plans_anew=True):
            deposit: Transfer = find(_joined(by), pk)
            mark = mark_of(deposit)
            if shows_already(request, mark):
                return HttpResponse(status=204)
            bank_return = Transfer.objects.visible_to(by).bank_returns([deposit]).first()
            settlement = deposit.settlement
            parts = parts_of(deposit, settlement, _entries(settlement, by), _all(settlement, by)) if settlement else []
            parties = parties_of(deposit, deposit.instrument, by=by)
            timeline = timeline_with_return(deposit, bank_return, by=by)
        return self.show(
            {
                "deposit": deposit,
                "state": state_badge(deposit),
                "notice": notice_of(deposit, bank_return, by),
                "facts": deposit_facts(deposit),
                "lines": parts,
                "paid": money(paid_by(deposit), deposit.currency),
                "parties": parties,
                "timeline": timeline,
                "settlement_url": page_of_settlement(settlement) if settlement else "",
                "following": None if deposit.is_decided else following(request, mark, deposit.updated_at),
                "breadcrumbs": [("Deposits", reverse("payments:deposits")), (deposit.public_id, "")],
            }
        )


def _account(deposit: Transfer, *, by: Actor) -> SafeString | str:
    """The bank account, and below it what the deposit is known by: to its owner the words of a statement."""
    name = instrument_name(deposit)
    known_by = deposit.statement_descriptor if by.role == Role.MERCHANT else in_short(deposit.trace_id)
    return format_html('<span class="cell-lines">{}<small>{}</small></span>', name, known_by) if known_by else name


def _all(settlement: Settlement, by: Actor) -> QuerySet[Transfer]:
    return Transfer.objects.visible_to(by).paying(settlement).order_by("created_at", "id")[:_PARTS]


def _joined(by: Actor) -> QuerySet[Transfer]:
    return deposits_visible_to(by).select_related(
        "merchant", "merchant_identity", "destination", "application", "settlement"
    )


def _entries(settlement: Settlement, by: Actor) -> SettlementEntryQuerySet:
    return SettlementEntry.objects.visible_to(by).filter(
        application_id=settlement.application_id, settlement=settlement
    )


_LEADS = {
    Role.ADMIN: "What was paid to merchants' bank accounts, and when it should be there.",
    Role.PLATFORM: "What was paid to merchants' bank accounts, and when it should be there.",
    Role.PARTNER: "What was paid to your merchants' bank accounts, and when it should be there.",
    Role.MERCHANT: "What was paid to your bank account, and when it should be there.",
}
