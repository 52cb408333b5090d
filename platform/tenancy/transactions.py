"""The one opener of transactions, and the acts that run in them."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime

from django.db import connection
from django.db import transaction as database

from events.models import Event
from events.services import Changes, record_audit, record_event
from jobs import idempotency
from resources.models import Resource
from resources.row_security import SETTING
from tenancy.actors import Actor

_is_open: ContextVar[bool] = ContextVar("transaction_is_open", default=False)


@contextmanager
def transaction(*, by: Actor, plans_anew: bool = False) -> Iterator[None]:
    """A durable atomic block that sees the rows of the actor's applications and of no others.

    Durable, so it is never opened inside another one: a view's block does not enclose a service's. The setting is
    local to the transaction and put back on exit, so that one that encloses it in tests keeps none of it.

    With `plans_anew` each statement is planned by its values, as lists need it: one value of a filter is that of most
    rows and the next of none, and the plan that a prepared statement keeps for all of them reads on through every row.
    """
    is_enclosed = connection.in_atomic_block
    with database.atomic(durable=True):
        before = _set_applications(",".join(map(str, by.application_ids)), asks=is_enclosed, plans_anew=plans_anew)
        token = _is_open.set(True)
        try:
            yield
        finally:
            _is_open.reset(token)
        if is_enclosed:
            _set_applications(before or "")


def is_open() -> bool:
    """Whether a transaction of ours is open here; no call to the outside is made within one."""
    return _is_open.get()


class Act:
    """One act under way: collects the events it leads to, the reason, and what it is about, for its audit row."""

    def __init__(
        self,
        by: Actor,
        at: datetime,
        reason: str = "",
        *,
        resource: tuple[str, uuid.UUID] | None = None,
        is_backfill: bool = False,
    ) -> None:
        self.by = by
        self.at = at
        self.reason = reason
        self.resource = resource
        self.is_backfill = is_backfill
        self.events: list[Event] = []

    def record(
        self,
        kind: str,
        resource: Resource,
        *,
        application_id: uuid.UUID,
        changes: Changes | None = None,
        is_first: bool = False,
    ) -> None:
        """Write the event row of a change to a resource that is locked or was just made; a backfill writes none.

        `is_first` is told of a resource that was just made, whose earlier events need not be looked for.
        """
        if self.is_backfill:
            return
        self.events.append(
            record_event(
                kind,
                resource,
                application_id=application_id,
                by=self.by.signature,
                at=self.at,
                changes=changes,
                is_first=is_first,
            )
        )

    def include(self, application_id: uuid.UUID) -> None:
        """Let this transaction see an application that it is about to create."""
        _set_applications(",".join(map(str, (*self.by.application_ids, application_id))))


@contextmanager
def act(
    action: str,
    *,
    by: Actor,
    at: datetime,
    application_id: uuid.UUID,
    reason: str = "",
    resource: tuple[str, uuid.UUID] | None = None,
    key_scope: uuid.UUID | None = None,
) -> Iterator[Act]:
    """A transaction that ends with the audit row of what was done in it. A refusal raised inside leaves nothing.

    It takes the caller's idempotency key first of all, in the name of `key_scope`, else of the application; raises
    KeyTaken. `resource` is the kind and key of what the act is about, where that is known beforehand; else it is what
    the act records first.
    """
    with transaction(by=by):
        claim = idempotency.take(key_scope or application_id, resource=resource)
        current = Act(by, at, reason, resource=resource)
        yield current
        first = next(((event.resource_kind, event.resource_id) for event in current.events), None)
        about = current.resource or first
        if claim is not None and resource is None and about is not None:
            idempotency.tell_resource(claim, *about)
        record_audit(
            action,
            application_id=application_id,
            by=by.signature,
            at=at,
            reason=current.reason,
            resource=about,
            events=current.events,
        )


@contextmanager
def outcome(*, by: Actor, at: datetime, is_backfill: bool = False) -> Iterator[Act]:
    """The transaction in which what a provider says enters: the act was audited before, so its events are enough."""
    with transaction(by=by):
        yield Act(by, at, is_backfill=is_backfill)


def _set_applications(value: str, *, asks: bool = False, plans_anew: bool = False) -> str | None:
    """Set what the policies read, for this transaction; with `asks` tell what it was, for one that encloses it."""
    before = "current_setting(%s, true)" if asks else "NULL"
    also = ", set_config('plan_cache_mode', 'force_custom_plan', true)" if plans_anew else ""
    with connection.cursor() as cursor:
        parameters = [*([SETTING] if asks else []), SETTING, value]
        cursor.execute(f"SELECT {before}, set_config(%s, %s, true){also}", parameters)
        found: str | None = cursor.fetchone()[0]
    return found
