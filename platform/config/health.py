"""Whether this process lives, and whether it can serve. Strangers learn no detail."""

import logging

import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import Error, connection
from django.http import HttpRequest, JsonResponse

from config.startup import refuse_unfit_database

logger = logging.getLogger(__name__)


def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as the process answers at all."""
    del request
    return JsonResponse({"status": "alive"})


def ready(request: HttpRequest) -> JsonResponse:
    """200 when database and cache answer and the database is fit for us, 503 while not."""
    del request
    failing = [name for name, check in (("database", _ask_database), ("cache", _ask_cache)) if not check()]
    if failing:
        logger.warning("not_ready", extra={"error": ",".join(failing)})
        return JsonResponse({"status": "not ready"}, status=503, headers={"Retry-After": "1"})
    return JsonResponse({"status": "ready"})


def _ask_database() -> bool:
    try:
        refuse_unfit_database()
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM application LIMIT 1")
    except ImproperlyConfigured as error:
        logger.error("unfit_database", extra={"error": str(error)})  # noqa: TRY400 - an answer, not a surprise
        return False
    except Error:
        connection.close()
        return False
    return True


def _ask_cache() -> bool:
    try:
        client = redis.Redis.from_url(
            settings.CACHES["default"]["LOCATION"], socket_connect_timeout=1, socket_timeout=1
        )
        return bool(client.ping())
    except redis.RedisError:
        return False
