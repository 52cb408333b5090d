"""Pages of API keys: those of one application, and all of them under SYSTEM."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timeuntil

from onboarding.filters import ApiUserFilter
from onboarding.forms.applications import PlatformUserForm
from onboarding.portal.applications import ApplicationPage, application_frame
from portal import step_up
from portal.design.states import badge
from portal.design.values import id_chip, moment
from portal.handover import hand_over, take_over
from portal.timeline import timeline_of
from portal.views import ListPage, Page
from resources.errors import ChangedMeanwhile
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import ApiUser
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

OVERLAPS = (
    (0, "Ends now"),
    (3_600, "Opens for an hour more"),
    (86_400, "Opens for a day more"),
    (604_800, "Opens for seven days more"),
)
"""For how long the old secret of a rotated key still opens, in seconds."""


class ApiUserList(ListPage):
    """Every API key that one may see."""

    permission = Permission.VIEW_API_USERS
    section = "api-users"
    template_name = "onboarding/api_user_list.html"
    filter_class = ApiUserFilter
    noun = ("API key", "API keys")
    columns: ClassVar = [
        {"label": "User id"},
        {"label": "Role"},
        {"label": "Application"},
        {"label": "State"},
        {"label": "Last used", "css": "shrink"},
        {"label": "Created", "css": "shrink cell-extra"},
    ]

    def visible(self) -> QuerySet[ApiUser]:
        return ApiUser.objects.visible_to(self.actor).select_related("application")

    def row(self, resource: ApiUser) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:api-user", args=[resource.public_id]),
            "cells": [
                resource.public_id,
                Role(resource.role).label,
                resource.application.name if resource.application else None,
                badge(resource.enabled),
                moment(resource.last_used_at),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {"may_create": self.actor.may(Permission.CREATE_PLATFORM_USERS)}


class ApplicationUsers(ApiUserList):
    """The API KEYS tab of an application."""

    section = "applications"
    template_name = "onboarding/application_users.html"
    columns: ClassVar = [
        {"label": "User id"},
        {"label": "Role"},
        {"label": "State"},
        {"label": "Last used", "css": "shrink"},
        {"label": "Created", "css": "shrink cell-extra"},
    ]

    def visible(self) -> QuerySet[ApiUser]:
        self.tenant = tenancy.find_application(self.kwargs["pk"], by=self.actor)
        return ApiUser.objects.visible_to(self.actor).filter(application=self.tenant)

    def row(self, resource: ApiUser) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:api-user", args=[resource.public_id]),
            "cells": [
                resource.public_id,
                Role(resource.role).label,
                badge(resource.enabled),
                moment(resource.last_used_at),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        frame = application_frame(self.actor, self.tenant, "API KEYS", "API keys")
        return {**frame, "may_create": self.actor.may(Permission.CREATE_API_USERS)}


class CreateApplicationUser(ApplicationPage):
    """One more key for an application, shown on the next page."""

    permission = Permission.CREATE_API_USERS
    tab = "API KEYS"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Where one lands who signed in again, or proved who they are, before the POST; the button is in the list."""
        del request
        return HttpResponseRedirect(reverse("onboarding:application-users", args=[pk]))

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        with transaction(by=self.actor):
            application = self.application(pk)
        user, secret = tenancy.create_api_user(
            role=Role.PARTNER,
            application=application,
            identity_id=application.owner_id,
            by=self.actor,
            at=timezone.now(),
        )
        hand_over(request, user.public_id, secret)
        return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[user.public_id]))


class CreatePlatformUser(Page):
    """A key for a program of the platform itself, shown once."""

    permission = Permission.CREATE_PLATFORM_USERS
    section = "api-users"
    template_name = "onboarding/platform_user_form.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        return step_up.ask(request.path) if step_up.is_due(request) else self._show(PlatformUserForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        form = PlatformUserForm(request.POST)
        if not form.is_valid():
            return self._show(form)
        role = Role(form.cleaned_data["role"])
        user, secret = tenancy.create_api_user(role=role, by=self.actor, at=timezone.now())
        hand_over(request, user.public_id, secret)
        return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[user.public_id]))

    def _show(self, form: PlatformUserForm) -> HttpResponse:
        return self.show({"form": form, "breadcrumbs": [("API keys", reverse("onboarding:api-users")), ("New", "")]})


class ApiUserSecret(Page):
    """The secret of a key that was made just now. Whoever comes again finds the key's page."""

    permission = Permission.VIEW_API_USERS
    section = "api-users"
    template_name = "onboarding/api_user_created.html"
    http_method_names = ["get"]  # a HEAD would take the secret and show it to nobody

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        with transaction(by=self.actor):
            user = find(ApiUser.objects.visible_to(self.actor).select_related("application"), pk)
        page = reverse("onboarding:api-user", args=[user.public_id])
        secret = take_over(request, user.public_id)
        if secret is None:
            return HttpResponseRedirect(page)
        return self.show(
            {
                "user": user,
                "secret": secret.reveal(),
                "heading": "The new secret is ready" if user.previous_secret_until else "The API key is ready",
                "previous_until": user.previous_secret_until,
                "done_url": page,
                "done_label": "I have copied it",
                "breadcrumbs": [("API keys", reverse("onboarding:api-users")), (user.public_id, page), ("Secret", "")],
            }
        )


class ApiUserPage(Page):
    """One API key: whose it is, its history, the switch, and a new secret in place of the old one."""

    permission = Permission.VIEW_API_USERS
    section = "api-users"
    template_name = "onboarding/api_user_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        is_due, confirm = step_up.is_due(request), request.GET.get("confirm")
        if is_due and confirm == "rotate":
            return step_up.ask(request.get_full_path())
        with transaction(by=self.actor):
            user = self._find(pk)
            timeline = timeline_of(user, by=self.actor)
        now = timezone.now()
        return self.show(
            {
                **{
                    f"confirms_{act}": confirm == act.replace("_", "-") for act in ("disable", "rotate", "end_previous")
                },
                "is_proved": not is_due,
                "overlaps": OVERLAPS,
                "previous_until": user.previous_secret_until if user.has_previous_secret(now) else None,
                "previous_left": _left(user.previous_secret_until, now),
                "user": user,
                "facts": [
                    ("User id", id_chip(user.public_id)),
                    ("Role", Role(user.role).label),
                    ("Application", user.application.name if user.application else None),
                    ("State", badge(user.enabled)),
                    ("Last used", moment(user.last_used_at)),
                    ("Created", moment(user.created_at)),
                ],
                "timeline": timeline,
                "may_manage": self._may_manage(user),
                "breadcrumbs": [("API keys", reverse("onboarding:api-users")), (user.public_id, "")],
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Switch the key on or off, give it a new secret, or end the old one."""
        act = request.POST.get("act")
        if act == "rotate" and step_up.is_due(request):
            return step_up.ask(f"{request.path}?confirm=rotate")
        with transaction(by=self.actor):
            user = self._find(pk)
        if act == "rotate":
            return self._rotate(request, user)
        if act == "end-previous":
            return self._end_previous(request, user)
        enabled = request.POST.get("enabled") == "true"
        try:
            tenancy.update_api_user(user=user, values={"enabled": enabled}, by=self.actor, at=timezone.now())
        except tenancy.CannotDisableItself as error:
            messages.error(request, str(error))
        else:
            done = "is let in again" if enabled else "is no longer let in, from the next request on"
            messages.success(request, f"{user.public_id} {done}.")
        return HttpResponseRedirect(request.path)

    def _rotate(self, request: HttpRequest, user: ApiUser) -> HttpResponse:
        chosen = next((seconds for seconds, _ in OVERLAPS if str(seconds) == request.POST.get("overlap")), None)
        if chosen is None:
            messages.error(request, "Choose for how long the old secret still opens.")
            return HttpResponseRedirect(f"{request.path}?confirm=rotate")
        overlap = timedelta(seconds=chosen)
        version = request.POST.get("version")  # sent twice, it would end at once the secret that is to open for a while
        try:
            user, secret = tenancy.rotate_api_user(
                user=user, overlap=overlap, version=version, by=self.actor, at=timezone.now()
            )
        except ChangedMeanwhile as error:
            messages.warning(request, str(error))
            return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[user.public_id]))
        hand_over(request, user.public_id, secret)
        return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[user.public_id]))

    def _end_previous(self, request: HttpRequest, user: ApiUser) -> HttpResponse:
        try:
            tenancy.end_previous_secret(user=user, by=self.actor, at=timezone.now())
        except tenancy.NoPreviousSecret as error:
            messages.error(request, str(error))
        else:
            messages.success(request, "The old secret opens nothing any more.")
        return HttpResponseRedirect(request.path)

    def _find(self, pk: str) -> ApiUser:
        found: ApiUser = find(ApiUser.objects.visible_to(self.actor).select_related("application"), pk)
        return found

    def _may_manage(self, user: ApiUser) -> bool:
        if user.role in Role.of_the_platform() and not self.actor.may(Permission.CREATE_PLATFORM_USERS):
            return False
        return self.actor.may(Permission.MANAGE_API_USERS)


def _left(until: datetime | None, now: datetime) -> str:
    """How long a secret still opens: 23 hours, 59 minutes."""
    if until is None or until <= now:
        return ""
    return timeuntil(until, now).replace("\xa0", " ") if until - now >= timedelta(minutes=1) else "less than a minute"
