"""What happens at a provider without an act of ours: asked for now and then, and copied in like any other news.

An app that waits for such news registers what it waits for; there it is asked every few seconds, elsewhere every few
minutes. Every now and then a round begins at an earlier mark, so that a word which came into sight behind the mark is
heard after all. What was heard before changes nothing.
"""

import logging
import uuid
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from events.models import Author
from jobs.services import enqueue
from providers import attempts, clock, copying, port
from providers.attempts import account_for
from providers.models import Feed
from providers.port import NotSent, OutcomeUnknown
from providers.registry import NoProvider, provider_of
from tenancy.actors import Actor, system
from tenancy.models import Processor
from tenancy.roles import Role
from tenancy.transactions import outcome, transaction

LISTEN = "providers.listen"
_SOON = timedelta(seconds=3)

logger = logging.getLogger(__name__)

Waiting = Callable[[], Iterable[uuid.UUID]]
SELDOM = timedelta(minutes=5)
PATIENCE = timedelta(days=1)
"""How long a word that cannot be copied in is tried again; what it refers to may come later."""
_waiting: list[Waiting] = []
_expected: dict[str, datetime] = {}


def register(waiting: Waiting) -> None:
    """`waiting` gives the applications that wait for news; it runs in a transaction that sees all of them."""
    _waiting.append(waiting)


def expect() -> None:
    """Tell that news will come soon, in the transaction that knows it; the next round does not wait for the sweep.

    A process says so once in a while only: what it says in between is heard in the same round.
    """
    now = timezone.now()
    if now >= _expected.get("again_at", now):
        _expected["again_at"] = now + _SOON
        _listen_soon(now)


def listen(*, until: datetime) -> None:
    """Hear every feed that is due, and soon again where there was news. It stops at a wall time."""
    count = 0
    for application_id, processor in _due(timezone.now()):
        if timezone.now() >= until:
            break
        try:
            count += hear(application_id, processor)
        except (NotSent, OutcomeUnknown) as error:
            logger.warning("feed_not_heard", extra={"processor": processor, "code": str(error)})
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # whatever an adapter stumbles over, the other feeds are heard
            logger.exception("feed_not_heard", extra={"processor": processor})
    if count:
        with transaction(by=system()):
            _listen_soon(timezone.now())


def _listen_soon(now: datetime) -> None:
    due_at = now + _SOON
    enqueue(LISTEN, key=f"soon {int(due_at.timestamp()) // int(_SOON.total_seconds())}", due_at=due_at)


def hear(application_id: uuid.UUID, processor: str) -> int:
    """Copy in what has happened since it was last asked; tells how many words came. Raises NotSent, OutcomeUnknown."""
    by = Actor(kind=Author.SYSTEM, id=None, name="Merchantry", role=Role.ADMIN, application_ids=(application_id,))
    provider, now, count = provider_of(processor), timezone.now(), 0
    with transaction(by=by):
        feed, _ = Feed.objects.get_or_create(application_id=application_id, processor=processor)
        account = account_for(application_id, processor, by=by)
    is_thorough = feed.thorough_at is None or now - feed.thorough_at >= SELDOM
    mark, untaken = feed.earlier_mark if is_thorough else feed.mark, 0
    while True:
        changes = provider.tell_changes(account=account, mark=mark)
        for news in changes.news:
            is_taken = _take(account, provider.name, news, by=by)
            count, untaken = count + is_taken, untaken + (not is_taken)
        mark = changes.mark
        if not changes.is_full:
            break
    with transaction(by=by):
        told = {"mark": mark, "heard_at": now, **_of_the_round(feed, now, is_thorough=is_thorough, untaken=untaken)}
        Feed.objects.visible_to(by).filter(pk=feed.pk).update(**told)
    return count


def _of_the_round(feed: Feed, now: datetime, *, is_thorough: bool, untaken: int) -> dict[str, Any]:
    """What a thorough round leaves behind. While a word waits, the next one begins where this one did, for a day."""
    if not is_thorough:
        return {} if not untaken or feed.untaken_since else {"untaken_since": now}
    since = feed.untaken_since or now
    if untaken and now - since < PATIENCE:
        return {"thorough_at": now, "untaken_since": since}
    if untaken:
        logger.error("news_given_up", extra={"processor": feed.processor, "count": untaken})
    return {"earlier_mark": feed.mark, "thorough_at": now, "untaken_since": None}


def _take(account: port.Account, provider: str, news: port.News, *, by: Actor) -> bool:
    """Copy one word in, in a transaction of its own; what cannot be copied is left for a later round."""
    try:
        with outcome(by=by, at=clock.now()) as current:
            copying.copy(current, account, provider, news)
            if isinstance(news, port.Payment) and news.is_decided:
                attempts.ask_again(news.id, by=by)
    except (OperationalError, InterfaceError):
        raise
    except Exception:  # one word that cannot be stored, whatever the provider sent, must not hold up the others
        logger.exception("news_not_taken", extra={"news": str(news.id)})
        return False
    return True


def _due(now: datetime) -> list[tuple[uuid.UUID, str]]:
    with transaction(by=system()):
        urgent = {application_id for waiting in _waiting for application_id in waiting()}
        heard = {
            (application_id, processor): heard_at
            for application_id, processor, heard_at in Feed.objects.values_list(
                "application_id", "processor", "heard_at"
            )
        }
        rows = Processor.objects.filter(enabled=True).order_by("created_at").values_list("application_id", "processor")
        return [row for row in rows if _is_due(row, heard.get(row), urgent, now)]


def _is_due(row: tuple[uuid.UUID, str], heard_at: datetime | None, urgent: set[uuid.UUID], now: datetime) -> bool:
    application_id, processor = row
    if application_id not in urgent and heard_at is not None and now - heard_at < SELDOM:
        return False
    try:
        return provider_of(processor).capabilities.tells_changes
    except NoProvider:
        return False
