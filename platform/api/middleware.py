"""The border of the API: what happens to a request before routing and after the last view."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from api import errors
from resources.errors import NotVisible
from tenancy.origins import actor_of

PORTAL_PATHS = ("/dashboard", settings.STATIC_URL.rstrip("/"))
MAX_QUERY_BYTES = 8 * 1024


class ApiBorder:
    """Both slash forms, the query limit, the documented headers, and the one error body for what no view answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_portal(request.path_info):
            return self.get_response(request)
        _leave_cookies_out(request)
        _drop_last_slash(request)
        response = self.get_response(request)
        actor = actor_of(request)
        response["x-request-id"] = getattr(request, "request_id", "")
        if actor is not None:
            response["finix-apiuser-role"] = actor.role.value
        response["Cache-Control"] = "no-store"
        if response.status_code == 422:  # recent versions of Python renamed the phrase, and clients compare it
            response.reason_phrase = "Unprocessable Entity"
        return response

    def process_view(
        self, request: HttpRequest, view: Any, _arguments: Sequence[Any], _options: Mapping[str, Any]
    ) -> HttpResponse | None:
        """Refusals before any view, yet within the middleware that sets the headers of every answer."""
        del view
        if not is_portal(request.path_info) and len(request.META.get("QUERY_STRING", "")) > MAX_QUERY_BYTES:
            return errors.answer(request, errors.BadRequest("The query is longer than 8 kB."))
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        return None if is_portal(request.path_info) else errors.answer(request, error)


def _leave_cookies_out(request: HttpRequest) -> None:
    """The API knows Basic only: a cookie neither renews a session here nor needs a token against forged forms."""
    request.COOKIES = {}
    request.csrf_processing_done = True  # type: ignore[attr-defined]


def _drop_last_slash(request: HttpRequest) -> None:
    if len(request.path_info) > 1 and request.path_info.endswith("/"):
        request.path_info = request.path_info.rstrip("/") or "/"
        request.path = request.path.rstrip("/") or "/"


def is_portal(path: str) -> bool:
    """Whether a path belongs to the browser's side, where errors are pages."""
    return any(path == prefix or path.startswith(prefix + "/") for prefix in PORTAL_PATHS)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for a path that no route knows."""
    del exception
    return errors.answer(request, NotVisible(request.path))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return errors.answer(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    return errors.answer(request, RuntimeError("outside any view"))
