"""The record of calls: each act once per reference, whoever sends it how often."""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from events.models import Author
from providers import clock
from providers.failures import normalise
from providers.port import Account, Answer, Verdict
from providers.sandbox.models import Call
from resources import ids
from tenancy.actors import Actor
from tenancy.roles import Role


@dataclass(frozen=True)
class Visit:
    """One request as the sandbox receives it: whose, when in business time, under which profile."""

    application_id: uuid.UUID
    now: datetime
    profile: str | None
    has_faults: bool
    is_first: bool


def house(account: Account) -> Actor:
    """The sandbox's own hand; it reaches the rows of this account alone."""
    return Actor(
        kind=Author.SYSTEM, id=None, name="Sandbox", role=Role.ADMIN, application_ids=(account.application_id,)
    )


def receive(account: Account, *, reference: str, operation: str, resource_id: uuid.UUID) -> Visit:
    """Note an act that arrives, unless it is known. A second one under its reference waits here for the first.

    One statement, because it is part of every payment.
    """
    wall = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH first AS (
                INSERT INTO sandbox_call
                    (id, application_id, reference, operation, resource_id, code, message, called_at)
                SELECT %(id)s, id, %(reference)s, %(operation)s, %(resource)s, '', '', %(wall)s + clock_offset
                FROM application WHERE id = %(application)s
                ON CONFLICT (application_id, reference) DO NOTHING
                RETURNING 1
            )
            SELECT clock_offset, EXISTS (SELECT FROM sandbox_fault WHERE application_id = %(application)s),
                EXISTS (SELECT FROM first)
            FROM application WHERE id = %(application)s
            """,
            {
                "id": ids.new_id(),
                "application": account.application_id,
                "reference": reference,
                "operation": operation,
                "resource": resource_id,
                "wall": wall,
            },
        )
        offset, has_faults, is_first = cursor.fetchone()
    return _visit(account, wall + offset, has_faults=has_faults, is_first=is_first)


def look_in(account: Account) -> Visit:
    """A request that asks for nothing to be done."""
    wall = clock.now()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_offset, EXISTS (SELECT FROM sandbox_fault WHERE application_id = %(application)s)"
            " FROM application WHERE id = %(application)s",
            {"application": account.application_id},
        )
        offset, has_faults = cursor.fetchone()
    return _visit(account, wall + offset, has_faults=has_faults, is_first=False)


def find(reference: str, visit: Visit) -> Call | None:
    return Call.objects.filter(application_id=visit.application_id, reference=reference).first()


def get(reference: str, visit: Visit) -> Call:
    return Call.objects.get(application_id=visit.application_id, reference=reference)


def forget(reference: str, visit: Visit) -> None:
    """Take back the note of an act that was not carried out."""
    Call.objects.filter(application_id=visit.application_id, reference=reference).delete()


def note_refusal(answer: Answer, *, reference: str, visit: Visit) -> None:
    """Keep a refusal that leaves no resource behind to tell it."""
    call = Call.objects.filter(application_id=visit.application_id, reference=reference)
    call.update(code=answer.code, message=answer.message)


def refusal(code: str) -> Answer:
    code, message = normalise(code)
    return Answer(Verdict.REFUSED, code=code, message=message)


def time_until(due_at: datetime, now: datetime) -> timedelta:
    """When to ask again for what is due then; never at once."""
    return max(due_at - now, timedelta(seconds=1))


def _visit(account: Account, now: datetime, *, has_faults: bool, is_first: bool) -> Visit:
    profile = account.settings.get("sandbox_profile")
    return Visit(account.application_id, now, profile, has_faults=has_faults, is_first=is_first)
