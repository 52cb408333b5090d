"""Forms that do once what they ask, however often they are sent: a double click, or a reload of the answer.

The form carries a random key, which becomes the idempotency key of its act. Whoever sends the same form again is taken
to what the first one made.
"""

import secrets
import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

from django.forms import BaseForm

from events.models import Author
from jobs import idempotency
from jobs.idempotency import KeyTaken
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.transactions import transaction

Row = TypeVar("Row")

FIELD = "key"
_WAIT_SECONDS = 10.0
_STRANGER_WAITS_SECONDS = 1.0  # who waits holds a thread, and anybody may come by a link
_PAUSE_SECONDS = 0.1


class SentBefore(DomainError):
    """The form came under a key that belongs to other contents, as after a step back in the browser."""

    code = "CONFLICT"
    status = 409
    message = "This form was sent before, with other contents, and that was done. Send it once more to do this as well."


class StillRunning(DomainError):
    code = "CONFLICT"
    status = 409
    message = "The same form was sent a moment ago and is still being carried out. Nothing is done twice."


def new_key() -> str:
    """A key for a form that is shown anew."""
    return secrets.token_urlsafe(18)


def renew(form: BaseForm, key: str) -> None:
    """Let a form that was sent be sent again as another one."""
    form.data = {**dict(form.data.items()), FIELD: key}


def renew_after(form: BaseForm, error: DomainError) -> None:
    """The same, where that is what stood in its way."""
    if isinstance(error, SentBefore):
        renew(form, new_key())


def key_after(error: DomainError, key: str) -> str:
    """The key of a form that was refused, for pages that keep it beside the form: another one in that case."""
    return new_key() if isinstance(error, SentBefore) else key


def once(
    operation: str,
    *,
    key: str,
    told: Any,
    do: Callable[[], Row],
    made: Callable[[uuid.UUID], Row | None],
    by: Actor,
) -> Row:
    """What `do` makes, or made when the form was sent first; that one is waited for.

    `told` is the validated contents of the form; `made` finds the row by its key, in a transaction, and gives None
    while it is not there. Raises SentBefore, StillRunning, FieldError for a key that is none, and what `do` raises.
    """
    end = time.monotonic() + (_STRANGER_WAITS_SECONDS if by.kind == Author.STRANGER else _WAIT_SECONDS)
    while True:
        claim = idempotency.make_claim(operation, key, told, field=FIELD)
        try:
            with idempotency.scope(claim):
                return do()
        except KeyTaken as taken:
            row = _of_the_first(taken, made, by, end)
            if row is not None:
                return row


def _of_the_first(taken: KeyTaken, made: Callable[[uuid.UUID], Row | None], by: Actor, end: float) -> Row | None:
    """What the first one made; None once it was undone, so that this one may run."""
    while True:
        with transaction(by=by):
            kept = idempotency.find(taken)
            if kept is None:
                return None
            if bytes(kept.fingerprint) != taken.claim.fingerprint:
                raise SentBefore
            row = made(kept.resource_id) if kept.resource_id else None
        if row is not None:
            return row
        if time.monotonic() >= end:
            raise StillRunning
        time.sleep(_PAUSE_SECONDS)
