"""What happens at a provider without an act of ours: asked for now and then, and copied in like any other news.

An app that waits for such news registers what it waits for; there it is asked every few seconds, elsewhere every few
minutes. Every now and then a round begins at an earlier mark, so that a word which came into sight behind the mark is
heard after all. What was heard before changes nothing.
"""

import logging
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from events.models import Author
from jobs.services import enqueue
from providers import attempts, clock, copying, port
from providers.attempts import account_for
from providers.models import Feed, UntakenWord
from providers.port import NotSent, OutcomeUnknown
from providers.registry import NoProvider, provider_of
from tenancy.actors import Actor, system
from tenancy.models import Processor
from tenancy.models.tenants import TenantQuerySet
from tenancy.roles import Role
from tenancy.transactions import outcome, transaction

LISTEN = "providers.listen"
_SOON = timedelta(seconds=3)

logger = logging.getLogger(__name__)

Waiting = Callable[[], Iterable[uuid.UUID]]
SELDOM = timedelta(minutes=5)
PATIENCE = timedelta(days=1)
"""How long a word that cannot be copied in is tried again; what it refers to may come later."""
_NEVER = datetime.min.replace(tzinfo=UTC)
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
    """Hear every feed that is due, and soon again where there was news, or is more of it. It stops at a wall time."""
    is_soon = False
    for application_id, processor in _due(timezone.now()):
        if timezone.now() >= until:
            is_soon = True
            break
        try:
            is_soon |= bool(hear(application_id, processor, until=until))
        except (NotSent, OutcomeUnknown) as error:
            logger.warning("feed_not_heard", extra={"processor": processor, "code": str(error)})
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # whatever an adapter stumbles over, the other feeds are heard
            logger.exception("feed_not_heard", extra={"processor": processor})
    if is_soon:
        with transaction(by=system()):
            _listen_soon(timezone.now())


def _listen_soon(now: datetime) -> None:
    due_at = now + _SOON
    enqueue(LISTEN, key=f"soon {int(due_at.timestamp()) // int(_SOON.total_seconds())}", due_at=due_at)


def hear(application_id: uuid.UUID, processor: str, *, until: datetime | None = None) -> int:
    """Copy in what has happened since it was last asked; tells how many words came. Raises NotSent, OutcomeUnknown.

    News come first, then what a thorough round hears again. Marks are kept page by page: whoever is stopped, at a wall
    time or otherwise, has got on, and the next one goes on there.
    """
    by = Actor(kind=Author.SYSTEM, id=None, name="Merchantry", role=Role.ADMIN, application_ids=(application_id,))
    provider, now = provider_of(processor), timezone.now()
    with transaction(by=by):
        feed, _ = Feed.objects.get_or_create(application_id=application_id, processor=processor)
        account = account_for(application_id, processor, by=by)
        is_thorough = _begin(feed, now)
        feed.save(update_fields=["heard_at", "thorough_at", "thorough_mark", "earlier_mark"])
    listener = _Listener(feed, account, provider, by, until)
    count = listener.hear_from("mark")
    if feed.thorough_mark is not None:
        count += listener.hear_from("thorough_mark")
    if is_thorough:
        count += listener.try_again(now)
    listener.leave()
    return count


def _begin(feed: Feed, now: datetime) -> bool:
    """Begin a thorough round where one is due. The first round of all is one by itself."""
    feed.heard_at = now
    if feed.thorough_at is None:
        feed.thorough_at = now
        return False
    if feed.thorough_mark is not None or now - feed.thorough_at < SELDOM:
        return False
    feed.thorough_at, feed.thorough_mark, feed.earlier_mark = now, feed.earlier_mark, feed.mark
    return True


@dataclass
class _Listener:
    """Whoever hears one feed, until a wall time."""

    feed: Feed
    account: port.Account
    provider: port.Provider
    by: Actor
    until: datetime | None
    is_late: bool = False
    """Time was up before all was heard."""

    def hear_from(self, name: str) -> int:
        """Hear page after page from the mark of this name on; it is kept after each."""
        count = 0
        while self._has_time():
            mark = getattr(self.feed, name)
            changes = self.provider.tell_changes(account=self.account, mark=mark)
            untaken = [news for news in changes.news if not self._take(news)]
            count += len(changes.news) - len(untaken)
            self._write(untaken, mark, **{name: changes.mark})
            if not changes.is_full:
                break
        return count

    def try_again(self, now: datetime) -> int:
        """Hear again what could not be copied in, and at last give it up."""
        with transaction(by=self.by):
            waiting = list(self._untaken().order_by("since"))
        taken: list[uuid.UUID] = []
        for mark in dict.fromkeys(one.mark for one in waiting):
            if not self._has_time():
                break
            keys = {one.word: one.pk for one in waiting if one.mark == mark}
            changes = self.provider.tell_changes(account=self.account, mark=mark)
            taken += [keys[_word(news)] for news in changes.news if _word(news) in keys and self._take(news)]
        with transaction(by=self.by):
            self._untaken().filter(pk__in=taken).delete()
            given_up, _ = self._untaken().filter(since__lte=now - PATIENCE).delete()
        if given_up:
            logger.error("news_given_up", extra={"processor": self.feed.processor, "count": given_up})
        return len(taken)

    def leave(self) -> None:
        """Note whether there is more to hear; where all was heard, a thorough round is over."""
        if self.is_late:
            self._write(is_behind=True)
        elif self.feed.is_behind or self.feed.thorough_mark is not None:
            self._write(is_behind=False, thorough_mark=None)

    def _has_time(self) -> bool:
        self.is_late = self.is_late or (self.until is not None and timezone.now() >= self.until)
        return not self.is_late

    def _take(self, news: port.News) -> bool:
        """Copy one word in, in a transaction of its own; what cannot be copied is left for a later round."""
        try:
            with outcome(by=self.by, at=clock.now()) as current:
                copying.copy(current, self.account, self.provider.name, news)
                if isinstance(news, port.Payment) and news.is_decided:
                    attempts.ask_again(news.id, by=self.by)
        except (OperationalError, InterfaceError):
            raise
        except Exception:  # one word that cannot be stored, whatever the provider sent, must not hold up the others
            logger.exception("news_not_taken", extra={"news": str(news.id)})
            return False
        return True

    def _write(self, untaken: Sequence[port.News] = (), told_after: str = "", **values: Any) -> None:
        """Write what is now known of the feed, and at once the words that wait."""
        now, feed = timezone.now(), self.feed
        rows = {
            word: UntakenWord(application_id=feed.application_id, feed=feed, word=word, mark=told_after, since=now)
            for word in map(_word, untaken)
        }
        with transaction(by=self.by):
            UntakenWord.objects.bulk_create(
                rows.values(), update_conflicts=True, unique_fields=["feed", "word"], update_fields=["mark"]
            )
            Feed.objects.visible_to(self.by).filter(pk=feed.pk).update(**values)
        for name, value in values.items():
            setattr(feed, name, value)

    def _untaken(self) -> TenantQuerySet[UntakenWord]:
        return UntakenWord.objects.visible_to(self.by).filter(feed=self.feed)


def _word(news: port.News) -> str:
    """What tells one word from the next; a provider's version may hold what no column takes."""
    return f"{news.id} {news.version!r}"[:100]


def _due(now: datetime) -> list[tuple[uuid.UUID, str]]:
    """Whom to ask, the longest unasked first. One that is switched off is asked too: what it took may come back."""
    with transaction(by=system()):
        urgent = {application_id for waiting in _waiting for application_id in waiting()}
        feeds = {(feed.application_id, feed.processor): feed for feed in Feed.objects.all()}
        rows = Processor.objects.order_by("created_at").values_list("application_id", "processor")
        due = [row for row in rows if _is_due(row, feeds.get(row), urgent, now)]
    asked_at = {row: feed.heard_at for row, feed in feeds.items() if feed.heard_at is not None}
    return sorted(due, key=lambda row: asked_at.get(row, _NEVER))


def _is_due(row: tuple[uuid.UUID, str], feed: Feed | None, urgent: set[uuid.UUID], now: datetime) -> bool:
    application_id, processor = row
    asked_at = feed.heard_at if feed is not None and not feed.is_behind else None
    if application_id not in urgent and asked_at is not None and now - asked_at < SELDOM:
        return False
    try:
        return provider_of(processor).capabilities.tells_changes
    except NoProvider:
        return False
