"""Error pages. Paths of the API get the error body instead (config.urls decides)."""

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.exceptions import SessionInterrupted
from django.core.exceptions import BadRequest, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import timezone

from tenancy.actors import MissingPermission
from tenancy.origins import actor_of, origin_of
from tenancy.services import record_denial


def not_found(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/404.html", status=404)


def server_error(request: HttpRequest, *, status: int = 500) -> HttpResponse:
    return _bare("portal/500.html", request, status=status)


def unavailable(request: HttpRequest) -> HttpResponse:
    """The database is away, and may be back in a moment."""
    response = _bare("portal/503.html", request, status=503)
    response["Retry-After"] = "1"
    return response


def failed(request: HttpRequest, error: BaseException | None) -> HttpResponse:
    """The page for an exception that no view answered."""
    if is_database_away(error):
        return unavailable(request)
    if isinstance(error, SessionInterrupted):  # signed out in another window meanwhile
        return redirect_to_login(request.get_full_path())
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent):
        return _bare("portal/413.html", request, status=413)
    return server_error(request, status=400 if isinstance(error, SuspiciousOperation | BadRequest) else 500)


def is_database_away(error: BaseException | None) -> bool:
    """Whether an exception, or one that it came from, is the driver's; Django hides it in an interrupted session."""
    while error is not None:
        if isinstance(error, OperationalError | InterfaceError):
            return True
        error = error.__cause__ or error.__context__
    return False


def forbidden(request: HttpRequest, error: MissingPermission) -> HttpResponse:
    """Names the missing permission, and leaves a line in the audit history."""
    match = request.resolver_match
    record_denial(
        f"{request.method} {match.view_name if match else request.path}"[:60],
        reason=f"{error.permission.value} is missing",
        at=timezone.now(),
        origin=origin_of(request),
        actor=actor_of(request),
    )
    return render(request, "portal/403.html", {"permission": error.permission.value}, status=403)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form whose token is missing or stale: nothing was done."""
    del reason
    return render(request, "portal/403.html", {"is_stale_form": True}, status=403)


def _bare(template: str, request: HttpRequest, *, status: int) -> HttpResponse:
    """A page that asks neither session nor database, which may be what failed."""
    context = {
        "environment": settings.ENVIRONMENT,
        "second_factor_off": not settings.REQUIRE_SECOND_FACTOR,
        "request_id": getattr(request, "request_id", ""),
    }
    return HttpResponse(render_to_string(template, context), status=status)
