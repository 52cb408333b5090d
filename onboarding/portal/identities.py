"""Pages of identities: list, one identity by tabs, and the underwriting form (WF-1)."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join

from onboarding import services
from onboarding.checklist import Situation
from onboarding.filters import ApplicationFilter, IdentitySearch
from onboarding.forms.identities import BuyerIdentityForm, MerchantIdentityForm, OwnerForm
from onboarding.models import Identity
from onboarding.portal.exports import IDENTITIES
from onboarding.portal.facts import identity_facts
from onboarding.portal.lists import TenantList
from onboarding.portal.situations import merchants_of, newest_merchants_of, refusals_of, situations_of
from onboarding.portal.standing import instruments_of
from onboarding.portal.steps import steps_for
from onboarding.serializers.identities import IdentityDocument
from portal.design.states import badge, tag
from portal.design.values import email_address, moment
from portal.timeline import timeline_of
from portal.views import ListPage, Page
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction


class IdentityList(TenantList):
    """Everybody known: merchants and buyers."""

    permission = Permission.VIEW_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_list.html"
    filter_class = IdentitySearch
    search_field = "q"
    listing = IDENTITIES
    noun = ("identity", "identities")
    columns: ClassVar = [
        {"label": "Name", "css": "cell-name"},
        {"label": "Kind"},
        {"label": "E-mail"},
        {"label": "Application", "css": "shrink cell-extra"},
        {"label": "Created", "css": "shrink cell-wide"},
    ]

    def visible(self) -> QuerySet[Identity]:
        # Not joined: beside two policies a page of a long list would be found by sorting all of it.
        return Identity.objects.visible_to(self.actor).prefetch_related("application", "associated_with")

    def row(self, resource: Identity) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:identity", args=[resource.public_id]),
            "cells": [
                titled(resource),
                kind_and_state(resource),
                email_address(resource.email),
                resource.application.name,
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"lead": _LEADS[self.actor.role], "may_create": self.actor.may(Permission.MANAGE_IDENTITIES)}


class IdentityPage(Page):
    """The OVERVIEW tab of an identity: its facts, its history, its document."""

    permission = Permission.VIEW_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            visible = Identity.objects.visible_to(self.actor).select_related("application", "associated_with")
            identity = find(visible, pk)
            services.attach_birth_dates([identity])
            document = IdentityDocument(context={"request": request}).to_representation(identity)
            timeline = timeline_of(identity, by=self.actor)
            situations = self._situations(identity)
        if document["entity"]["dob"] is not None:
            document["entity"]["dob"] = "provided"
        return self.show(
            {
                **identity_frame(self.actor, identity, "OVERVIEW"),
                "facts": identity_facts(identity),
                "timeline": timeline,
                "document": document,
                "checklists": [steps_for(situation, self.actor) for situation in situations],
                "may_edit": self.actor.may(Permission.MANAGE_IDENTITIES),
                "may_add_bank_account": self.actor.may(Permission.CREATE_INSTRUMENTS)
                and identity.associated_with_id is None,
            }
        )

    def _situations(self, identity: Identity) -> list[Situation]:
        """Where it stands at each processor; of buyers and owners nothing. Call it in a transaction."""
        if identity.associated_with_id is not None:
            return []
        merchants = merchants_of(identity, by=self.actor)
        if not (merchants or identity.is_merchant):
            return []
        has_card, has_bank_account = instruments_of(identity, by=self.actor)
        return situations_of(identity, merchants, has_card=has_card, has_bank_account=has_bank_account, by=self.actor)


class ChooseApplication(ListPage):
    """Where new ones belong. Who sees one application only is taken to its page (`leads_to`) at once."""

    permission = Permission.MANAGE_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_application.html"
    leads_to = "onboarding:create-identity"
    heading = "New identity"
    trail = ("Identities", "onboarding:identities", "New")
    filter_class = ApplicationFilter
    search_field = "name"
    noun = ("application", "applications")
    columns: ClassVar = [{"label": "Name"}, {"label": "Created", "css": "shrink"}]

    def get(self, request: HttpRequest, **options: Any) -> HttpResponse:
        with transaction(by=self.actor):
            found = list(self.visible()[:2])
        return HttpResponseRedirect(self._page_of(found[0])) if len(found) == 1 else super().get(request, **options)

    def visible(self) -> QuerySet[Application]:
        return Application.objects.visible_to(self.actor).tenants()

    def row(self, resource: Application) -> Mapping[str, Any]:
        return {"url": self._page_of(resource), "cells": [resource.name, moment(resource.created_at)]}

    def context(self) -> dict[str, Any]:
        label, above, here = self.trail
        return {"heading": self.heading, "breadcrumbs": [(label, reverse(above)), (here, "")]}

    def _page_of(self, application: Application) -> str:
        return reverse(self.leads_to, args=[application.public_id])


class EditIdentity(Page):
    """Change an identity. What somebody else changed meanwhile is not overwritten."""

    permission = Permission.MANAGE_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_form.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        identity = self._identity(pk)
        return self._show(identity, self._form_class(identity)(identity=identity))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        identity = self._identity(pk)
        form = self._form_class(identity)(request.POST, identity=identity)
        if form.is_valid():
            try:
                services.update_identity(
                    identity=identity,
                    changes=form.body,
                    version=request.POST.get("version", ""),
                    by=self.actor,
                    at=timezone.now(),
                )
            except DomainError as error:
                form.refuse(error)
            else:
                messages.success(request, self._what_follows(identity))
                return HttpResponseRedirect(reverse("onboarding:identity", args=[identity.public_id]))
        return self._show(identity, form)

    def _identity(self, pk: str) -> Identity:
        with transaction(by=self.actor):
            found: Identity = find(Identity.objects.visible_to(self.actor), pk)
            return found

    def _what_follows(self, identity: Identity) -> str:
        """That it was saved; who has the former data at a processor is led to where that is told of the new."""
        with transaction(by=self.actor):
            merchants = newest_merchants_of(identity, by=self.actor)
        links = [
            (f"{page}?confirm=verification" if self.actor.may(Permission.PROVISION_MERCHANTS) else page, row.processor)
            for row in merchants
            for page in [reverse("onboarding:merchant", args=[row.public_id])]
        ]
        if not links:
            return "The changes were saved."
        return format_html(
            "The changes were saved. They reach a processor with a new verification: {}.",
            format_html_join(", ", '<a href="{}">Create Verification at {}</a>', links),
        )

    @staticmethod
    def _form_class(identity: Identity) -> type[MerchantIdentityForm | BuyerIdentityForm | OwnerForm]:
        if identity.associated_with_id is not None:
            return OwnerForm
        return MerchantIdentityForm if identity.is_merchant else BuyerIdentityForm

    def _show(self, identity: Identity, form: Any) -> HttpResponse:
        page = reverse("onboarding:identity", args=[identity.public_id])
        with transaction(by=self.actor):
            refusals = refusals_of(identity, by=self.actor)
        return self.show(
            {
                "form": form,
                "refusals": refusals,
                "heading": f"Edit {identity.display_name}",
                "lead": "Leave what should stay as it is; what is marked optional can wait.",
                "version": self.request.POST.get("version") or identity.version,
                "cancel_url": page,
                "breadcrumbs": [
                    ("Identities", reverse("onboarding:identities")),
                    (identity.display_name, page),
                    ("Edit", ""),
                ],
            },
        )


_LEADS = {
    Role.ADMIN: "The people and businesses on the platform: merchants, and the buyers who pay them.",
    Role.PLATFORM: "The people and businesses on the platform: merchants, and the buyers who pay them.",
    Role.PARTNER: "The merchants of your application, and the buyers who pay them.",
    Role.MERCHANT: "Your business as the platform knows it.",
}


def identity_frame(actor: Actor, identity: Identity, current: str, *here: str) -> dict[str, Any]:
    """Heading, tabs and breadcrumbs of a page about an identity, whose application is joined."""
    page = reverse("onboarding:identity", args=[identity.public_id])
    tabs = [
        ("OVERVIEW", "onboarding:identity", Permission.VIEW_IDENTITIES),
        ("PAYMENT INSTRUMENTS", "onboarding:identity-instruments", Permission.VIEW_INSTRUMENTS),
    ]
    if identity.is_merchant:
        tabs.append(("BENEFICIAL OWNERS", "onboarding:identity-owners", Permission.VIEW_IDENTITIES))
    if identity.associated_with_id is None:  # an owner is told to the processor with the business
        tabs.append(("PROCESSORS", "onboarding:identity-processors", Permission.VIEW_MERCHANTS))
    breadcrumbs = [("Identities", reverse("onboarding:identities")), (identity.display_name, page if here else "")]
    return {
        "identity": identity,
        "kind": kind_and_state(identity),
        "may_open_application": actor.may(Permission.VIEW_PROCESSORS),
        "tabs": [
            {"label": label, "url": reverse(name, args=[identity.public_id]), "is_current": label == current}
            for label, name, permission in tabs
            if actor.may(permission)
        ],
        "breadcrumbs": [*breadcrumbs, *((label, "") for label in here)],
    }


def titled(identity: Identity) -> str:
    """A name; below that of a beneficial owner whose owner it is."""
    if identity.associated_with is None:
        return identity.display_name
    return format_html("{}<small>of {}</small>", identity.display_name, identity.associated_with.display_name)


def kind_tag(identity: Identity) -> str:
    """What an identity is there for; its application is joined. A kind is no state, so it carries no sign."""
    if identity.is_merchant:
        return tag("Merchant")
    if identity.associated_with_id is not None:
        return tag("Beneficial owner")
    return tag("Owner" if is_owner(identity) else "Buyer")


def kind_and_state(identity: Identity) -> str:
    """Its kind, and of a business that waits to be sent to a processor that it does."""
    waits = [badge("WAITING", tone="warning", label="Not at a processor yet")] if identity.waits_to_be_sent else []
    parts = format_html_join("", "{}", ((part,) for part in [kind_tag(identity), *waits]))
    return format_html('<span class="row">{}</span>', parts) if waits else parts


def is_owner(identity: Identity) -> bool:
    """Whether it is the company behind the application, which is joined; told by name alone, so no merchant itself."""
    return not identity.is_merchant and identity.pk == identity.application.owner_id
