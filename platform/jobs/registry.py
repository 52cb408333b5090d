"""Which function does which kind of job, and which kinds come round by the clock."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

Handle = Callable[..., None]


@dataclass(frozen=True)
class Handler:
    handle: Handle
    lease: timedelta
    every: timedelta | None


_handlers: dict[str, Handler] = {}


def handler(
    kind: str, *, lease: timedelta = timedelta(seconds=60), every: timedelta | None = None
) -> Callable[[Handle], Handle]:
    """Register a function for a kind of job.

    It is called with the job's arguments as keywords, outside any transaction, and must be safe to run twice: when its
    worker dies, the job runs again once `lease` has passed. With `every` the sweeper makes one job per period.
    """

    def register(handle: Handle) -> Handle:
        if kind in _handlers:
            raise ValueError(f"Two handlers for the job kind {kind}")
        _handlers[kind] = Handler(handle, lease, every)
        return handle

    return register


def get(kind: str) -> Handler | None:
    return _handlers.get(kind)


def periodic() -> list[tuple[str, timedelta]]:
    return [(kind, found.every) for kind, found in _handlers.items() if found.every is not None]
