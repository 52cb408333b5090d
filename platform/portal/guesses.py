"""How often somebody may guess: allauth's limits on log-ins, for codes and for passwords that are asked once more."""

from collections.abc import Iterator
from contextlib import contextmanager

from allauth.core.internal import ratelimit
from django.http import HttpRequest

from resources.errors import DomainError


class TooManyGuesses(DomainError):
    code = "TOO_MANY_REQUESTS"
    status = 429
    message = "Too many tries. Wait half an hour, or ask an administrator."


@contextmanager
def counted(request: HttpRequest, key: str) -> Iterator[None]:
    """Counts what is done within as one guess, unless it ends well: per key and per address. Raises TooManyGuesses."""
    usage = ratelimit.consume(request, app="allauth.account", action="login_failed", key=key)
    if usage is None:
        raise TooManyGuesses
    yield
    usage.rollback()
