"""Pages of transfers: the list, and one transfer as it stands now."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.http import urlencode

from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.portal.facts import copy_facts
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from payments.models import LedgerAccount, Transfer
from payments.portal.facts import (
    balance_facts,
    ledger_rows,
    ledger_sums,
    notice_of,
    own_balance_facts,
    state_in_list,
    transfer_facts,
)
from payments.portal.filters import TransferPanel
from payments.serializers.transfers import TransferDocument
from payments.services.ledger import balances_of, postings_of
from payments.services.transfers import SELL
from portal.attempts import attempt_entries
from portal.design.values import moment, money
from portal.timeline import is_recorded, timeline_of
from portal.views import Page
from providers.models import Attempt
from resources import ids
from resources.lookup import find
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

_COLUMNS = (
    {"label": "Amount", "css": "end shrink"},
    {"label": "State"},
    {"label": "Merchant"},
    {"label": "Card", "css": "nowrap"},
    {"label": "Application", "css": "nowrap"},
    {"label": "Created", "css": "shrink"},
)


class TransferList(TenantList):
    """Money that moved, or should have."""

    permission = Permission.VIEW_TRANSFERS
    section = "transfers"
    template_name = "payments/transfer_list.html"
    filter_class = TransferPanel
    search_field = "q"
    noun = ("transfer", "transfers")
    columns: ClassVar = _COLUMNS

    def visible(self) -> QuerySet[Transfer]:
        return Transfer.objects.visible_to(self.actor).select_related("merchant", "source", "application")

    def row(self, resource: Transfer) -> Mapping[str, Any]:
        return {
            "url": reverse("payments:transfer", args=[resource.public_id]),
            "cells": [
                money(resource.amount, resource.currency),
                state_in_list(resource),
                resource.merchant.display_name,
                resource.source.display_name,
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {
            "lead": _LEADS[self.actor.role],
            "may_sell": self.actor.may(Permission.CREATE_TRANSFERS),
            **self._balances(),
        }

    def _balances(self) -> dict[str, Any]:
        """What a merchant is owed; of others, when they look at one merchant."""
        if self.actor.role == Role.MERCHANT:
            return {"balances": own_balance_facts(LedgerAccount.objects.visible_to(self.actor))}
        merchant = self._merchant()
        if merchant is None:
            return {}
        return {"balances": balance_facts(balances_of(merchant, by=self.actor)), "merchant": merchant}

    def _merchant(self) -> Merchant | None:
        try:
            key = Merchant.parse_id(self.request.GET.get("merchant_id", ""))
        except ids.MalformedId:
            return None
        return Merchant.objects.visible_to(self.actor).filter(pk=key).first()


class TransferPage(Page):
    """One transfer: what became of it, whose it is, and what it did to the ledger."""

    permission = Permission.VIEW_TRANSFERS
    section = "transfers"
    template_name = "payments/transfer_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        sees_provider = self.actor.may(Permission.VIEW_PROVIDER_DATA)
        with transaction(by=self.actor):
            transfer = self._transfer(pk)
            attempt = self._latest_attempt(transfer)
            mark = mark_of(transfer, attempts=[vars(attempt)] if attempt else [])
            if shows_already(request, mark):
                return HttpResponse(status=204)
            postings = postings_of(transfer, by=self.actor)
            is_contradicted = is_recorded("transfer.contradicted", transfer, by=self.actor)
            context = {
                "parties": self._parties(transfer),
                "attempts": attempt_entries(transfer, self.actor),
                "timeline": timeline_of(transfer, by=self.actor),
                "document": TransferDocument(context={"request": request}).to_representation(transfer),
            }
        return self.show(
            {
                **context,
                "transfer": transfer,
                "notice": notice_of(transfer, attempt, is_contradicted=is_contradicted),
                "facts": transfer_facts(transfer),
                "ledger": ledger_rows(postings),
                "ledger_sums": [] if self.actor.role == Role.MERCHANT else ledger_sums(postings),
                "shows_provider": sees_provider,
                "copy": copy_facts(transfer) if sees_provider else [],
                "following": None if transfer.is_decided else following(request, mark, transfer.created_at),
                "again_url": self._again_url(transfer),
                "breadcrumbs": [("Transfers", reverse("payments:transfers")), (transfer.public_id, "")],
            }
        )

    def _transfer(self, pk: str) -> Transfer:
        visible = Transfer.objects.visible_to(self.actor)
        found: Transfer = find(visible.select_related("merchant", "merchant_identity", "source", "application"), pk)
        return found

    def _latest_attempt(self, transfer: Transfer) -> Attempt | None:
        """Whoever sees the transfer is told how it stands, also without the permission to see attempts."""
        attempts = Attempt.objects.visible_to(self.actor).filter(resource_id=transfer.pk, operation=SELL)
        return attempts.order_by("-number").first()

    def _parties(self, transfer: Transfer) -> list[dict[str, str]]:
        """Whose transfer it is, with the address of those pages that the actor may open."""
        merchant, identity, source = transfer.merchant, transfer.merchant_identity, transfer.source
        sees_identity = Identity.objects.visible_to(self.actor).filter(pk=identity.pk).exists()
        sees_source = PaymentInstrument.objects.visible_to(self.actor).filter(pk=source.pk).exists()
        may = self.actor.may
        parties: list[tuple[str, Merchant | Identity | PaymentInstrument, str, bool]] = [
            ("Merchant", merchant, "merchant", may(Permission.VIEW_MERCHANTS)),
            ("Identity", identity, "identity", sees_identity and may(Permission.VIEW_IDENTITIES)),
            ("Card", source, "payment-instrument", sees_source and may(Permission.VIEW_INSTRUMENTS)),
        ]
        found = [
            {
                "label": label,
                "name": row.display_name,
                "url": reverse(f"onboarding:{page}", args=[row.public_id]) if may_open else "",
            }
            for label, row, page, may_open in parties
        ]
        may_open = self.actor.may(Permission.VIEW_PROCESSORS)
        page = reverse("onboarding:application", args=[transfer.application.public_id]) if may_open else ""
        return [*found, {"label": "Application", "name": transfer.application.name, "url": page}]

    def _again_url(self, transfer: Transfer) -> str:
        """A new sale with the same merchant and card, once it is certain that this one charged nothing."""
        if transfer.state not in {Transfer.State.FAILED, Transfer.State.CANCELED}:
            return ""
        if not self.actor.may(Permission.CREATE_TRANSFERS):
            return ""
        address = reverse("payments:create-transfer", args=[transfer.merchant.public_id])
        return f"{address}?{urlencode({'source': transfer.source.public_id})}"


_LEADS = {
    Role.ADMIN: "What buyers paid to the merchants of every application.",
    Role.PLATFORM: "What buyers paid to the merchants of every application.",
    Role.PARTNER: "What buyers paid to your merchants.",
    Role.MERCHANT: "What buyers paid you.",
}
