"""Settling by hand what is ready of a merchant."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Merchant
from onboarding.portal.merchants import find_merchant, merchant_trail
from onboarding.portal.once import FIELD, once
from onboarding.switches import settlements_off
from payments import services
from payments.models import Settlement
from payments.portal.reviewed import ConfirmedAct
from payments.portal.settlement_facts import page_of
from portal.design.values import money
from portal.views import counted_words
from resources.errors import DomainError
from tenancy.roles import Permission
from tenancy.transactions import transaction


class SettleNow(ConfirmedAct):
    """What is ready of a merchant is taken into its settlement, without waiting for the worker."""

    permission = Permission.MANAGE_SETTLEMENTS
    section = "merchants"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(*self._read(pk))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        merchant, ready = self._read(pk)
        currency = request.POST.get("currency", "")
        try:
            settlement = once(
                "portal settle",
                key=request.POST.get(FIELD, ""),
                told=[merchant.public_id, currency],
                do=lambda: self._settle(merchant, currency),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            return self._show(merchant, ready, refusal=error)
        return HttpResponseRedirect(page_of(settlement))

    def _settle(self, merchant: Merchant, currency: str) -> Settlement:
        accruing = Settlement.objects.visible_to(self.actor).filter(
            application_id=merchant.application_id,
            merchant=merchant,
            currency=currency,
            status=Settlement.Status.PENDING,
        )
        with transaction(by=self.actor):
            before = dict(accruing.values_list("pk", "entry_count"))
        settlement = services.create_settlement(merchant=merchant, currency=currency, by=self.actor, at=timezone.now())
        taken = settlement.entry_count - before.get(settlement.pk, 0)
        told = f"{counted_words(taken, 'entry was', 'entries were')} taken in." if taken else "Nothing more was ready."
        messages.success(self.request, f"{told} The settlement is paid once it is closed and approved.")
        return settlement

    def _made(self, key: uuid.UUID) -> Settlement | None:
        return Settlement.objects.visible_to(self.actor).filter(pk=key).first()

    def _read(self, pk: str) -> tuple[Merchant, list[dict[str, Any]]]:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            ready = services.ready_to_settle(merchant, by=self.actor, at=timezone.now())
            grouped = ready.order_by().values("currency")
            sums = grouped.annotate(n=Count("id"), amount=Sum("settled_amount"), fees=Sum("fee"))
            return merchant, [dict(row) for row in sums]

    def _show(
        self, merchant: Merchant, ready: Sequence[dict[str, Any]], *, refusal: DomainError | None = None
    ) -> HttpResponse:
        off = settlements_off(merchant)
        obstacle = off.text if off else "" if ready else "Nothing of the merchant is ready to settle."
        return self.confirm(
            {
                "heading": "Settle" if obstacle else "Settle what is ready?",
                "lead": f"What {merchant.display_name} has earned and may be paid is taken into its settlement.",
                "obstacle": obstacle,
                "obstacle_title": "Nothing can be settled",
                "card_title": "Ready to settle",
                "facts": [
                    (
                        counted_words(row["n"], "transfer", "transfers"),
                        money(row["amount"] - row["fees"], row["currency"]),
                    )
                    for row in ready
                ],
                "warning": "Nothing is paid yet: a settlement is paid once it is closed, and a person has approved it.",
                "verb": "Settle now",
                "choices": [row["currency"] for row in ready],
                "page_url": reverse("onboarding:merchant", args=[merchant.public_id]),
                "page_label": "The merchant",
                "breadcrumbs": merchant_trail(merchant, "Settle"),
            },
            refusal=refusal,
        )
