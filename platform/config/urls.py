"""Where everything hangs: the API at the host root, the portal under /dashboard/, the hosted fields under /forms/."""

import sys

from django.http import HttpRequest, HttpResponse, HttpResponsePermanentRedirect, HttpResponseRedirect
from django.urls import include, is_valid_path, path

import api.middleware
import portal.errors
from api.root import RootView
from api.schema_view import SchemaView
from config import health

_root = RootView.as_view()


def front_door(request: HttpRequest) -> HttpResponse:
    """The HAL root for programs, the portal for browsers."""
    if request.method == "GET" and "text/html" in request.headers.get("Accept", ""):
        return HttpResponseRedirect("/dashboard/")
    return _root(request)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if api.middleware.is_portal(request.path_info):
        slashed = f"{request.path_info}/"
        if request.method == "GET" and not request.path_info.endswith("/") and is_valid_path(slashed):
            query = request.META.get("QUERY_STRING", "")
            return HttpResponsePermanentRedirect(f"{slashed}?{query}" if query else slashed)
        return portal.errors.not_found(request)
    return api.middleware.not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if api.middleware.is_portal(request.path_info):
        return portal.errors.failed(request, exception)
    return api.middleware.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if api.middleware.is_portal(request.path_info):
        return portal.errors.failed(request, sys.exc_info()[1])
    return api.middleware.server_error(request)


handler400, handler404, handler500 = bad_request, not_found, server_error

urlpatterns = [
    path("", front_door),
    path("", include("onboarding.api.urls")),
    path("", include("payments.api.urls")),
    path("schema", SchemaView.as_view(), name="schema"),
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("forms/", include("onboarding.hosted.urls")),
    path("dashboard/account/", include("portal.account_urls")),
    path("dashboard/", include("portal.urls")),
    path("dashboard/", include("exports.portal")),
    path("dashboard/", include("onboarding.portal.urls")),
    path("dashboard/", include("payments.portal.urls")),
]
