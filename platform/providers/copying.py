"""One door for what a provider says: the one copying function of each resource, registered by the app that owns it."""

import logging
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar

from django.db import InterfaceError, OperationalError

from providers import port
from providers.models import CopiedFromProvider
from providers.redaction import redacted
from providers.registry import provider_of
from resources.moves import Moves
from tenancy.actors import Actor
from tenancy.transactions import Act, outcome

logger = logging.getLogger(__name__)

Copy = Callable[[Act, port.Account, str, Any], Any]
Row = TypeVar("Row", bound=CopiedFromProvider)

_copies: dict[type[port.News], Copy] = {}


def register(kind: type[port.News], copy: Copy) -> None:
    """`copy` takes the act under way, the account, the provider's name and the news, and gives the row."""
    _copies[kind] = copy


def copy(current: Act, account: port.Account, provider: str, news: port.News) -> Any:
    """Bring news into our tables, within a transaction; gives the row. Old news changes nothing."""
    return _copies[type(news)](current, account, provider, news)


def copy_everything(processor: str, account: port.Account, *, by: Actor, at: datetime) -> int:
    """Take over all the provider knows of an account, without events: each resource in a transaction of its own.

    Tells how many there were, without those that could not be taken; the log names them.
    """
    provider = provider_of(processor)
    count = 0
    for news in provider.tell_all(account=account):
        try:
            with outcome(by=by, at=at, is_backfill=True) as current:
                copy(current, account, provider.name, news)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one word that cannot be stored must not hold up the others
            logger.exception("news_not_taken", extra={"news": str(news.id)})
        else:
            count += 1
    return count


def is_old(row: CopiedFromProvider, news: port.News) -> bool:
    """Whether the row knows this state, or a later one, already."""
    known = row.provider_version
    return bool(known) and (len(news.version), news.version) <= (len(known), known)


def stamp(row: CopiedFromProvider, provider: str, news: port.News, at: datetime) -> None:
    """Note whose word the row is, and which state of it. What an adapter forgot to redact is redacted here."""
    row.provider = provider
    row.provider_version = news.version
    row.provider_document = redacted(news.raw)
    row.copied_at = at


def is_contradicted(current: Act, row: Any, moves: Moves, before: str, after: str) -> bool:
    """Whether the provider now says what cannot follow from what it said; that is recorded, and changes nothing."""
    if before == after or after in moves.get(before, frozenset()):
        return False
    logger.error("news_contradict", extra={"kind": row.KIND, "state": after})
    current.record(
        f"{row.KIND}.contradicted", row, application_id=row.application_id, changes={"state": [before, after]}
    )
    return True


STAMP = ("provider", "provider_version", "provider_document", "copied_at")
