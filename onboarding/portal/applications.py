"""Pages of applications: list, one application by tabs, a new one, its settings."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from api.errors import field_errors
from onboarding import services
from onboarding.filters import ApplicationFilter
from onboarding.forms.applications import ApplicationForm, ApplicationSettingsForm
from onboarding.hosted.sample import sample_page
from onboarding.models import Identity
from onboarding.portal.actions import actions_for
from onboarding.portal.facts import application_facts
from onboarding.portal.identities import IdentityList, kind_tag, titled
from onboarding.portal.once import FIELD, new_key, once, renew_after
from onboarding.portal.open_forms import SHOWN, open_forms
from onboarding.serializers.applications import ApplicationDocument
from onboarding.serializers.identities import IdentityInput
from portal.design.states import badge
from portal.design.values import email_address, moment
from portal.handover import hand_over
from portal.timeline import timeline_of
from portal.views import ListPage, Page
from resources.errors import ChangedMeanwhile, DomainError
from tenancy import services as tenancy
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application
from tenancy.roles import Permission
from tenancy.transactions import transaction


class ApplicationPage(Page):
    """The base of pages about one application: who it is, its tabs, its place."""

    permission = Permission.VIEW_PROCESSORS
    section = "applications"
    tab: ClassVar[str]

    def application(self, public_id: str) -> Application:
        """Call it in a transaction. Raises NotVisible."""
        return tenancy.find_application(public_id, by=self.actor)

    def frame(self, application: Application, *here: str) -> dict[str, Any]:
        return application_frame(self.actor, application, self.tab, *here)


class ApplicationList(ListPage):
    """All tenants that one may see."""

    permission = Permission.VIEW_PROCESSORS
    section = "applications"
    template_name = "onboarding/application_list.html"
    filter_class = ApplicationFilter
    search_field = "name"
    noun = ("application", "applications")
    columns: ClassVar = [
        {"label": "Name"},
        {"label": "Processing", "css": "cell-wide"},
        {"label": "Settlements", "css": "cell-wide"},
        {"label": "API access"},
        {"label": "Created", "css": "shrink"},
    ]

    def visible(self) -> QuerySet[Application]:
        return Application.objects.visible_to(self.actor).tenants()

    def row(self, resource: Application) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:application", args=[resource.public_id]),
            "cells": [
                resource.name,
                badge(resource.processing_enabled),
                badge(resource.settlement_enabled),
                badge(resource.enabled),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"may_create": self.actor.may(Permission.MANAGE_APPLICATIONS)}


class ApplicationOverview(ApplicationPage):
    """Settings, owner, history and document of an application."""

    tab = "OVERVIEW"
    template_name = "onboarding/application_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
            owner = Identity.objects.visible_to(self.actor).filter(pk__in=[application.owner_id]).first()
            document = ApplicationDocument(context={"request": request}).to_representation(application)
            timeline = timeline_of(application, by=self.actor)
        return self.show(
            {
                **self.frame(application),
                "facts": application_facts(application),
                "owner": owner,
                "timeline": timeline,
                "sample": sample_page(application, request),
                "document": document,
                "actions": actions_for(application, self.actor),
                "may_manage": self.actor.may(Permission.MANAGE_APPLICATIONS),
            }
        )


class ApplicationIdentities(IdentityList):
    """The IDENTITIES tab."""

    permission = Permission.VIEW_PROCESSORS  # as the page it belongs to
    section = "applications"
    template_name = "onboarding/application_identities.html"
    columns: ClassVar = [
        {"label": "Name", "css": "cell-name"},
        {"label": "Kind"},
        {"label": "E-mail"},
        {"label": "Created", "css": "shrink"},
    ]

    def visible(self) -> QuerySet[Identity]:
        self.tenant = tenancy.find_application(self.kwargs["pk"], by=self.actor)
        visible = Identity.objects.visible_to(self.actor).filter(application=self.tenant)
        return visible.select_related("application").prefetch_related("associated_with")

    def narrowed_by(self) -> Mapping[str, str]:
        return {"application_id": self.tenant.public_id}

    def row(self, resource: Identity) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:identity", args=[resource.public_id]),
            "cells": [titled(resource), kind_tag(resource), email_address(resource.email), moment(resource.created_at)],
        }

    def context(self) -> dict[str, Any]:
        frame = application_frame(self.actor, self.tenant, "IDENTITIES", "Identities")
        may_create = self.actor.may(Permission.MANAGE_IDENTITIES)
        forms = open_forms(self.tenant, by=self.actor) if may_create else []
        return {
            **frame,
            "may_create": may_create,
            "open_forms": forms[:SHOWN],
            "has_more_forms": len(forms) > SHOWN,
        }


class CreateApplication(Page):
    """A new tenant with its owner's API key, which is shown once."""

    permission = Permission.MANAGE_APPLICATIONS
    section = "applications"
    template_name = "onboarding/application_form.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        del request
        return self._show(ApplicationForm(initial={FIELD: new_key()}))

    def post(self, request: HttpRequest) -> HttpResponse:
        form = ApplicationForm(request.POST)
        told = self._told(form) if form.is_valid() else None
        if told is None:
            return self._show(form)
        try:
            owner = once(
                "portal create application",
                key=form.cleaned_data[FIELD],
                told=told,
                do=lambda: self._found(told),
                made=self._made,
                by=self.actor,
            )
        except DomainError as error:
            renew_after(form, error)
            form.add_error(None, str(error))
            return self._show(form)
        return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[owner.public_id]))

    def _found(self, entity: Mapping[str, Any]) -> ApiUser:
        application, owner, secret = services.found_application(entity=entity, by=self.actor, at=timezone.now())
        messages.success(self.request, f"{application.name} was created. This is its owner's API key.")
        hand_over(self.request, owner.public_id, secret)
        return owner

    def _made(self, key: uuid.UUID) -> ApiUser | None:
        """Whose key was made with the application."""
        return ApiUser.objects.visible_to(self.actor).filter(application=key).order_by("created_at", "id").first()

    def _told(self, form: ApplicationForm) -> Mapping[str, Any] | None:
        """What the form says, as the API would take it; None where that refuses."""
        told = {name: value for name, value in form.cleaned_data.items() if value and name != FIELD}
        body = IdentityInput(data={"entity": told})
        try:
            body.is_valid(raise_exception=True)
        except ValidationError as error:
            for refusal in field_errors(error.detail):
                form.add_error(refusal.field.removeprefix("entity."), str(refusal))
            return None
        entity: Mapping[str, Any] = body.validated_data["entity"]
        return entity

    def _show(self, form: ApplicationForm) -> HttpResponse:
        breadcrumbs = [("Applications", reverse("onboarding:applications")), ("New", "")]
        return self.show({"form": form, "breadcrumbs": breadcrumbs})


class EditApplication(ApplicationPage):
    """Switch processing, settlement and API access; say what a card must bring."""

    permission = Permission.MANAGE_APPLICATIONS
    tab = "OVERVIEW"
    template_name = "onboarding/application_settings.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            application = self.application(pk)
        return self._show(application, ApplicationSettingsForm.of(application))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            application = self.application(pk)
        form = ApplicationSettingsForm.of(application, request.POST)
        if not form.is_valid():
            return self._show(application, form)
        try:
            tenancy.update_application(
                application=application,
                values=form.values(),
                version=request.POST.get("version", ""),
                by=self.actor,
                at=timezone.now(),
            )
        except ChangedMeanwhile as error:
            form.add_error(None, str(error))
            return self._show(application, form)
        messages.success(request, "The settings were saved.")
        return HttpResponseRedirect(reverse("onboarding:application", args=[application.public_id]))

    def _show(self, application: Application, form: ApplicationSettingsForm) -> HttpResponse:
        return self.show(
            {
                **self.frame(application, "Settings"),
                "form": form,
                "version": self.request.POST.get("version") or application.version,
                "switches": [form[name] for name in form.SWITCHES],
                "rules": [field for field in form if field.name not in form.SWITCHES],
                "cancel_url": reverse("onboarding:application", args=[application.public_id]),
            },
        )


def application_frame(actor: Actor, application: Application, current: str, *here: str) -> dict[str, Any]:
    """Heading, tabs and breadcrumbs of a page about an application."""
    page = reverse("onboarding:application", args=[application.public_id])
    tabs = [
        ("OVERVIEW", "onboarding:application", Permission.VIEW_PROCESSORS),
        ("IDENTITIES", "onboarding:application-identities", Permission.VIEW_IDENTITIES),
        ("PROCESSORS", "onboarding:application-processors", Permission.VIEW_PROCESSORS),
        ("FEE AND RISK PROFILE", "onboarding:application-profile", Permission.VIEW_PROFILES),
        ("API KEYS", "onboarding:application-users", Permission.VIEW_API_USERS),
    ]
    breadcrumbs = [("Applications", reverse("onboarding:applications")), (application.name, page if here else "")]
    return {
        "application": application,
        "tabs": [
            {"label": label, "url": reverse(name, args=[application.public_id]), "is_current": label == current}
            for label, name, permission in tabs
            if actor.may(permission)
        ],
        "breadcrumbs": [*breadcrumbs, *((label, "") for label in here)],
    }
