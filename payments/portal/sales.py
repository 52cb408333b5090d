"""A sale by hand: whose it is, what is charged, a look at what will happen, and then the charge."""

import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from jobs.models import IdempotencyKey
from onboarding.filters import MerchantSearch
from onboarding.models import Merchant, PaymentInstrument
from onboarding.portal.lists import TenantList
from onboarding.portal.once import SentBefore, new_key, once, renew
from payments import services
from payments.forms.sales import SECURITY_CODE, SaleForm
from payments.models import Transfer
from payments.portal.selling import able_to_sell, obstacle_to_sales
from payments.services.admission import Admission, SecurityCodeNeeded, admit
from portal.design.values import moment, money
from portal.views import Page
from resources import ids
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction

OPERATION = "portal new sale"
OFFERED = 50
"""How many of the application's newest cards one chooses from; any other is named by its id."""

_LONGEST = 2000  # an address that every browser and server takes; many tags make a longer one

_SENT_BEFORE = (
    "This form was sent before with other values, and that sale was made. Nothing was charged now. Look at the first "
    "sale, and send this one once more if it is to be charged as well."
)
_COLUMNS = (
    {"label": "Merchant"},
    {"label": "Processor"},
    {"label": "Application"},
    {"label": "Created", "css": "shrink"},
)


class ChooseMerchant(TenantList):
    """Whose sale it is. `?merchant=` goes on to its form, and so does the only merchant; `?source=` names the card."""

    permission = Permission.CREATE_TRANSFERS
    section = "transfers"
    template_name = "payments/sale_merchant.html"
    filter_class = MerchantSearch
    search_field = "q"
    noun = ("merchant", "merchants")
    caption = "Merchants that can take payments, newest first"
    columns: ClassVar = _COLUMNS

    def get(self, request: HttpRequest, **options: Any) -> HttpResponse:
        with transaction(by=self.actor):
            if named := request.GET.get("merchant"):
                return HttpResponseRedirect(self._form_of(find(Merchant.objects.visible_to(self.actor), named)))
            found = list(self.visible()[:2])
        return HttpResponseRedirect(self._form_of(found[0])) if len(found) == 1 else super().get(request, **options)

    def visible(self) -> QuerySet[Merchant]:
        merchants = able_to_sell(Merchant.objects.visible_to(self.actor))
        if source := self.request.GET.get("source"):
            card = find(PaymentInstrument.objects.visible_to(self.actor), source)
            merchants = merchants.filter(application_id=card.application_id)
        return merchants.select_related("application")

    def row(self, resource: Merchant) -> Mapping[str, Any]:
        return {
            "url": self._form_of(resource),
            "cells": [
                resource.display_name,
                resource.processor,
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"breadcrumbs": [("Transfers", reverse("payments:transfers")), ("New sale", "")]}

    def _form_of(self, merchant: Merchant) -> str:
        source = self.request.GET.get("source")
        address = reverse("payments:create-transfer", args=[merchant.public_id])
        return f"{address}?{urlencode({'source': source})}" if source else address


class CreateTransfer(Page):
    """The form of a sale, and the charge itself: `step` is `review`, `edit` or `charge`.

    A review has an address of its own, so that a step back in the browser after the charge leads to it, not to a form
    that wants to be sent again. It charges nothing; the same key in it charges nothing a second time.
    """

    permission = Permission.CREATE_TRANSFERS
    section = "transfers"
    template_name = "payments/sale_form.html"

    def get(self, request: HttpRequest, merchant: str) -> HttpResponse:
        is_review = request.GET.get("step") == "review"
        form = self._form(merchant, request.GET if is_review else None, named=request.GET.get("source", ""))
        return self._review(form) if is_review and form.is_valid() else self._show(form)

    def post(self, request: HttpRequest, merchant: str) -> HttpResponse:
        form = self._form(merchant, request.POST, named=request.POST.get("source", ""))
        step = request.POST.get("step")
        if not form.is_in_order or step == "edit":
            return self._show(form)
        if step == "charge" and form.is_valid():
            return self._charge(form)
        review = self._review(form)
        address = f"{request.path}?{urlencode({**form.sent, 'step': 'review'})}"
        return review if form.errors or len(address) > _LONGEST else HttpResponseRedirect(address)

    def _form(self, merchant: str, data: Any, *, named: str) -> SaleForm:
        """The form with the cards and currencies that there are. Raises NotVisible."""
        with transaction(by=self.actor):
            visible = Merchant.objects.visible_to(self.actor)
            row: Merchant = find(visible.select_related("application", "enabled_processor"), merchant)
            cards = self._cards(row, named)
        currencies = row.enabled_processor.application_config.get("default_currencies") or ["USD"]
        chosen = named if cards and cards[0].public_id == named else ""
        initial = {"key": new_key(), "source": chosen}
        return SaleForm(data, merchant=row, cards=cards, currencies=currencies, initial=initial)

    def _cards(self, merchant: Merchant, named: str) -> list[PaymentInstrument]:
        """The newest cards that can be charged; the named one, if it is one of them, stands first."""
        cards = PaymentInstrument.objects.visible_to(self.actor).filter(
            application_id=merchant.application_id, type=PaymentInstrument.Type.PAYMENT_CARD, enabled=True
        )
        newest = list(cards.order_by("-created_at", "-id")[:OFFERED])
        try:
            chosen = find(cards, named) if named else None
        except NotVisible:
            chosen = None
        return [chosen, *(card for card in newest if card.pk != chosen.pk)] if chosen else newest

    def _review(self, form: SaleForm) -> HttpResponse:
        """Say what will happen, once nothing speaks against it."""
        body = form.body
        try:
            with transaction(by=self.actor):
                admission = self._admitted(form)
                card = PaymentInstrument.objects.visible_to(self.actor).get(pk=body["source"])
        except DomainError as error:
            form.refuse(error)
            return self._show(form)
        amount, currency, fee = body["amount"], body["currency"], body.get("fee", 0)
        shares = [("Fee", money(fee, currency)), ("Left for the merchant", money(amount - fee, currency))]
        facts = [
            ("Amount", money(amount, currency)),
            *(shares if fee else []),
            ("Card", card.display_name),
            ("Holder", card.name),
            ("Statement descriptor", body.get("statement_descriptor") or admission.statement_descriptor),
            *body.get("tags", {}).items(),
        ]
        context = {"form": form, "card": card, "body": body, "facts": facts, "is_batched": admission.is_batched}
        return self.show({**self._frame(form), **context}, template="payments/sale_review.html")

    def _admitted(self, form: SaleForm) -> Admission:
        """What the sale needs to know; the form asks for the card's security code where the sale needs that too."""
        body = form.body
        ask = partial(
            admit, merchant_id=body["merchant"], source_id=body["source"], currency=body["currency"], by=self.actor
        )
        try:
            return ask()
        except SecurityCodeNeeded:
            if SECURITY_CODE not in form.fields:
                raise
            form.ask_for_code()
            return ask(has_security_code=True)

    def _charge(self, form: SaleForm) -> HttpResponse:
        key = form.cleaned_data["key"]
        try:
            transfer = once(
                OPERATION, key=key, told=form.body, do=partial(self._sell, form), made=self._made, by=self.actor
            )
        except SentBefore:
            return self._ask_again(form, key)
        except DomainError as error:
            form.refuse(error)
            return self._review(form) if form.is_in_order else self._show(form)
        return HttpResponseRedirect(reverse("payments:transfer", args=[transfer.public_id]))

    def _sell(self, form: SaleForm) -> Transfer:
        body = form.body
        transfer = services.create_sale(
            merchant_id=body["merchant"],
            source_id=body["source"],
            amount=body["amount"],
            currency=body["currency"],
            fee=body.get("fee", 0),
            statement_descriptor=body.get("statement_descriptor"),
            security_code=form.code,
            tags=body.get("tags"),
            by=self.actor,
            at=timezone.now(),
        )
        if transfer.state == Transfer.State.SUCCEEDED:
            messages.success(self.request, f"The card was charged for {form.merchant.display_name}.")
        return transfer

    def _made(self, key: uuid.UUID) -> Transfer | None:
        """What the same form made when it was sent first."""
        transfer = Transfer.objects.visible_to(self.actor).filter(pk=key).first()
        if transfer is not None:
            messages.info(self.request, "The form was sent twice. Nothing was charged a second time.")
        return transfer

    def _ask_again(self, form: SaleForm, key: str) -> HttpResponse:
        """The form made a sale before, with other values, as after a step back in the browser: show which."""
        with transaction(by=self.actor):
            kept = IdempotencyKey.objects.filter(
                application_id=form.merchant.application_id, operation=OPERATION, key=key
            )
            first = kept.values_list("resource_id", flat=True).first()
        renew(form, new_key())
        form.add_error(None, _SENT_BEFORE)
        first_id = ids.public_id(Transfer.PREFIX, first) if first else ""
        return self._show(form, first_id=first_id)

    def _show(self, form: SaleForm, **more: Any) -> HttpResponse:
        merchant = form.merchant
        context = {
            **self._frame(form),
            "form": form,
            "has_cards": len(form.fields["source"].choices) > 1,  # type: ignore[attr-defined]  # of a ChoiceField
            "obstacle": obstacle_to_sales(merchant),
            "application_identities_url": reverse(
                "onboarding:application-identities", args=[merchant.application.public_id]
            ),
        }
        return self.show(context | more)

    def _frame(self, form: SaleForm) -> dict[str, Any]:
        return {
            "merchant": form.merchant,
            "is_live": settings.IS_LIVE,
            "cancel_url": reverse("payments:transfers"),
            "breadcrumbs": [
                ("Transfers", reverse("payments:transfers")),
                ("New sale", reverse("payments:choose-merchant")),
                (form.merchant.display_name, ""),
            ],
        }
