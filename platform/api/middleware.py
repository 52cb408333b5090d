"""The border of the API: what happens to a request before routing and after the last view."""

import io
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, UnreadablePostError

from api import errors
from api.parsing import MAX_BYTES
from resources.errors import DomainError, NotVisible
from tenancy.origins import actor_of

PORTAL_PATHS = ("/dashboard", "/forms", settings.STATIC_URL.rstrip("/"))
MAX_QUERY_BYTES = 8 * 1024


class ApiBorder:
    """Both slash forms, limits, chunked bodies, documented headers, and the one error body for what no view answers.

    Pages pass through it too, but only lose the body of an answer to HEAD.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request) if is_portal(request.path_info) else self._answer(request)
        if request.method == "HEAD" and not response.streaming:
            response.content = b""  # Content-Length stays as GET would have it
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
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
        if is_portal(request.path_info):
            return None
        try:
            _refuse_long_query(request)
            _take_chunked_body(request)
        except (DomainError, UnreadablePostError) as error:
            return errors.answer(request, error)
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


def _refuse_long_query(request: HttpRequest) -> None:
    if len(request.META.get("QUERY_STRING", "")) > MAX_QUERY_BYTES:
        raise errors.BadRequest("The query is longer than 8 kB.")


def _take_chunked_body(request: HttpRequest) -> None:
    """Give a body of unknown length its length: Django reads one without Content-Length as empty."""
    if "HTTP_TRANSFER_ENCODING" not in request.META:
        return
    if not request.META.get("wsgi.input_terminated"):
        raise errors.BadRequest("A body is read by its Content-Length here.")  # the end could not be told
    try:
        body = request.META["wsgi.input"].read(MAX_BYTES + 1)
    except Exception as error:  # each server has its own for a chunk it cannot read
        raise UnreadablePostError(*error.args) from error
    if len(body) > MAX_BYTES:
        raise errors.PayloadTooLarge
    request.META["CONTENT_LENGTH"] = str(len(body))
    request._stream = io.BytesIO(body)  # noqa: SLF001 - Django made it from the length


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
