"""Pages of transfers: the list, and one transfer as it stands now."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from onboarding.models import Merchant
from onboarding.portal.facts import copy_facts
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from payments import services
from payments.models import LedgerAccount, Transfer
from payments.portal.exports import TRANSFERS
from payments.portal.facts import (
    balance_facts,
    instrument_name,
    ledger_rows,
    ledger_sums,
    own_balance_facts,
    paying,
    purchase_facts,
    three_d_secure_facts,
)
from payments.portal.filters import TransferPanel
from payments.portal.parties import parties_of
from payments.portal.transfer_facts import (
    SALE,
    kind_of,
    notice_of,
    page_of,
    refund_facts,
    reversal_rows,
    signed_amount,
    state_in_list,
    state_of,
    timeline_with_return,
    transfer_facts,
)
from payments.serializers.transfers import TransferDocument
from payments.services.ledger import balances_of, postings_of
from portal.attempts import attempt_entries
from portal.design.values import moment
from portal.timeline import is_recorded
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
    {"label": "Paid with", "css": "nowrap"},
    {"label": "Application", "css": "nowrap"},
    {"label": "Created", "css": "shrink"},
)


class TransferList(TenantList):
    """Money that moved, or should have."""

    permission = Permission.VIEW_TRANSFERS
    section = "transfers"
    template_name = "payments/transfer_list.html"
    filter_class = TransferPanel
    listing = TRANSFERS
    search_field = "q"
    noun = ("transfer", "transfers")
    columns: ClassVar = _COLUMNS

    def visible(self) -> QuerySet[Transfer]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        return Transfer.objects.visible_to(self.actor).prefetch_related("merchant", "application", "parent")

    def row(self, resource: Transfer) -> Mapping[str, Any]:
        return {
            "url": page_of(resource),
            "cells": [
                signed_amount(resource),
                state_in_list(resource),
                resource.merchant.display_name,
                instrument_name(resource),
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
    """One transfer: what became of it, whose it is, what was given back of it, and what it did to the ledger."""

    permission = Permission.VIEW_TRANSFERS
    section = "transfers"
    template_name = "payments/transfer_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        by = self.actor
        with transaction(by=by):
            transfer = self._transfer(pk)
            reversals = self._reversals(transfer)
            attempt = self._latest_attempt(transfer)
            mark = mark_of(transfer, *reversals, attempts=[vars(attempt)] if attempt else [])
            if shows_already(request, mark):
                return HttpResponse(status=204)
            returns = [row for row in reversals if row.subtype == Transfer.Subtype.SYSTEM]
            bank_return = returns[0] if transfer.returned_at and returns else None
            postings = postings_of(transfer, by=by)
            is_contradicted = is_recorded("transfer.contradicted", transfer, by=by)
            context = {
                "parties": parties_of(transfer, transfer.instrument, by=by),
                "attempts": attempt_entries(transfer, by),
                "timeline": timeline_with_return(transfer, bank_return, by=by),
                "document": TransferDocument(context={"request": request}).to_representation(transfer),
            }
        now = transfer.application.business_time(timezone.now())
        may_see_batch = by.may(Permission.VIEW_PROCESSORS)
        sees_provider = by.may(Permission.VIEW_PROVIDER_DATA)
        is_moving = not (transfer.is_decided and all(row.is_decided for row in reversals))
        return self.show(
            {
                **context,
                **self._acts(transfer),
                "transfer": transfer,
                "kind": kind_of(transfer),
                "state": state_of(transfer),
                "notice": notice_of(transfer, attempt, is_contradicted=is_contradicted, bank_return=bank_return),
                "facts": transfer_facts(transfer, now, may_see_batch=may_see_batch),
                "three_d_secure": three_d_secure_facts(transfer, sees_address=by.role != Role.MERCHANT),
                "purchase": purchase_facts(transfer),
                "refunds": refund_facts(transfer) if transfer.is_sale and transfer.has_succeeded else [],
                "reversals": reversal_rows(reversals),
                "ledger": ledger_rows(postings),
                "ledger_sums": [] if by.role == Role.MERCHANT else ledger_sums(postings),
                "shows_provider": sees_provider,
                "copy": copy_facts(transfer) if sees_provider else [],
                "following": following(request, mark, transfer.updated_at) if is_moving else None,
                "breadcrumbs": [("Transfers", reverse("payments:transfers")), (transfer.public_id, "")],
            }
        )

    def _transfer(self, pk: str) -> Transfer:
        joined = Transfer.objects.visible_to(self.actor).select_related(
            "merchant", "merchant_identity", "source", "destination", "application", "authorization", "parent", "batch"
        )
        found: Transfer = find(joined, pk)
        return found

    def _reversals(self, transfer: Transfer) -> list[Transfer]:
        """What was given back of it, newest first."""
        reversals = Transfer.objects.visible_to(self.actor).filter(
            application_id=transfer.application_id, parent_id=transfer.pk
        )
        if not (transfer.is_sale or transfer.is_deposit):
            return []
        found = list(reversals.order_by("-created_at", "-id")[:_REVERSALS])
        for reversal in found:
            reversal.parent = transfer
        return found

    def _latest_attempt(self, transfer: Transfer) -> Attempt | None:
        """Whoever sees the transfer is told how it stands, also without the permission to see attempts."""
        attempts = Attempt.objects.visible_to(self.actor).filter(resource_id=transfer.pk)
        return attempts.order_by("-created_at").first()

    def _acts(self, transfer: Transfer) -> dict[str, str]:
        may_refund = self.actor.may(Permission.REFUND_TRANSFERS) and not services.obstacle_to_refund(transfer)
        return {
            "refund_url": reverse("payments:refund", args=[transfer.public_id]) if may_refund else "",
            "again_url": self._again_url(transfer),
            "again_label": "New sale" if transfer.returned_at else f"New sale with this {paying(transfer)}",
        }

    def _again_url(self, transfer: Transfer) -> str:
        """A new sale, once it is certain that this one charged nothing; what a bank took back is paid otherwise.

        What failed to be captured is held still, and captured again.
        """
        is_over = transfer.has_failed or transfer.returned_at is not None
        is_sale = kind_of(transfer) is SALE and transfer.authorization_id is None
        if not (is_over and is_sale and self.actor.may(Permission.CREATE_TRANSFERS)):
            return ""
        address = reverse("payments:create-transfer", args=[transfer.merchant.public_id])
        card = transfer.instrument
        return f"{address}?{urlencode({'source': card.public_id})}" if card and not transfer.returned_at else address


_REVERSALS = 50
_LEADS = {
    Role.ADMIN: "What buyers paid to the merchants of every application, what went back, and what was paid out.",
    Role.PLATFORM: "What buyers paid to the merchants of every application, what went back, and what was paid out.",
    Role.PARTNER: "What buyers paid to your merchants, what went back, and what was paid out.",
    Role.MERCHANT: "What buyers paid you, what went back, and what was paid out to you.",
}
