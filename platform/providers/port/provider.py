"""Who is asked: one provider, whoever is behind it."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol

from providers.port.acts import Act
from providers.port.news import Answer, News


@dataclass(frozen=True)
class Account:
    """Under whose account at the provider we act: the application, and its settings of the processor.

    `processor` is told where the provider is asked what has happened: with several, each hears what is its own.
    """

    application_id: uuid.UUID
    settings: Mapping[str, Any] = field(default_factory=dict)
    processor: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What the resolver may do when an outcome is unknown, and how long a call may take."""

    has_lookup: bool
    has_idempotent_create: bool
    time_limit: timedelta = timedelta(seconds=15)
    tells_changes: bool = False
    """Whether it can be asked what has happened since, without an act that asked for it."""


@dataclass(frozen=True)
class Changes:
    """A page of what has happened, and the mark after it; there may be more where it `is_full`."""

    news: tuple[News, ...]
    mark: str
    is_full: bool = False


class Provider(Protocol):
    """One provider, whoever is behind it. No transaction is open during a call."""

    name: str
    capabilities: Capabilities

    def carry_out(self, act: Act, *, reference: str, account: Account) -> Answer:
        """Ask for an act. Raises NotSent or OutcomeUnknown."""
        ...

    def look_up(self, reference: str, *, account: Account) -> Answer | None:
        """What became of the act under this reference; None where there is none. Raises NotSent, OutcomeUnknown."""
        ...

    def tell_all(self, *, account: Account) -> Iterator[News]:
        """All the provider knows of the account, what is referred to before what refers."""
        ...

    def tell_changes(self, *, account: Account, mark: str) -> Changes:
        """What has happened of itself since a mark, such as readiness to settle, or a bank's return.

        The first mark is empty; later ones are the provider's own. It may tell of the same more than once. Asked only
        of who `tells_changes`. Raises NotSent, OutcomeUnknown.
        """
        ...
