"""The wall clock by which attempts are concluded and the sandbox answers.

What the demo makes lies in the past, and its outcomes have to enter as they would have then.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.utils import timezone

_told: ContextVar[datetime | None] = ContextVar("clock_told", default=None)


def now() -> datetime:
    return _told.get() or timezone.now()


@contextmanager
def at(moment: datetime) -> Iterator[None]:
    """Within it, it is `moment`, for this thread alone."""
    token = _told.set(moment)
    try:
        yield
    finally:
        _told.reset(token)
