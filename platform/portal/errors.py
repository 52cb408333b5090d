"""Error pages. Paths of the API get the error body instead (config.urls decides)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from tenancy.actors import MissingPermission
from tenancy.origins import actor_of, origin_of
from tenancy.services import record_denial


def not_found(request: HttpRequest) -> HttpResponse:
    return render(request, "portal/404.html", status=404)


def server_error(request: HttpRequest, *, status: int = 500) -> HttpResponse:
    return render(request, "portal/500.html", {"request_id": getattr(request, "request_id", "")}, status=status)


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
