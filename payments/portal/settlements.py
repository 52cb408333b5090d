"""Pages of settlements: the list, and one settlement with its entries, its deposits, and what may be done about it."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding.models import ReviewItem
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from onboarding.portal.reviews import review_facts, why_not
from onboarding.services import review
from payments.models import Settlement, SettlementEntry, Transfer
from payments.models.settlements import SettlementEntryQuerySet
from payments.portal.exports import SETTLEMENTS
from payments.portal.facts import ledger_rows, ledger_sums
from payments.portal.filters import SettlementPanel
from payments.portal.settlement_facts import (
    closing,
    deposit_rows,
    entry_rows,
    flag_facts,
    flag_tags,
    lines_of,
    net_with_parts,
    notice_of,
    page_of,
    settlement_facts,
    status_badge,
)
from payments.serializers.settlements import SettlementDocument
from payments.services.ledger import postings_of
from payments.services.settlement_reviews import item_of
from portal.design.values import moment
from portal.timeline import timeline_of
from portal.views import Page, counted_words, read_list
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

SECTION = "settlements"
_DEPOSITS = 50


class SettlementList(TenantList):
    """What merchants are paid, and what still gathers for them."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_list.html"
    filter_class = SettlementPanel
    listing = SETTLEMENTS
    search_field = "q"
    noun = ("settlement", "settlements")
    columns: ClassVar = [
        {"label": "Merchant"},
        {"label": "Status"},
        {"label": "Net", "css": "end shrink"},
        {"label": "Entries", "css": "end shrink cell-labelled"},
        {"label": "Closing", "css": "cell-labelled"},
        {"label": "Application", "css": "nowrap"},
        {"label": "Created", "css": "cell-extra"},
    ]

    def visible(self) -> QuerySet[Settlement]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        return Settlement.objects.visible_to(self.actor).prefetch_related("merchant", "application")

    def row(self, resource: Settlement) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                resource.merchant.display_name,
                self._status(resource),
                net_with_parts(resource),
                f"{resource.entry_count:,}",
                closing(resource),
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"lead": _LEADS[self.actor.role]}

    def _status(self, settlement: Settlement) -> SafeString:
        """With its flags beside, for those whom they are for."""
        flags = flag_tags(settlement) if shows_flags(self.actor) else None
        return format_html("{} {}", status_badge(settlement), flags) if flags else status_badge(settlement)


class SettlementPage(Page):
    """One settlement. A POST takes it into review, or puts it back."""

    permission = Permission.VIEW_SETTLEMENTS
    section = SECTION
    template_name = "payments/settlement_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        by = self.actor
        with transaction(by=by, plans_anew=True):
            settlement = find_settlement(pk, by)
            deposits = deposits_of(settlement, by)
            bank_returns = Transfer.objects.visible_to(by).bank_returns(deposits)
            returns = {back.parent_id: back for back in bank_returns}
            item = item_of(settlement, by) if by.may(Permission.VIEW_REVIEWS) else None
            mark = mark_of(settlement, *deposits, *([item] if item else []))
            if shows_already(request, mark):
                return HttpResponse(status=204)
            stands_against = why_not(item, ReviewItem.Outcome.ACCEPTED, by) if item and item.is_open else ""
            entries = SettlementEntry.objects.visible_to(by).filter(
                application_id=settlement.application_id, settlement=settlement
            )
            postings = postings_of(settlement, by=by)
            context = {
                "lines": lines_of(settlement, entries),
                **self._entries(settlement, entries),
                "parties": _parties(settlement, by),
                "timeline": timeline_of(settlement, by=by),
                "document": SettlementDocument(context={"request": request}).to_representation(settlement),
            }
        is_moving = any(not deposit.is_decided for deposit in deposits)
        notice = notice_of(settlement, deposits, returns, by=by, item=item, stands_against=stands_against)
        return self.show(
            {
                **context,
                **self._acts(settlement, item, stands_against),
                "settlement": settlement,
                "status": status_badge(settlement),
                "notice": notice,
                "facts": settlement_facts(settlement, by=by),
                "flags": flag_facts(settlement) if shows_flags(by) else [],
                "review": review_facts(item) if item else [],
                "deposit_columns": _DEPOSIT_COLUMNS,
                "deposits": deposit_rows(deposits),
                "ledger": ledger_rows(postings),
                "ledger_sums": [] if by.role == Role.MERCHANT else ledger_sums(postings),
                "following": following(request, mark, settlement.updated_at) if is_moving else None,
                "breadcrumbs": settlement_trail(settlement),
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.DECIDE_REVIEWS)
        with transaction(by=self.actor):
            settlement = find_settlement(pk, self.actor)
            item = item_of(settlement, self.actor)
        is_taken = request.POST.get("take") == "yes"
        outcome = ReviewItem.Outcome.MANUAL_REVIEW if is_taken else ReviewItem.Outcome.PENDING
        if item is None:
            messages.error(request, "The settlement is still accruing, so nobody has to decide on it.")
            return HttpResponseRedirect(page_of(settlement))
        try:
            review(item=item, outcome=outcome, by=self.actor, at=timezone.now())
        except DomainError as error:
            messages.error(request, str(error))
        else:
            told = "is in review, by you" if is_taken else "waits for anybody again"
            messages.success(request, f"The settlement of {settlement.merchant.display_name} {told}.")
        return HttpResponseRedirect(page_of(settlement))

    def _entries(self, settlement: Settlement, entries: SettlementEntryQuerySet) -> dict[str, Any]:
        """One page of its entries; of a cancelled one, those that it had."""
        listed = entries if settlement.status == Settlement.Status.CANCELLED else entries.held()
        listed = listed.annotate(created_at=F("occurred_at")).prefetch_related("transfer", "carried_from")
        page = read_list(self.request, listed, listed)
        return {
            "entry_columns": _ENTRY_COLUMNS,
            "rows": entry_rows(page["resources"], settlement),
            "summary": counted_words(page["count"], "entry", "entries"),
            "newer_url": page["newer_url"],
            "older_url": page["older_url"],
            "may_remove": settlement.is_open and self.actor.may(Permission.MANAGE_SETTLEMENTS),
            "remove_url": _act_url("remove-transfers", settlement),
        }

    def _acts(self, settlement: Settlement, item: ReviewItem | None, stands_against: str) -> dict[str, Any]:
        """The addresses of what the reader may do about it now, and what it waits for."""
        may_fund = self.actor.may(Permission.FUND_SETTLEMENTS)
        may_decide = item is not None and item.is_waiting and self.actor.may(Permission.DECIDE_REVIEWS)
        is_accruing = settlement.status == Settlement.Status.PENDING
        return {
            "close_url": _act_url("close-settlement", settlement) if may_fund and is_accruing else "",
            "pay_url": _act_url("pay-settlement", settlement) if may_fund and settlement.unfunded_amount else "",
            "tags_url": _act_url("edit-settlement", settlement)
            if self.actor.may(Permission.MANAGE_SETTLEMENTS)
            else "",
            "may_take": may_decide,
            "is_in_review": item is not None and item.outcome == ReviewItem.Outcome.MANUAL_REVIEW,
            "decide_url": f"{reverse('payments:decide-settlements')}?selected={item.public_id}"
            if item is not None and may_decide and not stands_against
            else "",
        }


def find_settlement(pk: str, by: Actor) -> Settlement:
    """The settlement with all that its pages tell joined; call it in a transaction. Raises NotVisible."""
    joined = Settlement.objects.visible_to(by).select_related(
        "application", "processor", "merchant__application", "identity", "destination"
    )
    found: Settlement = find(joined, pk)
    return found


def deposits_of(settlement: Settlement, by: Actor) -> list[Transfer]:
    """What pays it, newest first, with its application."""
    found = list(Transfer.objects.visible_to(by).paying(settlement).order_by("-created_at", "-id")[:_DEPOSITS])
    for deposit in found:
        deposit.application = settlement.application
    return found


def settlement_trail(settlement: Settlement, *here: str) -> list[tuple[str, str]]:
    return [
        ("Settlements", reverse("payments:settlements")),
        (settlement.public_id, page_of(settlement) if here else ""),
        *((label, "") for label in here),
    ]


def shows_flags(by: Actor) -> bool:
    """Flags are for those who look after merchants, not for the merchants."""
    return by.role != Role.MERCHANT


def _parties(settlement: Settlement, by: Actor) -> list[dict[str, str]]:
    """Merchant, identity, bank account, application, with those pages that the reader may open."""
    account = settlement.destination
    told: list[tuple[str, str, Any, str, Permission]] = [
        ("Merchant", settlement.merchant.display_name, settlement.merchant, "merchant", Permission.VIEW_MERCHANTS),
        ("Identity", settlement.identity.display_name, settlement.identity, "identity", Permission.VIEW_IDENTITIES),
    ]
    if account is not None:
        page, permission = "payment-instrument", Permission.VIEW_INSTRUMENTS
        told.append(("Bank account", account.display_name, account, page, permission))
    application = settlement.application
    told.append(("Application", application.name, application, "application", Permission.VIEW_PROCESSORS))
    return [
        {
            "label": label,
            "name": name,
            "url": reverse(f"onboarding:{page}", args=[row.public_id]) if by.may(permission) else "",
        }
        for label, name, row, page, permission in told
    ]


def _act_url(name: str, settlement: Settlement) -> str:
    return reverse(f"payments:{name}", args=[settlement.public_id])


_ENTRY_COLUMNS = (
    {"label": "What"},
    {"label": "Paid with", "css": "nowrap"},
    {"label": "Amount", "css": "end shrink"},
    {"label": "Fee", "css": "end shrink cell-labelled"},
    {"label": "Ready since", "css": "shrink cell-labelled"},
)
_DEPOSIT_COLUMNS = (
    {"label": "Amount", "css": "end shrink"},
    {"label": "State"},
    {"label": "Bank account", "css": "nowrap"},
    {"label": "Expected", "css": "shrink cell-labelled"},
    {"label": "Trace id", "css": "cell-labelled"},
    {"label": "Created", "css": "shrink cell-extra"},
)
_LEADS = {
    Role.ADMIN: "What merchants of every application are paid, and what gathers for them until then.",
    Role.PLATFORM: "What merchants of every application are paid, and what gathers for them until then.",
    Role.PARTNER: "What your merchants are paid, and what gathers for them until then.",
    Role.MERCHANT: "What you are paid, and what gathers for you until then.",
}
