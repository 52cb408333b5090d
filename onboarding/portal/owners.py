"""The BENEFICIAL OWNERS tab of a business: who owns a share of it besides the principal, and the form for one more."""

import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone

from onboarding import services
from onboarding.forms.identities import OwnerForm
from onboarding.forms.saved import AT_HOME
from onboarding.models import Identity
from onboarding.portal.identities import identity_frame
from onboarding.portal.once import FIELD, key_after, new_key, once
from onboarding.underwriting import about_open_share, open_share
from portal.design.states import tag
from portal.views import Page
from resources.errors import DomainError, NotVisible
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import transaction

TAB = "BENEFICIAL OWNERS"


class IdentityOwners(Page):
    """Principal and owners with their shares, and what of the business nobody told yet."""

    permission = Permission.VIEW_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_owners.html"
    columns: ClassVar = [
        {"label": "Name"},
        {"label": "Role"},
        {"label": "Title"},
        {"label": "Share", "css": "end shrink"},
        {"label": "Date of birth"},
        {"label": "Tax id"},
    ]

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        with transaction(by=self.actor):
            business = find_business(self.actor, pk)
            owners = list(services.owners_of(business, by=self.actor).order_by("created_at", "id"))
        may_edit = self.actor.may(Permission.MANAGE_IDENTITIES)
        shares = [owner.principal_percentage_ownership or 0 for owner in owners]
        principal = business.principal_percentage_ownership or 0
        open_percent = open_share(
            principal=business.principal_percentage_ownership,
            owned=sum(shares),
            business_type=business.business_type,
            ownership_type=business.ownership_type,
        )
        return self.show(
            {
                **identity_frame(self.actor, business, TAB, "Beneficial owners"),
                "columns": self.columns,
                "rows": [_principal_row(business), *map(_row, owners)],
                "has_owners": bool(owners),
                "principal": principal,
                "owned": sum(shares),
                "untold": max(100 - principal - sum(shares), 0),
                "about_owners": about_open_share(open_percent) if open_percent else "",
                "may_edit": may_edit,
                "may_add": may_edit and len(owners) < services.MOST_OWNERS,
            }
        )


class CreateOwner(Page):
    """The form for an owner of a business."""

    permission = Permission.MANAGE_IDENTITIES
    section = "identities"
    template_name = "onboarding/identity_form.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        del request
        return self._show(self._business(pk), OwnerForm(initial=AT_HOME), new_key())

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        business = self._business(pk)
        form, key = OwnerForm(request.POST), request.POST.get(FIELD, "")
        if form.is_valid():
            try:
                owner = once(
                    "portal add owner",
                    key=key,
                    told=[business.public_id, form.body],
                    do=lambda: self._add(business, form.body),
                    made=self._made,
                    by=self.actor,
                )
            except DomainError as error:
                key = key_after(error, key)
                form.refuse(error)
            else:
                messages.success(request, f"{owner.display_name} is now an owner of {business.display_name}.")
                return HttpResponseRedirect(reverse("onboarding:identity-owners", args=[business.public_id]))
        return self._show(business, form, key or new_key())

    def _add(self, business: Identity, body: Mapping[str, Any]) -> Identity:
        return services.create_associated_identity(
            business=business, entity=body["entity"], by=self.actor, at=timezone.now()
        )

    def _made(self, key: uuid.UUID) -> Identity | None:
        return Identity.objects.visible_to(self.actor).filter(pk=key).first()

    def _business(self, pk: str) -> Identity:
        with transaction(by=self.actor):
            return find_business(self.actor, pk)

    def _show(self, business: Identity, form: OwnerForm, key: str) -> HttpResponse:
        page = reverse("onboarding:identity", args=[business.public_id])
        owners = reverse("onboarding:identity-owners", args=[business.public_id])
        return self.show(
            {
                "form": form,
                "key": key,
                "heading": "Add owner",
                "act": "Add owner",
                "lead": f"Somebody who owns a share of {business.display_name} besides its principal.",
                "cancel_url": owners,
                "breadcrumbs": [
                    ("Identities", reverse("onboarding:identities")),
                    (business.display_name, page),
                    ("Beneficial owners", owners),
                    ("New", ""),
                ],
            }
        )


def find_business(actor: Actor, pk: str) -> Identity:
    """The identity of a merchant, with its application; call it in a transaction. Raises NotVisible."""
    found: Identity = find(Identity.objects.visible_to(actor).select_related("application"), pk)
    if not found.is_merchant:
        raise NotVisible(pk)
    return found


def _principal_row(business: Identity) -> dict[str, Any]:
    name = " ".join(part for part in (business.first_name, business.last_name) if part)
    return {"cells": _cells(business, name or "Principal", "Principal")}


def _row(owner: Identity) -> dict[str, Any]:
    return {
        "url": reverse("onboarding:identity", args=[owner.public_id]),
        "cells": _cells(owner, owner.display_name, "Owner"),
    }


def _cells(identity: Identity, name: str, role: str) -> list[Any]:
    share = identity.principal_percentage_ownership
    return [
        name,
        tag(role),
        identity.title,
        None if share is None else f"{share} %",
        "Provided" if identity.dob_provided else None,
        "Provided" if identity.tax_id_provided else None,
    ]
