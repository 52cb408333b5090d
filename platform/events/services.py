"""Writing the two histories, inside the transaction of the act; `tenancy.transactions.act` is the usual caller."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from events.models import Audit, Author, Event
from resources.models import Resource

Changes = dict[str, list[Any]]

_OF_AN_EVENT = (
    "id", "application_id", "kind", "resource_kind", "resource_id", "changes", "author_kind", "author_id",
    "author_name", "request_id", "occurred_at",
)  # fmt: skip
# The sequence counts all events of the resource, those included that were written under another tenant. One statement,
# because it is part of every act.
_ADD_EVENT = """
INSERT INTO event (
    id, application_id, kind, resource_kind, resource_id, sequence, changes, author_kind, author_id, author_name,
    request_id, occurred_at
) VALUES (
    %(id)s, %(application_id)s, %(kind)s, %(resource_kind)s, %(resource_id)s,
    coalesce(%(sequence)s::integer, event_last_sequence(%(resource_id)s) + 1), %(changes)s, %(author_kind)s,
    %(author_id)s, %(author_name)s, %(request_id)s, %(occurred_at)s
) RETURNING sequence
"""


@dataclass(frozen=True)
class Signature:
    """Who stands behind a row of a history, and from where."""

    kind: Author
    id: uuid.UUID | None
    name: str
    role: str = ""
    address: str | None = None
    browser: str = ""
    request_id: str = ""


def record_event(
    kind: str,
    resource: Resource,
    *,
    application_id: uuid.UUID,
    by: Signature,
    at: datetime,
    changes: Changes | None = None,
    is_first: bool = False,
) -> Event:
    """Add a change to the history of a resource, whose row the caller has locked or, `is_first`, just made."""
    event = Event(
        application_id=application_id,
        kind=kind,
        resource_kind=resource.KIND,
        resource_id=resource.pk,
        changes=changes or {},
        author_kind=by.kind,
        author_id=by.id,
        author_name=by.name,
        request_id=by.request_id,
        occurred_at=at,
    )
    values = {name: getattr(event, name) for name in _OF_AN_EVENT}
    values |= {"author_kind": str(by.kind), "changes": Jsonb(event.changes), "sequence": 1 if is_first else None}
    with connection.cursor() as cursor:
        cursor.execute(_ADD_EVENT, values)
        (event.sequence,) = cursor.fetchone()
    return event


def record_audit(
    action: str,
    *,
    application_id: uuid.UUID,
    by: Signature,
    at: datetime,
    result: Audit.Result = Audit.Result.DONE,
    reason: str = "",
    resource: tuple[str, uuid.UUID] | None = None,
    events: Iterable[Event] = (),
) -> Audit:
    """Add an act or a denial to the audit history; `resource` is the kind and key of what it was done to."""
    kind, key = resource or ("", None)
    return Audit.objects.create(
        application_id=application_id,
        action=action,
        result=result,
        reason=reason[:200],
        resource_kind=kind,
        resource_id=key,
        author_kind=by.kind,
        author_id=by.id,
        author_name=by.name,
        author_role=by.role,
        address=by.address,
        browser=by.browser[:200],
        request_id=by.request_id,
        events=[event.id for event in events],
        occurred_at=at,
    )
