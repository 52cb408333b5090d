"""What comes before everything else: a request id of our own, and a database that is fit to be asked."""

import logging
import uuid
from collections.abc import Callable

import structlog
from django.core.exceptions import ImproperlyConfigured
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse

import api.errors
import api.middleware
import portal.errors
from config.startup import refuse_unfit_database

logger = logging.getLogger(__name__)


class RequestId:
    """Sets `request.request_id`. Ids that strangers send are not taken over: they could be forged into our log."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request.request_id = uuid.uuid4().hex  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request.request_id):  # type: ignore[attr-defined]
            return self.get_response(request)


class FitDatabase:
    """Serves nothing before the database role and the vault's keys were found right, once per process.

    They are asked at the start; this is for a start while the database was away. Health is told all the same.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.rstrip("/") in {"/healthz", "/readyz"}:
            return self.get_response(request)
        try:
            refuse_unfit_database()
        except (ImproperlyConfigured, OperationalError, InterfaceError) as error:
            logger.warning("unfit_database", extra={"error": type(error).__name__})
            if api.middleware.is_portal(request.path_info):
                return portal.errors.unavailable(request)
            return api.errors.answer(request, OperationalError())
        return self.get_response(request)
