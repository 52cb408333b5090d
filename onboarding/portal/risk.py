"""Risk profiles: an application's FEE AND RISK PROFILE tab (WF-9), and what holds for one merchant."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.forms.risk import MerchantRiskForm, RiskForm
from onboarding.models import Merchant
from onboarding.portal.applications import ApplicationPage
from onboarding.portal.facts import merchant_title, risk_facts
from onboarding.portal.merchants import find_merchant, merchant_trail
from onboarding.portal.standing import has_own_risk_profile, risk_profile_of
from portal.timeline import timeline_of
from portal.views import Page
from resources.errors import ChangedMeanwhile
from tenancy import services as tenancy
from tenancy.actors import Actor
from tenancy.models import Application, ApplicationProfile, MerchantProfile, RiskProfile
from tenancy.roles import Permission
from tenancy.transactions import transaction

_NAMED = 10
"""How many merchants with a risk profile of their own are named."""


class ApplicationRisk(ApplicationPage):
    """Which failed card checks an application lets through, for all merchants without a risk profile of their own."""

    permission = Permission.VIEW_PROFILES
    tab = "FEE AND RISK PROFILE"
    template_name = "onboarding/application_profile.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(pk, None)

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        self.actor.require(Permission.MANAGE_PROFILES)
        with transaction(by=self.actor):
            application = self.application(pk)
            profile = _of(application, by=self.actor)
        form = RiskForm.of(profile, request.POST)
        if not form.is_valid():
            return self._show(pk, form)
        try:
            tenancy.update_risk_profile(
                profile=profile,
                values=form.values,
                version=request.POST.get("version", ""),
                by=self.actor,
                at=timezone.now(),
            )
        except ChangedMeanwhile as error:
            form.add_error(None, str(error))
            return self._show(pk, form)
        messages.success(request, f"The risk profile of {application.name} was saved. It holds from the next sale on.")
        return HttpResponseRedirect(request.path)

    def _show(self, pk: str, form: RiskForm | None) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
            profile = _of(application, by=self.actor)
            own = MerchantProfile.objects.visible_to(self.actor).filter(risk_profile__isnull=False)
            merchants = Merchant.objects.visible_to(self.actor).filter(application=application)
            found = merchants.filter(merchant_profile__in=own).select_related("identity")
            apart = list(found.order_by("-created_at", "-id")[: _NAMED + 1])
            timeline = timeline_of(profile, by=self.actor)
        return self.show(
            {
                **self.frame(application, "Fee and risk profile"),
                "risk_profile": profile,
                "facts": risk_facts(profile),
                "apart": [
                    {"title": merchant_title(row), "url": reverse("onboarding:merchant", args=[row.public_id])}
                    for row in apart[:_NAMED]
                ],
                "has_more_apart": len(apart) > _NAMED,
                "timeline": timeline,
                "may_edit": self.actor.may(Permission.MANAGE_PROFILES),
                "form": form or RiskForm.of(profile),
                "version": self.request.POST.get("version") or profile.version,
                "is_open": form is not None or "edit" in self.request.GET,
            }
        )


class EditMerchantRisk(Page):
    """Whether a merchant has a risk profile of its own, and what it lets through then."""

    permission = Permission.MANAGE_PROFILES
    section = "merchants"
    template_name = "onboarding/merchant_risk.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            profile = risk_profile_of(merchant, by=self.actor)
        return self._show(merchant, MerchantRiskForm.of_merchant(profile, is_own=has_own_risk_profile(merchant)))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            merchant = find_merchant(self, pk)
            profile = risk_profile_of(merchant, by=self.actor)
        form = MerchantRiskForm.of_merchant(profile, is_own=has_own_risk_profile(merchant), data=request.POST)
        if not form.is_valid():
            return self._show(merchant, form)
        try:
            self._save(merchant.merchant_profile, form)
        except ChangedMeanwhile as error:
            form.add_error(None, str(error))
            return self._show(merchant, form)
        whose = "a risk profile of its own" if form.is_own else "its application's risk profile"
        messages.success(request, f"{merchant_title(merchant)} now has {whose}. It holds from the next sale on.")
        return HttpResponseRedirect(reverse("onboarding:merchant", args=[merchant.public_id]))

    def _save(self, profile: MerchantProfile, form: MerchantRiskForm) -> None:
        version, at = self.request.POST.get("version", ""), timezone.now()
        if form.is_own:
            tenancy.give_own_risk_profile(profile=profile, values=form.values, version=version, by=self.actor, at=at)
        else:
            tenancy.update_profile(
                profile=profile, values={"risk_profile": None}, version=version, by=self.actor, at=at
            )

    def _show(self, merchant: Merchant, form: MerchantRiskForm) -> HttpResponse:
        return self.show(
            {
                "merchant": merchant,
                "title": merchant_title(merchant),
                "form": form,
                "version": self.request.POST.get("version") or merchant.merchant_profile.version,
                "cancel_url": reverse("onboarding:merchant", args=[merchant.public_id]),
                "breadcrumbs": merchant_trail(merchant, "Risk profile"),
            }
        )


def _of(application: Application, *, by: Actor) -> RiskProfile:
    profiles = ApplicationProfile.objects.visible_to(by).select_related("risk_profile")
    return profiles.get(application=application).risk_profile
