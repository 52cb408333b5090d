"""The hash chain over audit rows: each seal covers what a range of transactions wrote and holds the hash before it.

Rows are sealed after their transactions have ended, so writing one costs nothing more. Call these with every tenant in
sight; `tenancy.services.sealing` does. An open transaction of the server, in another database too, holds up the sealing
of what was written after it began, and breaks nothing. Transaction numbers go on in a restored base backup; in a new
cluster that a dump is loaded into they begin low again: set its counter beyond the last seal (`pg_resetwal -x`).
"""

import hashlib
import json
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.db.models import QuerySet

from events.models import Audit, AuditSeal

_LOCK = 7_102
"""Of PostgreSQL's advisory locks: who holds it seals."""

_START = b"\0" * 32


class NumbersWentBack(RuntimeError):
    """The database counts transactions anew, below what is sealed already."""


def seal(at: datetime) -> AuditSeal | None:
    """Seal what no open transaction can add to any more. None if there is nothing, or somebody else is at it."""
    if not _lock():
        return None
    last = AuditSeal.objects.order_by("number").last()
    until, begin = _oldest_open_transaction(), last.until_transaction if last else 0
    if until < begin:
        raise NumbersWentBack
    rows = _rows(begin, until)
    first = rows.first()
    if first is None:
        return None
    made = AuditSeal(
        number=last.number + 1 if last else 1,
        until_transaction=until,
        count=rows.count(),
        first_audit_id=first.id,
        last_audit_id=rows.reverse()[0].id,
        sealed_at=at,
    )
    made.hash = _hash(bytes(last.hash) if last else _START, made, rows.iterator())
    made.save(force_insert=True)
    return made


@dataclass(frozen=True)
class Verdict:
    """What the verifier found. `broken` are numbers of seals that do not fit what they cover; empty if all is well."""

    seals: int
    rows: int
    reaches: datetime | None
    broken: list[int]


def verify() -> Verdict:
    """Compute the whole chain anew."""
    broken, before, begin, rows = [], _START, 0, 0
    last: AuditSeal | None = None
    for number, current in enumerate(AuditSeal.objects.order_by("number").iterator(), 1):
        covered = _rows(begin, current.until_transaction)
        count = covered.count()
        if (
            current.number != number
            or current.count != count
            or bytes(current.hash) != _hash(before, current, covered.iterator())
        ):
            broken.append(current.number)
        before, begin, rows, last = bytes(current.hash), current.until_transaction, rows + count, current
    return Verdict(number if last else 0, rows, last.sealed_at if last else None, broken)


def _rows(begin: int, until: int) -> QuerySet[Audit]:
    return Audit.objects.filter(transaction_id__gte=begin, transaction_id__lt=until).order_by("transaction_id", "id")


def _lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK])
        (locked,) = cursor.fetchone()
    return bool(locked)


def _oldest_open_transaction() -> int:
    """Every transaction below has ended, and no new one will get such a number."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")
        (number,) = cursor.fetchone()
    return int(number)


def _hash(before: bytes, current: AuditSeal, rows: Iterable[Audit]) -> bytes:
    digest = hashlib.sha256(before)
    for part in _parts(current, rows):
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.digest()


def _parts(current: AuditSeal, rows: Iterable[Audit]) -> Iterator[bytes]:
    told = [current.number, current.until_transaction, current.count, current.first_audit_id, current.last_audit_id]
    yield _canonical([*told, current.sealed_at])
    for row in rows:
        yield _canonical({field.attname: getattr(row, field.attname) for field in Audit._meta.concrete_fields})


def _canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), default=_plain).encode()


def _plain(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, uuid.UUID):
        return str(value)
    raise TypeError(type(value).__name__)
