"""Headers and session limits of the browser's side."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

_STARTED = "signed_in_at"
_SEEN = "seen_at"
_IDLE = timedelta(seconds=settings.SESSION_COOKIE_AGE)


class BrowserHeaders:
    """What django-csp and Django's security middleware leave out."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
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
                logout(request)
            elif not _asks_by_itself(request):
                request.session[_SEEN] = now.isoformat()
            elif now - datetime.fromisoformat(request.session.get(_SEEN, started)) >= _IDLE:
                logout(request)
        return self.get_response(request)


def _asks_by_itself(request: HttpRequest) -> bool:
    """A page that follows what moves asks with the mark of what it shows."""
    return "mark" in request.GET and request.headers.get("HX-Request") == "true"
