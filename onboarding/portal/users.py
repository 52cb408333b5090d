"""Pages of API keys: those of one application, and all of them under SYSTEM."""

import uuid
from abc import abstractmethod
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.timesince import timeuntil

from onboarding.filters import ApiUserFilter
from onboarding.forms.applications import ApiUserForm, ApiUserNameForm, PlatformUserForm
from onboarding.portal.applications import application_frame
from onboarding.portal.identities import ChooseApplication
from onboarding.portal.once import new_key, once, renew_after
from portal import step_up
from portal.design.states import badge
from portal.design.values import id_chip, moment
from portal.handover import hand_over, take_over
from portal.timeline import timeline_of
from portal.views import ListPage, Page
from resources.errors import ChangedMeanwhile, DomainError
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import ApiUser
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

OVERLAPS = (
    (0, "Ends now"),
    (3_600, "Works for another hour"),
    (86_400, "Works for another day"),
    (604_800, "Works for another seven days"),
)
"""For how long the old secret of a rotated key still works, in seconds."""


class ApiUserList(ListPage):
    """Every API key that one may see."""

    permission = Permission.VIEW_API_USERS
    section = "api-users"
    template_name = "onboarding/api_user_list.html"
    filter_class = ApiUserFilter
    noun = ("API key", "API keys")
    columns: ClassVar = [
        {"label": "Name", "css": "cell-name"},
        {"label": "Role"},
        {"label": "Application"},
        {"label": "State"},
        {"label": "Last used", "css": "shrink cell-labelled"},
        {"label": "Created", "css": "shrink cell-extra"},
    ]

    def visible(self) -> QuerySet[ApiUser]:
        return ApiUser.objects.visible_to(self.actor).select_related("application")

    def row(self, resource: ApiUser) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:api-user", args=[resource.public_id]),
            "cells": [
                _named(resource),
                Role(resource.role).label,
                resource.application.name if resource.application else None,
                badge(resource.enabled),
                moment(resource.last_used_at),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        return {
            "may_create": self.actor.may(Permission.CREATE_API_USERS),
            "may_create_platform": self.actor.may(Permission.CREATE_PLATFORM_USERS),
        }


class ApplicationUsers(ApiUserList):
    """The API KEYS tab of an application."""

    section = "applications"
    template_name = "onboarding/application_users.html"
    columns: ClassVar = [
        {"label": "Name", "css": "cell-name"},
        {"label": "Role"},
        {"label": "State"},
        {"label": "Last used", "css": "shrink cell-labelled"},
        {"label": "Created", "css": "shrink cell-extra"},
    ]

    def visible(self) -> QuerySet[ApiUser]:
        self.tenant = tenancy.find_application(self.kwargs["pk"], by=self.actor)
        return ApiUser.objects.visible_to(self.actor).filter(application=self.tenant)

    def row(self, resource: ApiUser) -> Mapping[str, Any]:
        return {
            "url": reverse("onboarding:api-user", args=[resource.public_id]),
            "cells": [
                _named(resource),
                Role(resource.role).label,
                badge(resource.enabled),
                moment(resource.last_used_at),
                moment(resource.created_at),
            ],
        }

    def context(self) -> dict[str, Any]:
        frame = application_frame(self.actor, self.tenant, "API KEYS", "API keys")
        return {**frame, "may_create": self.actor.may(Permission.CREATE_API_USERS)}


class ChooseKeyApplication(ChooseApplication):
    """Whose key is to be made."""

    permission = Permission.CREATE_API_USERS
    section = "api-users"
    leads_to = "onboarding:create-application-user"
    heading = "New API key"
    trail = ("API keys", "onboarding:api-users", "New")


class _CreateKey(Page):
    """Asks for a name and makes a key, once however often the form is sent. The next page shows its secret."""

    template_name = "onboarding/api_user_form.html"
    form_class: ClassVar[type[ApiUserForm]] = ApiUserForm

    def get(self, request: HttpRequest, **place: str) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        return self._show(self.form_class(initial={"key": new_key()}), **place)

    def post(self, request: HttpRequest, **place: str) -> HttpResponse:
        if step_up.is_due(request):
            return step_up.ask(request.path)
        form = self.form_class(request.POST)
        if form.is_valid():
            told = {name: value for name, value in form.cleaned_data.items() if name != "key"}
            try:
                user: ApiUser = once(
                    "portal create api key",
                    key=form.cleaned_data["key"],
                    told=[request.path, told],
                    do=lambda: self._make(told, **place),
                    made=self._made,
                    by=self.actor,
                )
            except DomainError as error:
                renew_after(form, error)
                form.add_error(None, str(error))
            else:
                return HttpResponseRedirect(reverse("onboarding:api-user-secret", args=[user.public_id]))
        return self._show(form, **place)

    @abstractmethod
    def values(self, told: Mapping[str, Any], **place: str) -> dict[str, Any]:
        """What the key is made with."""

    @abstractmethod
    def frame(self, **place: str) -> dict[str, Any]:
        """Heading, breadcrumbs and the way back of the form's page."""

    def _make(self, told: Mapping[str, Any], **place: str) -> ApiUser:
        values = self.values(told, **place)
        user, secret = tenancy.create_api_user(name=told["name"], by=self.actor, at=timezone.now(), **values)
        hand_over(self.request, user.public_id, secret)
        return user

    def _made(self, key: uuid.UUID) -> ApiUser | None:
        return ApiUser.objects.visible_to(self.actor).filter(pk=key).first()

    def _show(self, form: ApiUserForm, **place: str) -> HttpResponse:
        return self.show({**self.frame(**place), "form": form})


class CreateApplicationUser(_CreateKey):
    """One more key for an application."""

    permission = Permission.CREATE_API_USERS
    section = "applications"

    def values(self, told: Mapping[str, Any], **place: str) -> dict[str, Any]:
        del told
        with transaction(by=self.actor):
            application = tenancy.find_application(place["pk"], by=self.actor)
        return {"role": Role.PARTNER, "application": application, "identity_id": application.owner_id}

    def frame(self, **place: str) -> dict[str, Any]:
        with transaction(by=self.actor):
            application = tenancy.find_application(place["pk"], by=self.actor)
        keys = reverse("onboarding:application-users", args=[application.public_id])
        frame = application_frame(self.actor, application, "API KEYS", "New")
        return {
            "application": application,
            "heading": "New API key",
            "cancel_url": keys,
            "breadcrumbs": [*frame["breadcrumbs"][:-1], ("API keys", keys), ("New", "")],
        }


class CreatePlatformUser(_CreateKey):
    """A key for a program of the platform itself."""

    permission = Permission.CREATE_PLATFORM_USERS
    section = "api-users"
    form_class = PlatformUserForm

    def values(self, told: Mapping[str, Any], **place: str) -> dict[str, Any]:
        del place
        return {"role": Role(told["role"])}

    def frame(self, **place: str) -> dict[str, Any]:
        del place
        keys = reverse("onboarding:api-users")
        return {
            "heading": "New platform key",
            "cancel_url": keys,
            "breadcrumbs": [("API keys", keys), ("New platform key", "")],
        }


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
                "breadcrumbs": [
                    ("API keys", reverse("onboarding:api-users")),
                    (user.display_name, page),
                    ("Secret", ""),
                ],
            }
        )


class ApiUserPage(Page):
    """One API key: whose it is, its history, the switch, and a new secret in place of the old one."""

    permission = Permission.VIEW_API_USERS
    section = "api-users"
    template_name = "onboarding/api_user_detail.html"

    def get(self, request: HttpRequest, pk: str) -> HttpResponse:
        if step_up.is_due(request) and request.GET.get("confirm") == "rotate":
            return step_up.ask(request.get_full_path())
        return self._show(request, pk, request.GET.get("confirm"))

    def _show(self, request: HttpRequest, pk: str, confirm: str | None, rename_form: Any = None) -> HttpResponse:
        with transaction(by=self.actor):
            user = self._find(pk)
            timeline = timeline_of(user, by=self.actor)
        now = timezone.now()
        return self.show(
            {
                **{
                    f"confirms_{act}": confirm == act.replace("_", "-")
                    for act in ("disable", "rotate", "rename", "end_previous")
                },
                "rename_form": rename_form or ApiUserNameForm({"name": user.name} if user.name else None),
                "is_proved": not step_up.is_due(request),
                "overlaps": OVERLAPS,
                "previous_until": user.previous_secret_until if user.has_previous_secret(now) else None,
                "previous_left": _left(user.previous_secret_until, now),
                "user": user,
                "facts": [
                    ("Name", user.name),
                    ("User id", id_chip(user.public_id)),
                    ("Role", Role(user.role).label),
                    ("Application", user.application.name if user.application else None),
                    ("State", badge(user.enabled)),
                    ("Last used", moment(user.last_used_at)),
                    ("Created", moment(user.created_at)),
                ],
                "timeline": timeline,
                "may_manage": self._may_manage(user),
                "breadcrumbs": [("API keys", reverse("onboarding:api-users")), (user.display_name, "")],
            }
        )

    def post(self, request: HttpRequest, pk: str) -> HttpResponse:
        """Switch the key on or off, name it, give it a new secret, or end the old one."""
        act = request.POST.get("act")
        if act == "rotate" and step_up.is_due(request):
            return step_up.ask(f"{request.path}?confirm=rotate")
        with transaction(by=self.actor):
            user = self._find(pk)
        if act == "rotate":
            return self._rotate(request, user)
        if act == "end-previous":
            return self._end_previous(request, user)
        if act == "rename":
            return self._rename(request, user)
        enabled = request.POST.get("enabled") == "true"
        try:
            tenancy.update_api_user(user=user, values={"enabled": enabled}, by=self.actor, at=timezone.now())
        except tenancy.CannotDisableItself as error:
            messages.error(request, str(error))
        else:
            done = "is let in again" if enabled else "is no longer let in, from the next request on"
            messages.success(request, f"{user.display_name} {done}.")
        return HttpResponseRedirect(request.path)

    def _rename(self, request: HttpRequest, user: ApiUser) -> HttpResponse:
        form = ApiUserNameForm(request.POST)
        if not form.is_valid():
            return self._show(request, user.public_id, "rename", form)
        tenancy.update_api_user(user=user, values=form.cleaned_data, by=self.actor, at=timezone.now())
        return HttpResponseRedirect(request.path)

    def _rotate(self, request: HttpRequest, user: ApiUser) -> HttpResponse:
        chosen = next((seconds for seconds, _ in OVERLAPS if str(seconds) == request.POST.get("overlap")), None)
        if chosen is None:
            messages.error(request, "Choose for how long the old secret still works.")
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
            messages.success(request, "The old secret no longer works.")
        return HttpResponseRedirect(request.path)

    def _find(self, pk: str) -> ApiUser:
        found: ApiUser = find(ApiUser.objects.visible_to(self.actor).select_related("application"), pk)
        return found

    def _may_manage(self, user: ApiUser) -> bool:
        if user.role in Role.of_the_platform() and not self.actor.may(Permission.CREATE_PLATFORM_USERS):
            return False
        return self.actor.may(Permission.MANAGE_API_USERS)


def _named(user: ApiUser) -> str:
    """The name with the id below it, which is what a program signs in with."""
    if not user.name:
        return user.public_id
    return format_html("{}<small><code>{}</code></small>", user.name, user.public_id)


def _left(until: datetime | None, now: datetime) -> str:
    """How long a secret still opens: 23 hours, 59 minutes."""
    if until is None or until <= now:
        return ""
    return timeuntil(until, now).replace("\xa0", " ") if until - now >= timedelta(minutes=1) else "less than a minute"
