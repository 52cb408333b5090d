"""Headers and session limits of the browser's side."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect

from portal.signing_in import IDLE, end_session
from tenancy.services import WHY_LOST, has_lost_factor

_STARTED = "signed_in_at"
_SEEN = "seen_at"


class BrowserHeaders:
    """What django-csp and Django's security middleware leave out.

    The hosted fields live in pages of others, so no cookie counts there: neither is one read, nor is one set.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/forms/"):
            request.COOKIES = {}
        response = self.get_response(request)
        response.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.setdefault("Permissions-Policy", "camera=(), geolocation=(), microphone=()")
        if not request.path_info.startswith(settings.STATIC_URL):
            response.setdefault("Cache-Control", "no-store")
        return response


class SessionLimits:
    """Ends a session for good after twelve hours, however busy it was; idle ones end with their cookie's age.

    A page that asks by itself whether something has changed does not keep its reader signed in.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/dashboard") and request.user.is_authenticated:
            now = timezone.now()
            started = request.session.setdefault(_STARTED, now.isoformat())
            if now - datetime.fromisoformat(started) >= settings.SESSION_ABSOLUTE_AGE:
                end_session(request, is_idle=False)
            elif not _asks_by_itself(request):
                request.session[_SEEN] = now.isoformat()
            elif now - datetime.fromisoformat(request.session.get(_SEEN, started)) >= IDLE:
                end_session(request, is_idle=True)
        return self.get_response(request)


class RequiredFactor:
    """Where a second factor is required, whoever has none yet reaches the pages to set one up, and the way out.

    Whoever has lost it, without having been told so, reaches nothing: the session ends.
    """

    REACHABLE = frozenset({"mfa_activate_totp", "account_reauthenticate", "account_logout"})

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: Any) -> HttpResponse | None:
        if not settings.REQUIRE_SECOND_FACTOR or not request.path_info.startswith("/dashboard"):
            return None
        person = request.user
        if not person.is_authenticated:
            return None
        if has_lost_factor(person):
            logout(request)
            messages.error(request, WHY_LOST)
            return _lead_to(settings.LOGIN_URL, request)
        if person.has_second_factor:
            return None
        match = request.resolver_match
        if match is not None and match.view_name in self.REACHABLE:
            return None
        return _lead_to("mfa_activate_totp", request)


def _lead_to(name: str, request: HttpRequest) -> HttpResponse:
    page = reverse(name)
    if request.headers.get("HX-Request") == "true":  # a part of a page cannot be another page
        return HttpResponseClientRedirect(page)
    return HttpResponseRedirect(page)


def _asks_by_itself(request: HttpRequest) -> bool:
    """A page that follows what moves asks with the mark of what it shows."""
    return "mark" in request.GET and request.headers.get("HX-Request") == "true"
