"""Writing the two histories, inside the transaction of the act; `tenancy.transactions.act` is the usual caller."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from events.models import Audit, Author, Event
from resources.models import Resource

Changes = dict[str, list[Any]]


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
) -> Event:
    """Add a change to the history of a resource, whose row the caller has locked or just made."""
    return Event.objects.create(
        application_id=application_id,
        kind=kind,
        resource_kind=resource.KIND,
        resource_id=resource.pk,
        sequence=_last_sequence(resource.pk) + 1,
        changes=changes or {},
        author_kind=by.kind,
        author_id=by.id,
        author_name=by.name,
        request_id=by.request_id,
        occurred_at=at,
    )


def record_audit(
    action: str,
    *,
    application_id: uuid.UUID,
    by: Signature,
    at: datetime,
    result: Audit.Result = Audit.Result.DONE,
    reason: str = "",
    events: Iterable[Event] = (),
) -> Audit:
    """Add an act or a denial to the audit history."""
    return Audit.objects.create(
        application_id=application_id,
        action=action,
        result=result,
        reason=reason[:200],
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


def _last_sequence(resource_id: uuid.UUID) -> int:
    """Of all its events, those included that were written under another tenant."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT event_last_sequence(%s)", [resource_id])
        (last,) = cursor.fetchone()
    return int(last)
