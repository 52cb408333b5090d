"""One error body for every status. Everything that refuses a request ends here."""

import logging
import uuid
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse, UnreadablePostError
from django.utils import timezone
from django.utils.encoding import escape_uri_path
from rest_framework import exceptions
from rest_framework.response import Response

from api.documents import base_url
from resources.errors import DomainError, FieldError, FieldErrors
from tenancy.actors import MissingPermission
from tenancy.origins import actor_of, origin_of
from tenancy.services import record_denial

logger = logging.getLogger(__name__)

Errors = list[dict[str, Any]]

_CODES = {
    400: "BAD_REQUEST",
    401: "UNKNOWN",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    409: "CONFLICT",
    413: "PAYLOAD_TOO_LARGE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    422: "UNPROCESSABLE_ENTITY",
    429: "TOO_MANY_REQUESTS",
    500: "SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}


class BadRequest(DomainError):
    """The request cannot be read, or a query parameter is wrong; `field` names the parameter where there is one."""

    code = "BAD_REQUEST"
    status = 400

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.field = field


class WrongParameters(FieldErrors):
    """Query parameters that cannot be read, all of them at once."""

    code = "BAD_REQUEST"
    status = 400


class PayloadTooLarge(DomainError):
    code = "PAYLOAD_TOO_LARGE"
    status = 413
    message = "The body is larger than 256 kB."


class TooManyRequests(DomainError):
    code = "TOO_MANY_REQUESTS"
    status = 429
    message = "Too many requests; try again later."

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__()
        self.retry_after_seconds = retry_after_seconds


def error_body(errors: Iterable[Mapping[str, Any]], *, path: str, rel: str = "source") -> dict[str, Any]:
    """The documented body. `logref` is unique and stands in our log beside what happened."""
    entries = [{"logref": uuid.uuid4().hex, **error, "_links": {rel: {"href": path}}} for error in errors]
    return {"total": len(entries), "_embedded": {"errors": entries}}


def answer_exception(error: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's exception handler: whatever a view raised becomes a response with the one body."""
    request = context["request"]
    status, errors, headers = describe(error)
    if status >= 500:
        _log(error, errors, request)
    if isinstance(error, MissingPermission):
        _record_denial(error, request)
    response = Response(_body(request, status, errors), status=status, headers=headers)
    response.exception = True
    return response


def answer(request: HttpRequest, error: Exception) -> JsonResponse:
    """The same for what fails outside any view: routing, hosts, middleware."""
    status, errors, headers = describe(error)
    if status >= 500:
        _log(error, errors, request)
    return JsonResponse(_body(request, status, errors), status=status, headers=headers)


_KNOWN: tuple[tuple[tuple[type[Exception], ...], int, str], ...] = (
    ((Http404,), 404, "Not found"),
    ((PermissionDenied,), 403, "Access is denied"),
    ((RequestDataTooBig,), 413, PayloadTooLarge.message),
    ((TooManyFieldsSent, SuspiciousOperation, UnreadablePostError), 400, "The request cannot be read"),
    ((OperationalError, InterfaceError), 503, "The service is not available right now; try again in a moment."),
    ((Exception,), 500, "Something went wrong on our side. The logref tells us what."),
)
"""Exceptions of Django and the driver; the first row that fits counts. What nobody expected is a 500 without detail."""


def describe(error: Exception) -> tuple[int, Errors, dict[str, str]]:
    """Status, error entries and headers for an exception."""
    if isinstance(error, DomainError):
        return error.status, _entries_of(error), _headers_of(error)
    if isinstance(error, exceptions.ValidationError):
        return 422, [_field_entry(single) for single in field_errors(error.detail)], {}
    if isinstance(error, exceptions.APIException):
        return _describe_api_exception(error)
    status, message = next((status, message) for kinds, status, message in _KNOWN if isinstance(error, kinds))
    return status, [{"code": _CODES[status], "message": message}], {"Retry-After": "1"} if status == 503 else {}


def field_errors(detail: Any, path: str = "") -> list[FieldError]:
    """DRF's nested error detail as a flat list with dotted paths."""
    if isinstance(detail, Mapping):
        return [
            error
            for name, inner in detail.items()
            for error in field_errors(inner, path if name == "non_field_errors" else f"{path}.{name}".lstrip("."))
        ]
    if isinstance(detail, list):
        found: list[FieldError] = []
        for position, inner in enumerate(detail):
            nested = isinstance(inner, Mapping | list)
            found += field_errors(inner, f"{path}.{position}" if nested else path)
        return found
    return [FieldError(path, str(detail))]


def _describe_api_exception(error: exceptions.APIException) -> tuple[int, Errors, dict[str, str]]:
    status = error.status_code
    headers: dict[str, str] = {}
    if isinstance(error, exceptions.NotAuthenticated | exceptions.AuthenticationFailed):
        headers["WWW-Authenticate"] = 'Basic realm="Merchantry"'
        return 401, [{"code": "UNKNOWN", "message": "Unauthorized"}], headers
    return status, [{"code": _CODES.get(status, "UNKNOWN"), "message": str(error.detail)}], headers


def _entries_of(error: DomainError) -> Errors:
    if isinstance(error, FieldErrors):
        return [_field_entry(single) | {"code": error.code} for single in error.errors]
    return [_field_entry(error) if isinstance(error, FieldError) else _domain_entry(error)]


def _field_entry(error: FieldError) -> dict[str, Any]:
    return {"code": error.code, "message": str(error), "field": error.field}


def _domain_entry(error: DomainError) -> dict[str, Any]:
    entry: dict[str, Any] = {"code": error.code, "message": str(error)}
    if isinstance(error, MissingPermission):
        entry["permission"] = error.permission.value
    if isinstance(error, BadRequest) and error.field:
        entry["field"] = error.field
    return entry | error.details


def _headers_of(error: DomainError) -> dict[str, str]:
    return {"Retry-After": str(error.retry_after_seconds)} if error.retry_after_seconds is not None else {}


def _body(request: Any, status: int, errors: Errors) -> dict[str, Any]:
    base = base_url(request) if _has_good_host(request) else ""
    return error_body(errors, path=base + escape_uri_path(request.path), rel="self" if status == 401 else "source")


def _has_good_host(request: Any) -> bool:
    try:
        request.get_host()
    except SuspiciousOperation:
        return False
    return True


def _log(error: Exception, errors: Errors, request: Any) -> None:
    errors[0]["logref"] = uuid.uuid4().hex
    logger.error(
        "request_failed",
        exc_info=error,
        extra={"logref": errors[0]["logref"], "method": request.method, "path": _route(request)},
    )


def _route(request: Any) -> str:
    """The path without what callers put into it, which may be anything."""
    return request.resolver_match.route if request.resolver_match else "?"


def _record_denial(error: MissingPermission, request: Any) -> None:
    record_denial(
        f"{request.method} {_route(request)}"[:60],
        reason=f"{error.permission.value} is missing",
        at=timezone.now(),
        origin=origin_of(request),
        actor=actor_of(request),
    )
