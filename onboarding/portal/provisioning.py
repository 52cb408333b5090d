"""The PROCESSORS tab of an identity: the merchants it is, what each of them lacks, and a form to make it one more."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding import services
from onboarding.forms.merchants import ProvisionForm
from onboarding.models import Identity, Merchant
from onboarding.portal.identities import identity_frame, is_owner
from onboarding.portal.merchants import label_of_field, refuse
from onboarding.portal.once import new_key, once
from onboarding.portal.situations import merchants_of, situations_of
from onboarding.portal.standing import instruments_of, processing_badge, settlements_badge
from onboarding.portal.steps import steps_for
from onboarding.underwriting import RECEIVES_ONLY, lacking_for_underwriting
from portal.design.states import badge
from portal.design.values import moment
from portal.views import Page
from resources.errors import DomainError
from resources.lookup import find
from tenancy.models import Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction


class IdentityProcessors(Page):
    """The PROCESSORS tab of an identity: the merchants it is, and a form to make it one."""

    permission = Permission.VIEW_MERCHANTS
    section = "identities"
    template_name = "onboarding/identity_processors.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk, None)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.PROVISION_MERCHANTS)
        with transaction(by=self.actor):
            identity = self._identity(pk)
            processors = self._processors(identity)
        form = ProvisionForm.among(processors, key="", data=request.POST)
        if not form.is_valid():
            return self._show(pk, form)
        name = form.cleaned_data["processor"]
        try:
            merchant = once(
                "portal provision merchant",
                key=form.cleaned_data["key"],
                told=[identity.public_id, name],
                do=lambda: self._provision(identity, name),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            refuse(form, error)
            return self._show(pk, form)
        return HttpResponseRedirect(reverse("onboarding:merchant", args=[merchant.public_id]))

    def _provision(self, identity: Identity, processor: str) -> Merchant:
        merchant = services.provision_merchant(identity=identity, processor=processor, by=self.actor, at=timezone.now())
        name = identity.display_name
        if merchant.onboarding_state == Merchant.OnboardingState.APPROVED:
            messages.success(self.request, f"{name} is approved at {processor} and can take payments.")
        elif merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
            messages.warning(self.request, f"{processor} rejected {name}. The verification says why.")
        else:
            messages.info(self.request, f"{name} was sent to {processor}, which is checking it.")
        return merchant

    def _made(self, key: uuid.UUID) -> Merchant | None:
        return Merchant.objects.visible_to(self.actor).filter(pk=key).first()

    def _show(self, pk: str, form: ProvisionForm | None) -> HttpResponse:
        may_provision = self.actor.may(Permission.PROVISION_MERCHANTS)
        with transaction(by=self.actor):
            identity = self._identity(pk)
            merchants = merchants_of(identity, by=self.actor)
            enabled = self._processors(identity) if may_provision else []
            processors = _open_to(identity, enabled)
            has_card, has_bank_account = instruments_of(identity, by=self.actor)
            situations = situations_of(
                identity,
                merchants,
                has_card=has_card,
                has_bank_account=has_bank_account,
                by=self.actor,
                is_offered=bool(processors),
            )
        lacking = [label_of_field(error.field) for error in lacking_for_underwriting(identity)]
        lacks_bank_account = identity.application.bank_account_required and not has_bank_account
        ready = [
            name
            for name in processors
            if (has_card if name == RECEIVES_ONLY else not lacking and not lacks_bank_account)
        ]
        taken = {merchant.processor for merchant in merchants}
        offered = [name for name in ready if name not in taken] or ready
        return self.show(
            {
                **identity_frame(self.actor, identity, "PROCESSORS", "Processors"),
                "columns": _COLUMNS,
                "rows": [_row(merchant) for merchant in merchants],
                "may_provision": may_provision,
                "may_edit": self.actor.may(Permission.MANAGE_IDENTITIES),
                "may_enable": self.actor.may(Permission.MANAGE_PROCESSORS),
                "has_processor": bool(enabled),
                "processors": processors,
                "taken": [name for name in ready if name in taken],
                "is_owner": is_owner(identity),
                "lacking": lacking if any(name != RECEIVES_ONLY for name in processors) else [],
                "lacks_card": RECEIVES_ONLY in processors and not has_card,
                "lacks_bank_account": lacks_bank_account and any(name != RECEIVES_ONLY for name in processors),
                "checklists": [steps_for(situation, self.actor) for situation in situations],
                "is_ready": bool(ready),
                "form": form or ProvisionForm.among(offered, key=new_key()),
                "is_open": form is not None or "provision" in self.request.GET,
            }
        )

    def _identity(self, pk: str) -> Identity:
        found: Identity = find(Identity.objects.visible_to(self.actor).select_related("application"), pk)
        return found

    def _processors(self, identity: Identity) -> list[str]:
        """Where an identity of this application can be onboarded; call it in a transaction."""
        enabled = Processor.objects.visible_to(self.actor).filter(application=identity.application_id, enabled=True)
        return list(enabled.order_by("created_at", "id").values_list("processor", flat=True))


_COLUMNS = [
    {"label": "Merchant ID"},
    {"label": "Processor"},
    {"label": "State"},
    {"label": "Processing"},
    {"label": "Settlements"},
    {"label": "MID"},
    {"label": "Created", "css": "shrink"},
]


def _open_to(identity: Identity, processors: Sequence[str]) -> list[str]:
    """Those that can take the identity at all: who told of no business can only be paid out to."""
    return [name for name in processors if identity.is_merchant or name == RECEIVES_ONLY]


def _row(merchant: Merchant) -> dict[str, Any]:
    return {
        "url": reverse("onboarding:merchant", args=[merchant.public_id]),
        "cells": [
            merchant.public_id,
            merchant.processor,
            badge(merchant.onboarding_state),
            processing_badge(merchant),
            settlements_badge(merchant),
            merchant.mid,
            moment(merchant.created_at),
        ],
    }
