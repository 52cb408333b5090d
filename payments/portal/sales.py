"""A sale by hand: whose it is, what is charged or held, a look at what will happen, and then the act."""

import uuid
from collections.abc import Callable, Mapping
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
from payments.forms.amounts import amount_in_words
from payments.forms.sales import CHARGE, HOLD, SECURITY_CODE, SaleForm
from payments.models import HOLD_LASTS, Authorization, Transfer
from payments.portal.authorization_facts import page_of as page_of_authorization
from payments.portal.facts import paying
from payments.portal.selling import able_to_sell, obstacle_to_sales
from payments.portal.transfer_facts import page_of as page_of_transfer
from payments.services.admission import Admission, Purpose, SecurityCodeNeeded, admit, takes_bank_debits
from portal.design.values import moment, money
from portal.views import Page
from resources import ids
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from tenancy.models.processors import currencies_of
from tenancy.roles import Permission
from tenancy.transactions import transaction

OPERATION = "portal new sale"
OFFERED = 50
"""How many of the application's newest cards and accounts one chooses from; any other is named by its id."""

_LONGEST = 2000  # an address that every browser and server takes; many tags make a longer one

_SENT_BEFORE = (
    "This form was sent before with other values, and that was done. Nothing was charged or held now. Look at the "
    "first one, and send this once more if it is to be done as well."
)
_NOT_TWICE = {
    CHARGE: "The form was sent twice. Nothing was charged a second time.",
    HOLD: "The form was sent twice. Nothing was held a second time.",
}
_PAGES = {Transfer.KIND: ("payments:transfer", Transfer), Authorization.KIND: ("payments:authorization", Authorization)}
_COLUMNS = (
    {"label": "Merchant"},
    {"label": "Processor"},
    {"label": "Application"},
    {"label": "Created", "css": "shrink"},
)


class ChooseMerchant(TenantList):
    """Whose sale it is. `?merchant=` goes on to its form, and so does the only merchant.

    `?source=` names the card, and `?purpose=hold` is passed on as well.
    """

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
        told = {name: value for name in ("source", "purpose") if (value := self.request.GET.get(name))}
        address = reverse("payments:create-transfer", args=[merchant.public_id])
        return f"{address}?{urlencode(told)}" if told else address


class CreateTransfer(Page):
    """The form of a sale, and the act itself: `step` is `review`, `edit`, or what was chosen, `charge` or `hold`.

    A review has an address of its own, so that a step back in the browser after the act leads to it, not to a form
    that wants to be sent again. It does nothing; the same key in it does nothing a second time.
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
        if step == form.act and form.is_valid():
            return self._act(form)
        review = self._review(form)
        address = f"{request.path}?{urlencode({**form.sent, 'step': 'review'})}"
        return review if form.errors or len(address) > _LONGEST else HttpResponseRedirect(address)

    def _form(self, merchant: str, data: Any, *, named: str) -> SaleForm:
        """The form with the instruments and currencies that there are. Raises NotVisible."""
        with transaction(by=self.actor):
            visible = Merchant.objects.visible_to(self.actor)
            row: Merchant = find(visible.select_related("application", "enabled_processor"), merchant)
            config = row.enabled_processor.application_config
            cards, accounts = self._cards(row), self._accounts(row) if takes_bank_debits(config) else None
            chosen = self._chosen(row, named, debits_bank_accounts=accounts is not None)
        if chosen is not None and (beside := cards if chosen.is_card else accounts) is not None:
            beside[:] = [chosen, *(other for other in beside if other.pk != chosen.pk)]
        purpose = HOLD if self.request.GET.get("purpose") == HOLD else CHARGE
        return SaleForm(
            data,
            merchant=row,
            cards=cards,
            accounts=accounts,
            currencies=currencies_of(config),
            initial={"key": new_key(), "source": chosen.public_id if chosen else "", "purpose": purpose},
        )

    def _able(self, merchant: Merchant, *types: PaymentInstrument.Type) -> QuerySet[PaymentInstrument]:
        """What can be charged of these types, newest first."""
        able = PaymentInstrument.objects.visible_to(self.actor).filter(
            application_id=merchant.application_id, type__in=types, enabled=True
        )
        return able.order_by("-created_at", "-id")

    def _cards(self, merchant: Merchant) -> list[PaymentInstrument]:
        return list(self._able(merchant, PaymentInstrument.Type.PAYMENT_CARD)[:OFFERED])

    def _accounts(self, merchant: Merchant) -> list[PaymentInstrument]:
        """Accounts of buyers: those that merchants are paid out to are charged by their id only."""
        newest = list(self._able(merchant, PaymentInstrument.Type.BANK_ACCOUNT)[: 2 * OFFERED])
        owners = {account.identity_id for account in newest}
        merchants = Merchant.objects.visible_to(self.actor).filter(identity_id__in=owners)
        paid_out = set(merchants.values_list("identity_id", flat=True))
        return [account for account in newest if account.identity_id not in paid_out][:OFFERED]

    def _chosen(self, merchant: Merchant, named: str, *, debits_bank_accounts: bool) -> PaymentInstrument | None:
        """The instrument that an address or a form names, if it can be charged."""
        types = [PaymentInstrument.Type.PAYMENT_CARD]
        types += [PaymentInstrument.Type.BANK_ACCOUNT] if debits_bank_accounts else []
        try:
            return find(self._able(merchant, *types), named) if named else None
        except NotVisible:
            return None

    def _review(self, form: SaleForm) -> HttpResponse:
        """Say what will happen, once nothing speaks against it."""
        body = form.body
        try:
            with transaction(by=self.actor):
                admission = self._admitted(form)
                instrument = PaymentInstrument.objects.visible_to(self.actor).get(pk=body["source"])
        except DomainError as error:
            form.refuse(error)
            return self._show(form)
        amount, currency, fee = body["amount"], body["currency"], body.get("fee", 0)
        until = admission.business_time(timezone.now()) + HOLD_LASTS
        shares = [("Fee", money(fee, currency)), ("Left for the merchant", money(amount - fee, currency))]
        facts = [
            ("Amount", money(amount, currency)),
            *(shares if fee else []),
            ("Card" if instrument.is_card else "Bank account", instrument.display_name),
            ("Holder", instrument.name),
            *([("Held until", moment(until))] if form.is_hold else []),
            ("Statement descriptor", body.get("statement_descriptor") or admission.statement_descriptor),
            *body.get("tags", {}).items(),
        ]
        told = amount_in_words(amount, currency)
        context = {
            "form": form,
            "instrument": instrument,
            "amount": told,
            "facts": facts,
            "is_hold": form.is_hold,
            "step": form.act,
            "card_title": "Hold" if form.is_hold else "Sale",
            "until": until,
            "is_batched": admission.is_batched,
            "verb": f"Hold {told}" if form.is_hold else f"Charge {told}",
        }
        return self.show({**self._frame(form), **context}, template="payments/sale_review.html")

    def _admitted(self, form: SaleForm) -> Admission:
        """What the sale needs to know; the form asks for the card's security code where the sale needs that too."""
        body = form.body
        ask = partial(
            admit,
            merchant_id=body["merchant"],
            instrument_id=body["source"],
            currency=body["currency"],
            purpose=Purpose.AUTHORIZATION if form.is_hold else Purpose.SALE,
            by=self.actor,
        )
        try:
            return ask()
        except SecurityCodeNeeded:
            if SECURITY_CODE not in form.fields:
                raise
            form.ask_for_code()
            return ask(has_security_code=True)

    def _act(self, form: SaleForm) -> HttpResponse:
        key = form.cleaned_data["key"]
        do: Callable[[], Transfer | Authorization] = partial(self._hold if form.is_hold else self._charge, form)
        told = {**form.body, "purpose": HOLD} if form.is_hold else form.body
        try:
            made = once(OPERATION, key=key, told=told, do=do, made=partial(self._made, form), by=self.actor)
        except SentBefore:
            return self._ask_again(form, key)
        except DomainError as error:
            form.refuse(error)
            return self._review(form) if form.is_in_order else self._show(form)
        return HttpResponseRedirect(
            page_of_authorization(made) if isinstance(made, Authorization) else page_of_transfer(made)
        )

    def _charge(self, form: SaleForm) -> Transfer:
        transfer = services.create_sale(**self._told(form))
        if transfer.has_succeeded:
            messages.success(self.request, f"The {paying(transfer)} was charged for {form.merchant.display_name}.")
        return transfer

    def _hold(self, form: SaleForm) -> Authorization:
        authorization = services.create_authorization(**self._told(form))
        if authorization.has_succeeded:
            told = amount_in_words(authorization.amount, authorization.currency)
            messages.success(self.request, f"{told} is held for {form.merchant.display_name}. Capture it to be paid.")
        return authorization

    def _told(self, form: SaleForm) -> dict[str, Any]:
        body = form.body
        return {
            "merchant_id": body["merchant"],
            "source_id": body["source"],
            "amount": body["amount"],
            "currency": body["currency"],
            "fee": body.get("fee", 0),
            "statement_descriptor": body.get("statement_descriptor"),
            "security_code": form.code,
            "tags": body.get("tags"),
            "by": self.actor,
            "at": timezone.now(),
        }

    def _made(self, form: SaleForm, key: uuid.UUID) -> Transfer | Authorization | None:
        """What the same form made when it was sent first."""
        model: type[Transfer | Authorization] = Authorization if form.is_hold else Transfer
        made = model.objects.visible_to(self.actor).filter(pk=key).first()
        if made is not None:
            messages.info(self.request, _NOT_TWICE[form.act])
        return made

    def _ask_again(self, form: SaleForm, key: str) -> HttpResponse:
        """The form was sent before, with other values, as after a step back in the browser: show what it made."""
        with transaction(by=self.actor):
            kept = IdempotencyKey.objects.filter(
                application_id=form.merchant.application_id, operation=OPERATION, key=key
            )
            first = kept.values_list("resource_kind", "resource_id").first()
        renew(form, new_key())
        form.add_error(None, _SENT_BEFORE)
        if first is None or first[1] is None:
            return self._show(form)
        page, model = _PAGES[first[0]]
        public_id = ids.public_id(model.PREFIX, first[1])
        return self._show(form, first_id=public_id, first_url=reverse(page, args=[public_id]))

    def _show(self, form: SaleForm, **more: Any) -> HttpResponse:
        merchant = form.merchant
        context = {
            **self._frame(form),
            "form": form,
            "has_instruments": len(form.fields["source"].choices) > 1,  # type: ignore[attr-defined]  # of a ChoiceField
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
