"""The way to the page to sign in, which says why a session has ended.

What it says travels in the session that begins then, not in the address: nobody can make it say something else.
"""

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django_htmx.http import HttpResponseClientRedirect

IDLE = timedelta(seconds=settings.SESSION_COOKIE_AGE)
_GO_ON = "Sign in to go on where you were."
_WHY_IDLE = f"You were signed out after {IDLE // timedelta(minutes=1)} minutes without activity. {_GO_ON}"
_WHY_OLD = (
    f"You were signed out {settings.SESSION_ABSOLUTE_AGE // timedelta(hours=1)} hours after you had signed in. {_GO_ON}"
)


def end_session(request: HttpRequest, *, is_idle: bool) -> None:
    """Sign somebody out whose time is over."""
    logout(request)
    request.why_signed_out = _WHY_IDLE if is_idle else _WHY_OLD  # type: ignore[attr-defined]


def lead_to_sign_in(request: HttpRequest, next_url: str = "") -> HttpResponse:
    """Where a request goes that needs somebody who is signed in; it comes back, or goes on to `next_url`."""
    has_run_out = request.session.has_run_out  # type: ignore[attr-defined]  # of our store
    why = getattr(request, "why_signed_out", _WHY_IDLE if has_run_out else "")
    if why:
        messages.info(request, why)
    if request.headers.get("HX-Request") == "true":  # a part of a page cannot be a page to sign in
        return HttpResponseClientRedirect(reverse(settings.LOGIN_URL))
    return redirect_to_login(next_url or request.get_full_path())
