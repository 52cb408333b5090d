"""Inviting a merchant to fill in its own form: the expiring link is made here, and shown once."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding.forms.invitations import InvitationForm
from onboarding.models import OnboardingForm
from onboarding.portal.applications import ApplicationPage
from onboarding.services import forms as saved
from portal.handover import hand_over, take_over
from portal.views import Page
from resources import ids
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction


class InviteMerchant(ApplicationPage):
    """Make a form for a merchant to fill in itself, and its link, which is shown once."""

    permission = Permission.MANAGE_IDENTITIES
    tab = "IDENTITIES"
    template_name = "onboarding/invitation_new.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        key = ids.public_id(OnboardingForm.PREFIX, ids.new_id())
        return self._show(pk, InvitationForm(initial={"key": key}))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
        form = InvitationForm(request.POST)
        if not form.is_valid():
            return self._show(pk, form)
        try:
            key = OnboardingForm.parse_id(form.cleaned_data["key"])
            row, token = saved.invite_merchant(
                key=key,
                application_id=application.pk,
                name=form.cleaned_data["name"],
                lives=form.lives,
                by=self.actor,
                at=timezone.now(),
            )
        except ids.MalformedId:
            form.add_error(None, "Open this page again, then send the form.")
            return self._show(pk, form)
        except saved.InvitedBefore as error:
            messages.info(request, str(error))
            return HttpResponseRedirect(reverse("onboarding:onboarding-form", args=[form.cleaned_data["key"]]))
        hand_over(request, row.public_id, token)
        return HttpResponseRedirect(reverse("onboarding:onboarding-link", args=[row.public_id]))

    def _show(self, pk: str, form: InvitationForm) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
            has_processor = _has_processor(application, self.actor)
        return self.show(
            {
                **self.frame(application, "Invite a merchant"),
                "form": form,
                "lacks_processor": not has_processor,
                "may_open_processors": self.actor.may(Permission.VIEW_PROCESSORS),
                "cancel_url": reverse("onboarding:application-identities", args=[pk]),
            }
        )


class LinkPage(Page):
    """The link that was just made, once."""

    permission = Permission.MANAGE_IDENTITIES
    section = "applications"
    template_name = "onboarding/invitation_link.html"
    http_method_names = ["get"]  # a HEAD would take the link and show it to nobody

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            visible = OnboardingForm.objects.visible_to(self.actor).select_related("application")
            row: OnboardingForm = find(visible, pk)
        token = take_over(request, row.public_id)
        form_page = reverse("onboarding:onboarding-form", args=[pk])
        if token is None:
            messages.info(request, "A link is shown once. Make a new one if you no longer have it.")
            return HttpResponseRedirect(form_page)
        link = request.build_absolute_uri(reverse("onboarding:join", args=[token.reveal()]))
        identities = reverse("onboarding:application-identities", args=[row.application.public_id])
        return self.show(
            {
                "row": row,
                "link": link,
                "form_url": form_page,
                "done_url": identities,
                "breadcrumbs": [
                    ("Applications", reverse("onboarding:applications")),
                    (row.application.name, reverse("onboarding:application", args=[row.application.public_id])),
                    ("Identities", identities),
                    ("Link", ""),
                ],
            }
        )


def _has_processor(application: Application, by: Actor) -> bool:
    return Processor.objects.visible_to(by).filter(application=application, enabled=True).exists()
