"""Lists of payment instruments: all of them, and the tab of an identity where they are added (WF-2)."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding import services
from onboarding.forms.instruments import BankAccountForm, CardForm
from onboarding.models import Identity, PaymentInstrument
from onboarding.portal.exports import INSTRUMENTS
from onboarding.portal.facts import expiry
from onboarding.portal.filters import InstrumentPanel
from onboarding.portal.identities import identity_frame
from onboarding.portal.lists import TenantList
from onboarding.portal.once import SentBefore, new_key, once, renew
from portal import step_up
from portal.design.states import badge
from portal.design.values import moment
from portal.views import ListPage
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from tenancy.models import Processor
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

_BANK_ACCOUNT, _CARD = "bank-account", "card"
_FORMS: Mapping[str, type[BankAccountForm | CardForm]] = {_BANK_ACCOUNT: BankAccountForm, _CARD: CardForm}


class InstrumentList(TenantList):
    """Cards and bank accounts, of merchants and of those who pay them."""

    permission = Permission.VIEW_INSTRUMENTS
    section = "payment-instruments"
    template_name = "onboarding/instrument_list.html"
    filter_class = InstrumentPanel
    search_field = "q"
    listing = INSTRUMENTS
    noun = ("payment instrument", "payment instruments")
    columns: ClassVar = [
        {"label": "Instrument"},
        {"label": "Identity"},
        {"label": "State"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Created", "css": "shrink"},
    ]

    def visible(self) -> QuerySet[PaymentInstrument]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        return PaymentInstrument.objects.visible_to(self.actor).prefetch_related("application", "identity")

    def row(self, resource: PaymentInstrument) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:payment-instrument", args=[resource.public_id]),
            "cells": [
                resource.display_name,
                resource.identity.display_name,
                badge(resource.enabled),
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"lead": _LEADS[self.actor.role]}


class IdentityInstruments(ListPage):
    """The PAYMENT INSTRUMENTS tab of an identity, with a form for a bank account and, in a sandbox, for a card."""

    permission = Permission.VIEW_INSTRUMENTS
    section = "identities"
    template_name = "onboarding/identity_instruments.html"
    filter_class = InstrumentPanel
    search_field = "q"
    noun = ("payment instrument", "payment instruments")
    columns: ClassVar = [
        {"label": "Instrument"},
        {"label": "Holder"},
        {"label": "Details"},
        {"label": "State"},
        {"label": "Created", "css": "shrink"},
    ]

    identity: Identity
    refused: BankAccountForm | CardForm | None = None

    def get(self, request: HttpRequest, **path: Any) -> HttpResponse:
        may_create = self.actor.may(Permission.CREATE_INSTRUMENTS)
        if may_create and request.GET.get("add") == _BANK_ACCOUNT and step_up.is_due(request):
            return step_up.ask(request.get_full_path())
        return super().get(request, **path)

    def visible(self) -> QuerySet[PaymentInstrument]:
        self.identity = self._identity()
        return PaymentInstrument.objects.visible_to(self.actor).filter(identity=self.identity)

    def row(self, resource: PaymentInstrument) -> Mapping[str, Any]:
        details = f"Expires {expiry(resource)}" if resource.is_card else resource.get_account_type_display()
        return {
            "url": reverse("onboarding:payment-instrument", args=[resource.public_id]),
            "cells": [
                resource.display_name,
                resource.name,
                details,
                badge(resource.enabled),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        may_create = self.actor.may(Permission.CREATE_INSTRUMENTS)
        return {
            **identity_frame(self.actor, self.identity, "PAYMENT INSTRUMENTS", "Payment instruments"),
            "may_create": may_create,
            "lacks_processor": may_create and not self._has_processor(),
            "may_open_processors": self.actor.may(Permission.VIEW_PROCESSORS),
            "bank_account_form": self._form(_BANK_ACCOUNT),
            "card_form": None if settings.IS_LIVE else self._form(_CARD),
            "is_proved": not step_up.is_due(self.request),
            "adding_bank_account": self.request.GET.get("add") == _BANK_ACCOUNT,
            "adding_card": self.request.GET.get("add") == _CARD,
        }

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.CREATE_INSTRUMENTS)
        with transaction(by=self.actor):
            identity = self._identity()
        kind = request.GET.get("add", "")
        if kind not in _FORMS or (kind == _CARD and settings.IS_LIVE):
            raise NotVisible(kind)
        if kind == _BANK_ACCOUNT and step_up.is_due(request):  # asked before what was typed is looked at, or kept
            messages.warning(request, "More than five minutes have passed. Nothing was added yet.")
            return step_up.ask(request.get_full_path())
        now = identity.application.business_time(timezone.now())
        form = _FORMS[kind](request.POST, identity=identity, now=now, key="")
        if form.is_valid() and self._is_added(form):
            return HttpResponseRedirect(reverse("onboarding:identity-instruments", args=[pk]))
        self.refused = form
        return self.get(request)

    def _is_added(self, form: BankAccountForm | CardForm) -> bool:
        try:
            once(
                "portal add instrument",
                key=form.cleaned_data["key"],
                told=form.body,
                do=lambda: self._add(form),
                made=self._made,
                by=self.actor,
            )
        except (SentBefore, services.InstrumentRefused) as error:
            renew(form, new_key())  # what was refused may be sent again, corrected or not
            form.refuse(error)
        except DomainError as error:
            form.refuse(error)
        return not form.errors

    def _add(self, form: BankAccountForm | CardForm) -> PaymentInstrument:
        instrument = services.create_payment_instrument(values=form.body, by=self.actor, at=timezone.now())
        messages.success(self.request, f"{instrument.display_name} was added to {form.identity.display_name}.")
        return instrument

    def _made(self, key: uuid.UUID) -> PaymentInstrument | None:
        if refusal := services.refusal_of(key, by=self.actor):
            raise refusal
        return PaymentInstrument.objects.visible_to(self.actor).filter(pk=key).first()

    def _form(self, kind: str) -> BankAccountForm | CardForm:
        """The one that was just refused, else a new one."""
        form_class = _FORMS[kind]
        if isinstance(self.refused, form_class):
            return self.refused
        now = self.identity.application.business_time(timezone.now())
        return form_class(identity=self.identity, now=now, key=new_key())

    def _identity(self) -> Identity:
        identities = Identity.objects.visible_to(self.actor).select_related("application")
        found: Identity = find(identities, self.kwargs["pk"])
        return found

    def _has_processor(self) -> bool:
        processors = Processor.objects.visible_to(self.actor)
        return processors.filter(application=self.identity.application_id, enabled=True).exists()


_LEADS = {
    Role.ADMIN: "The cards that pay and the bank accounts that are paid out to, as their last four digits.",
    Role.PLATFORM: "The cards that pay and the bank accounts that are paid out to, as their last four digits.",
    Role.PARTNER: "The cards and bank accounts of your merchants and buyers, as their last four digits.",
    Role.MERCHANT: "The bank accounts and cards of your business, as their last four digits.",
}
