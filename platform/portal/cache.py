"""The cache behind the limits on guessing passwords."""

import logging
from collections.abc import Callable
from typing import Any

from django.core.cache import caches
from django.core.cache.backends.redis import RedisCache
from redis import RedisError

logger = logging.getLogger(__name__)


def _patient(name: str) -> Callable[..., Any]:
    def call(self: RedisCache, *args: Any, **options: Any) -> Any:
        try:
            return getattr(RedisCache, name)(self, *args, **options)
        except RedisError as error:
            logger.warning("cache_away", extra={"error": type(error).__name__})
            return getattr(caches["here"], name)(*args, **options)

    return call


class PatientRedisCache(RedisCache):
    """Valkey or Redis; while it is away each process counts for itself, and nobody is kept from signing in."""

    add = _patient("add")
    get = _patient("get")
    set = _patient("set")
    touch = _patient("touch")
    delete = _patient("delete")
    incr = _patient("incr")
    clear = _patient("clear")
