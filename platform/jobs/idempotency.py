"""Idempotency keys: a caller may repeat a request under its key, and the act is done once.

The edge (a view, a form) puts a claim in scope; the first act that is opened takes it, in its own transaction, so that
the key is there exactly when the act is. The answer is kept with the verdict, or right after an act of ours alone.
"""

import hashlib
import hmac
import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from jobs.models import IdempotencyKey
from resources import ids
from resources.errors import DomainError, FieldError

KEPT = timedelta(days=30)
_LONGEST = 255
WHAT_IS_A_KEY = f"A key has 1 to {_LONGEST} printable characters"
NOT_TAKEN = uuid.UUID(int=0)


class KeyTaken(DomainError):
    """The key was used before; nothing was done now. Whoever put the claim in scope finds out what to answer.

    Told as it is, it comes of a key that was freed and taken again by yet another request.
    """

    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    retry_after_seconds = 1
    message = "Another request under this idempotency key is being carried out."

    def __init__(self, application_id: uuid.UUID, claim: "Claim") -> None:
        super().__init__()
        self.application_id = application_id
        self.claim = claim


def is_key(text: str) -> bool:
    return len(text) <= _LONGEST and bool(text.strip()) and text.isprintable()


@dataclass(frozen=True)
class Answer:
    """What was or is answered. Not final: it showed something pending, and a repeat shows it as it then is."""

    status: int
    body: bytes
    is_final: bool = True


@dataclass
class Claim:
    """A key that its caller wants to use. `answer_of` makes the answer from the row that the verdict gives."""

    operation: str
    key: str
    fingerprint: bytes
    answer_of: Callable[[Any], Answer] | None = None
    row_id: uuid.UUID = NOT_TAKEN
    kept: Answer | None = None

    @property
    def is_taken(self) -> bool:
        return self.row_id != NOT_TAKEN


_in_scope: ContextVar[Claim | None] = ContextVar("idempotency_claim", default=None)


def make_claim(
    operation: str, key: str, told: Any, *, answer_of: Callable[[Any], Answer] | None = None, field: str
) -> Claim:
    """A claim over a validated request. `field` names the key's carrier in the refusal. Raises FieldError."""
    if not is_key(key):
        raise FieldError(field, WHAT_IS_A_KEY)
    text = json.dumps([operation, told], sort_keys=True, default=_plain, separators=(",", ":"))
    fingerprint = hmac.digest(settings.VAULT_INDEX_KEY, text.encode(), hashlib.sha256)
    return Claim(operation, key, fingerprint, answer_of)


@contextmanager
def scope(claim: Claim | None = None) -> Iterator[None]:
    """Within it the next act takes the claim, which may also be put there later, by `put`."""
    token = _in_scope.set(claim)
    try:
        yield
    finally:
        _in_scope.reset(token)


def put(claim: Claim) -> None:
    _in_scope.set(claim)


def current() -> Claim | None:
    return _in_scope.get()


def take(application_id: uuid.UUID, *, resource: tuple[str, uuid.UUID] | None = None) -> Claim | None:
    """Write the key of the claim in scope, as part of the caller's act; None where there is none to take.

    A request under the same key that is just being written is waited for. Raises KeyTaken.
    """
    claim = _in_scope.get()
    if claim is None or claim.is_taken:
        return None
    kind, resource_id = resource or ("", None)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO idempotency_key"
            " (id, application_id, operation, key, fingerprint, resource_kind, resource_id, is_final, created_at)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, false, now()) ON CONFLICT DO NOTHING RETURNING id",
            [ids.new_id(), application_id, claim.operation, claim.key, claim.fingerprint, kind, resource_id],
        )
        written = cursor.fetchone()
    if written is None:
        raise KeyTaken(application_id, claim)
    claim.row_id = written[0]
    return claim


def tell_resource(claim: Claim, kind: str, resource_id: uuid.UUID) -> None:
    """Say what the act was about, where that was not known when the key was taken."""
    IdempotencyKey.objects.filter(pk=claim.row_id).update(resource_kind=kind, resource_id=resource_id)


def keep_answer_of(row: Any) -> None:
    """Keep the answer that the row makes, in the transaction of its verdict. Nothing where no key is in scope."""
    claim = _in_scope.get()
    if claim is not None and claim.is_taken and claim.answer_of is not None:
        keep(claim, claim.answer_of(row))


def keep(claim: Claim, answer: Answer) -> None:
    """Keep an answer, to be given again word for word; `claim.kept` is the one that stands, for the first stands."""
    claim.kept = settle(claim.row_id, answer)


def forget_answer() -> None:
    """The transaction that kept the answer of the claim in scope was undone: nothing stands."""
    claim = _in_scope.get()
    if claim is not None:
        claim.kept = None


def settle(row_id: uuid.UUID, answer: Answer) -> Answer:
    """Let this be the answer under a key from now on, and give the one that is: a final one stays as it is."""
    kept = IdempotencyKey.objects.filter(pk=row_id)
    if kept.filter(is_final=False).update(status=answer.status, body=answer.body, is_final=answer.is_final):
        return answer
    row = kept.first()
    if row is None or row.status is None or row.body is None:
        return answer
    return Answer(row.status, bytes(row.body))


def release(application_id: uuid.UUID, resource_id: uuid.UUID) -> None:
    """Free the key of an act that was certainly not executed and left nothing to show."""
    IdempotencyKey.objects.filter(application_id=application_id, resource_id=resource_id, body=None).delete()


def find(taken: KeyTaken) -> IdempotencyKey | None:
    """The row of a key that was taken; None once the act that took it was undone."""
    claim = taken.claim
    return IdempotencyKey.objects.filter(
        application_id=taken.application_id, operation=claim.operation, key=claim.key
    ).first()


def find_same(claim: Claim) -> IdempotencyKey | None:
    """The row of the same request under the same key, of any application in sight."""
    same = IdempotencyKey.objects.filter(operation=claim.operation, key=claim.key, fingerprint=claim.fingerprint)
    return same.first()


def purge(now: datetime) -> int:
    """Delete keys after thirty days, of the applications in sight. What they made refuses them still, by its index."""
    deleted, _ = IdempotencyKey.objects.filter(created_at__lt=now - KEPT).delete()
    return deleted


def _plain(value: Any) -> Any:
    if hasattr(value, "told_apart_by"):  # a secret of the vault, which stands above
        return value.told_apart_by
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "__dataclass_fields__"):
        return {name: getattr(value, name) for name in value.__dataclass_fields__}
    return str(value)
