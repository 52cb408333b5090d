"""Pages of merchants: list, one merchant (WF-3, WF-4), and its settings (WF-6, WF-7)."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import Exists, OuterRef, QuerySet
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from onboarding import services
from onboarding.checklist import Situation
from onboarding.filters import MerchantSearch
from onboarding.forms.merchants import MerchantForm, VerificationForm
from onboarding.forms.risk import MerchantRiskForm
from onboarding.models import Merchant, ReviewItem, Verification
from onboarding.portal.actions import actions_for
from onboarding.portal.exports import MERCHANTS
from onboarding.portal.facts import (
    copy_facts,
    merchant_facts,
    merchant_title,
    processor_facts,
    risk_facts,
)
from onboarding.portal.following import following, mark_of, shows_already
from onboarding.portal.lists import TenantList
from onboarding.portal.once import new_key, once, renew_after
from onboarding.portal.standing import (
    has_own_risk_profile,
    held_among,
    instruments_of,
    processing_badge,
    readiness,
    readiness_in_short,
    review_url_of,
    risk_profile_of,
    settlements_badge,
)
from onboarding.portal.steps import label_of, steps_for
from onboarding.serializers.merchants import MerchantDocument
from onboarding.underwriting import RECEIVES_ONLY
from portal.attempts import attempt_entries
from portal.design.states import badge
from portal.design.values import moment
from portal.timeline import timeline_of
from portal.views import Page
from resources.errors import DomainError, FieldError, FieldErrors
from resources.lookup import find
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

_SHOWN = 20


class MerchantList(TenantList):
    """Identities as merchants of a processor."""

    permission = Permission.VIEW_MERCHANTS
    section = "merchants"
    template_name = "onboarding/merchant_list.html"
    filter_class = MerchantSearch
    search_field = "q"
    listing = MERCHANTS
    noun = ("merchant", "merchants")
    columns: ClassVar = [
        {"label": "Name"},
        {"label": "State", "css": "cell-lines"},
        {"label": "Processing", "css": "cell-wide"},
        {"label": "Settlements", "css": "cell-wide"},
        {"label": "Processor"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Created", "css": "shrink"},
    ]

    def visible(self) -> QuerySet[Merchant]:
        # Not joined: beside several policies a page of a long list would be found by sorting all of it.
        told = ("application", "identity", "enabled_processor")
        waiting = ReviewItem.objects.filter(
            application=OuterRef("application"),
            merchant=OuterRef("pk"),
            entity_type=ReviewItem.EntityType.MERCHANT,
            outcome__in=ReviewItem.Outcome.open(),
        )
        merchants = Merchant.objects.visible_to(self.actor).prefetch_related(*told)
        return merchants.annotate(is_held=Exists(waiting))

    def row(self, resource: Merchant) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:merchant", args=[resource.public_id]),
            "cells": [
                merchant_title(resource),
                _standing(resource),
                processing_badge(resource),
                settlements_badge(resource),
                resource.processor,
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {
            "lead": _LEADS[self.actor.role],
            "may_provision": self.actor.may(Permission.PROVISION_MERCHANTS),
            "may_create": self.actor.may(Permission.MANAGE_IDENTITIES),
        }


class MerchantPage(Page):
    """One merchant: whether it can take payments, its verifications, its settings; another verification by POST."""

    permission = Permission.VIEW_MERCHANTS
    section = "merchants"
    template_name = "onboarding/merchant_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk, VerificationForm(initial={"key": new_key()}))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.PROVISION_MERCHANTS)
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
        form = VerificationForm(request.POST)
        if form.is_valid():
            try:
                once(
                    "portal create verification",
                    key=form.cleaned_data["key"],
                    told=[merchant.public_id],
                    do=lambda: self._verify(merchant),
                    made=self._made,
                    by=self.actor,
                )
            except DomainError as error:
                refuse(form, error)
        if form.errors:
            return self._show(pk, form)
        return HttpResponseRedirect(reverse("onboarding:merchant", args=[merchant.public_id]))

    def _verify(self, merchant: Merchant) -> Verification:
        verification = services.verify_merchant(merchant=merchant, by=self.actor, at=timezone.now())
        text = f"A verification was created: {merchant.processor} is checking {merchant_title(merchant)}."
        messages.success(self.request, text)
        return verification

    def _made(self, key: uuid.UUID) -> Verification | None:
        return Verification.objects.visible_to(self.actor).filter(pk=key).first()

    def _show(self, pk: str, form: VerificationForm) -> HttpResponse:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            found = Verification.objects.visible_to(self.actor).filter(merchant=merchant)
            verifications = list(found.order_by("-created_at", "-id")[:_SHOWN])
            attempts = attempt_entries(merchant, self.actor, also=[row.pk for row in verifications])
            mark = mark_of(merchant, *verifications, attempts=attempts)
            if shows_already(self.request, mark):
                return HttpResponse(status=204)
            document = MerchantDocument(context={"request": self.request}).to_representation(merchant)
            timeline = timeline_of(merchant, by=self.actor)
            actions = actions_for(merchant, self.actor)
            has_card, has_bank_account = instruments_of(merchant.identity, by=self.actor)
            is_held = bool(held_among(verifications, by=self.actor))
            sells = merchant.processor != RECEIVES_ONLY
            open_share = services.open_share_of(merchant.identity, by=self.actor) if sells else 0
            may_see_profiles = sells and self.actor.may(Permission.VIEW_PROFILES)
            risk_profile = risk_profile_of(merchant, by=self.actor) if may_see_profiles else None
        is_moving = _moves(merchant, verifications) or any(entry["is_open"] for entry in attempts)
        return self.show(
            {
                "merchant": merchant,
                "title": merchant_title(merchant),
                "readiness": readiness(merchant, by=self.actor, is_held=is_held),
                "review_url": review_url_of(merchant) if is_held and self.actor.may(Permission.VIEW_REVIEWS) else "",
                "checklist": steps_for(
                    Situation(
                        merchant.identity,
                        merchant.application,
                        merchant,
                        verifications[0] if verifications else None,
                        has_bank_account=has_bank_account,
                        has_card=has_card,
                        is_held=is_held,
                        receives_only=merchant.processor == RECEIVES_ONLY,
                        open_share=open_share,
                    ),
                    self.actor,
                ),
                "lacks_bank_account": _is_unpayable(merchant, has_bank_account=has_bank_account),
                "risk_facts": risk_facts(risk_profile) if risk_profile else None,
                "has_own_risk_profile": has_own_risk_profile(merchant),
                "may_edit_risk": self.actor.may(Permission.MANAGE_PROFILES),
                "risk_form": MerchantRiskForm.of_merchant(risk_profile, is_own=has_own_risk_profile(merchant))
                if risk_profile
                else None,
                "verifications": verifications,
                "facts": merchant_facts(merchant),
                "processor_facts": processor_facts(merchant, has_details=self.actor.role != Role.MERCHANT),
                "copy": copy_facts(merchant),
                "shows_provider": self.actor.may(Permission.VIEW_PROVIDER_DATA),
                "attempts": attempts,
                "timeline": timeline,
                "actions": actions,
                "document": document,
                "following": following(self.request, mark, merchant.updated_at) if is_moving else None,
                "may_manage": self.actor.may(Permission.MANAGE_MERCHANTS),
                "may_verify": self.actor.may(Permission.PROVISION_MERCHANTS)
                and not any(row.state == Verification.State.PENDING for row in verifications),
                "may_open_application": self.actor.may(Permission.VIEW_PROCESSORS),
                "verification_form": form,
                "asks_verification": "confirm" in self.request.GET,
                "edit_form": MerchantForm.of(merchant),
                "breadcrumbs": merchant_trail(merchant),
            }
        )


class EditMerchant(Page):
    """Switches and settings of a merchant. What somebody else changed meanwhile is not overwritten."""

    permission = Permission.MANAGE_MERCHANTS
    section = "merchants"
    template_name = "onboarding/merchant_form.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
        return self._show(merchant, MerchantForm.of(merchant))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
        title = merchant_title(merchant)
        form = MerchantForm.of(merchant, request.POST)
        if form.is_valid():
            try:
                services.update_merchant(
                    merchant=merchant,
                    values=form.body,
                    version=request.POST.get("version", ""),
                    by=self.actor,
                    at=timezone.now(),
                )
            except DomainError as error:
                form.add_error(None, str(error))
        if form.errors:
            return self._show(merchant, form)
        messages.success(request, _what_holds_now(form.body, title))
        return HttpResponseRedirect(reverse("onboarding:merchant", args=[merchant.public_id]))

    def _show(self, merchant: Merchant, form: MerchantForm) -> HttpResponse:
        return self.show(
            {
                "merchant": merchant,
                "title": merchant_title(merchant),
                "form": form,
                "version": self.request.POST.get("version") or merchant.version,
                "cancel_url": reverse("onboarding:merchant", args=[merchant.public_id]),
                "breadcrumbs": merchant_trail(merchant, "Edit"),
            }
        )


def find_merchant(page: Page, pk: str) -> Merchant:
    """The merchant with all that its pages tell joined; call it in a transaction. Raises NotVisible."""
    visible = Merchant.objects.visible_to(page.actor)
    joined = ("application", "identity", "enabled_processor", "merchant_profile__risk_profile")
    found: Merchant = find(visible.select_related(*joined), pk)
    return found


def merchant_trail(merchant: Merchant, *here: str) -> list[tuple[str, str]]:
    """Breadcrumbs that lead over the identity's id, as documented."""
    page = reverse("onboarding:merchant", args=[merchant.public_id])
    return [
        ("Merchants", reverse("onboarding:merchants")),
        (merchant.identity.public_id, reverse("onboarding:identity", args=[merchant.identity.public_id])),
        (merchant_title(merchant), page if here else ""),
        *((label, "") for label in here),
    ]


def refuse(form: BaseForm, error: DomainError) -> None:
    """Say on a form that was to act on a merchant why it did not."""
    renew_after(form, error)
    for sentence in in_words(error):
        form.add_error(None, sentence)


def in_words(error: DomainError) -> list[str]:
    """A refusal as sentences; members of the identity by the names of its form."""
    if isinstance(error, FieldErrors):
        return [sentence for single in error.errors for sentence in in_words(single)]
    if isinstance(error, FieldError) and error.field.startswith("entity."):
        return [f"{label_of_field(error.field)}: the processor needs it. Edit the identity first."]
    return [str(error)]


def label_of_field(field: str) -> str:
    """What the underwriting form calls the member that a refusal names."""
    return label_of(field.removeprefix("entity."))


_LEADS = {
    Role.ADMIN: "Businesses that processors have approved to take payments, or are still checking.",
    Role.PLATFORM: "Businesses that processors have approved to take payments, or are still checking.",
    Role.PARTNER: "The businesses of your application that take payments, and those still being checked.",
    Role.MERCHANT: "Your business at each processor: whether it may take payments, and whether it is paid out.",
}


def _moves(merchant: Merchant, verifications: Sequence[Verification]) -> bool:
    is_provisioning = merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING
    return is_provisioning or any(row.state == Verification.State.PENDING for row in verifications)


def _is_unpayable(merchant: Merchant, *, has_bank_account: bool) -> bool:
    """Whether an approved merchant earns what cannot be paid out."""
    is_approved = merchant.onboarding_state == Merchant.OnboardingState.APPROVED
    return is_approved and merchant.processor != RECEIVES_ONLY and not has_bank_account


def _standing(merchant: Any) -> SafeString:
    """Its state, and below whether it takes payments; `is_held` is annotated."""
    line = readiness_in_short(merchant, is_held=merchant.is_held)
    return format_html("{}<small>{}</small>", badge(merchant.onboarding_state), line)


def _what_holds_now(changes: Mapping[str, Any], name: str) -> str:
    """The switches that were moved, by name and new state."""
    moved = [
        f"{label} {'are' if label == 'Settlements' else 'is'} now {'enabled' if changes[switch] else 'disabled'}"
        for switch, label in (("processing_enabled", "Processing"), ("settlement_enabled", "Settlements"))
        if switch in changes
    ]
    if not moved:
        return f"The settings of {name} were saved."
    return f"{' and '.join([moved[0], *(part.lower() for part in moved[1:])])} for {name}."
