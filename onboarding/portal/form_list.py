"""All forms of an application that are not submitted yet."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import OuterRef, QuerySet, Subquery
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html

from events.models import Event
from onboarding.filters import OpenFormSearch
from onboarding.models import OnboardingForm
from onboarding.portal.applications import application_frame
from onboarding.portal.open_forms import link_state, name_of, progress_of
from portal.design.states import badge
from portal.design.values import moment
from portal.views import ListPage
from tenancy import services as tenancy
from tenancy.roles import Permission

_LAST_EVENT = Event.objects.filter(application_id=OuterRef("application_id"), resource_id=OuterRef("pk")).order_by(
    "-sequence"
)


class OpenForms(ListPage):
    """Behind the few that the IDENTITIES tab shows."""

    permission = Permission.MANAGE_IDENTITIES
    section = "applications"
    template_name = "onboarding/form_list.html"
    filter_class = OpenFormSearch
    search_field = "q"
    noun = ("open form", "open forms")
    columns: ClassVar = [
        {"label": "Merchant"},
        {"label": "Filled in", "css": "cell-labelled"},
        {"label": "Last saved", "css": "cell-labelled"},
        {"label": "Link", "css": "cell-labelled"},
    ]

    def visible(self) -> QuerySet[OnboardingForm]:
        self.now = timezone.now()
        self.tenant = tenancy.find_application(self.kwargs["pk"], by=self.actor)
        visible = OnboardingForm.objects.visible_to(self.actor).filter(application=self.tenant).open()
        return visible.annotate(saved_by=Subquery(_LAST_EVENT.values("author_name")[:1]))

    def row(self, resource: Any) -> Mapping[str, Any]:
        link = link_state(resource, self.now)
        links = {
            "open": format_html("Until {}", moment(resource.link_expires_at)),
            "expired": badge("EXPIRED"),
        }
        author = resource.saved_by or resource.made_by_name
        by = format_html(' <span class="faint">by {}</span>', author) if author else ""
        return {
            "url": reverse("onboarding:onboarding-form", args=[resource.public_id]),
            "cells": [
                name_of(resource),
                progress_of(resource),
                format_html("<span>{}{}</span>", moment(resource.updated_at), by),
                links.get(link),
            ],
        }

    def context(self) -> dict[str, Any]:
        frame = application_frame(self.actor, self.tenant, "IDENTITIES", "Identities", "Open forms")
        identities = reverse("onboarding:application-identities", args=[self.tenant.public_id])
        frame["breadcrumbs"][-2] = ("Identities", identities)
        return frame
