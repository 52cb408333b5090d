"""Routes that fail on purpose, beside the real ones."""

from typing import Any, ClassVar

from django.core.exceptions import PermissionDenied
from django.db import DataError, InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.urls import path
from rest_framework.request import Request

from api.views import ApiView
from config.urls import handler400, handler404, handler500  # noqa: F401 - Django reads them from the root URL conf
from config.urls import urlpatterns as real_patterns

NEEDLE = "needle-078-05-1120"
ERRORS: dict[str, Exception] = {
    "unexpected": RuntimeError(NEEDLE),
    "data": DataError(f"DETAIL: {NEEDLE}"),
    "database-away": OperationalError(f"connection to {NEEDLE} failed"),
    "connection-lost": InterfaceError(NEEDLE),
    "not-permitted": PermissionDenied(NEEDLE),
    "broken-off": UnreadablePostError(NEEDLE),
}


class FailingView(ApiView):
    """Needs a log-in, as the real ones do."""

    permissions: ClassVar = {}

    def get(self, request: Request, kind: str) -> Any:
        del request
        raise ERRORS[kind]


def failing(request: HttpRequest, kind: str) -> HttpResponse:
    del request
    raise ERRORS[kind]


urlpatterns = [path("failing/<str:kind>", FailingView.as_view()), path("plain/<str:kind>", failing), *real_patterns]
