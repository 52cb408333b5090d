"""The one opener of transactions, and the acts that run in them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import connection
from django.db import transaction as database

from events.models import Event
from events.services import Changes, record_audit, record_event
from resources.models import Resource
from resources.row_security import SETTING
from tenancy.actors import Actor


@contextmanager
def transaction(*, by: Actor) -> Iterator[None]:
    """A durable atomic block that sees the rows of the actor's applications and of no others.

    Durable, so it is never opened inside another one: a view's block does not enclose a service's. The setting is
    local to the transaction and put back on exit, so that one that encloses it in tests keeps none of it.
    """
    with database.atomic(durable=True):
        before = _set_applications(",".join(map(str, by.application_ids)))
        yield
        _set_applications(before)


class Act:
    """One act under way: collects the events it leads to, and the reason, for its audit row."""

    def __init__(self, by: Actor, at: datetime, reason: str = "") -> None:
        self.by = by
        self.at = at
        self.reason = reason
        self.events: list[Event] = []

    def record(
        self, kind: str, resource: Resource, *, application_id: uuid.UUID, changes: Changes | None = None
    ) -> None:
        """Write the event row of a change to a resource that is locked or was just made."""
        self.events.append(
            record_event(
                kind, resource, application_id=application_id, by=self.by.signature, at=self.at, changes=changes
            )
        )

    def include(self, application_id: uuid.UUID) -> None:
        """Let this transaction see an application that it is about to create."""
        _set_applications(",".join(map(str, (*self.by.application_ids, application_id))))


@contextmanager
def act(action: str, *, by: Actor, at: datetime, application_id: uuid.UUID, reason: str = "") -> Iterator[Act]:
    """A transaction that ends with the audit row of what was done in it. A refusal raised inside leaves nothing."""
    with transaction(by=by):
        current = Act(by, at, reason)
        yield current
        record_audit(
            action,
            application_id=application_id,
            by=by.signature,
            at=at,
            reason=current.reason,
            events=current.events,
        )


def _set_applications(value: str | None) -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT current_setting('{SETTING}', true), set_config('{SETTING}', %s, true)",
            [value or ""],
        )
        before: str | None = cursor.fetchone()[0]
    return before
