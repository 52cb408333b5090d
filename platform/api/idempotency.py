"""Idempotency keys on the wire: where a key is told, what a repeat is answered, and how an answer is kept."""

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from api.errors import BadRequest
from api.rendering import HALRenderer
from events.models import Author
from jobs import idempotency
from jobs.idempotency import Answer, Claim, KeyTaken
from jobs.models import IdempotencyKey
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.transactions import transaction

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
MEMBER = "idempotency_id"
REPLAYED = "Idempotent-Replayed"
METHODS = frozenset({"POST", "PUT", "PATCH"})

_WAIT_SECONDS = 10.0
_STRANGER_WAITS_SECONDS = 1.0  # who waits holds a thread, and anybody may come without a log-in
_PAUSE_SECONDS = 0.05
_LONGEST_PAUSE_SECONDS = 0.5


class IdempotencyMismatch(DomainError):
    code = "IDEMPOTENCY_MISMATCH"
    message = "This idempotency key was used for another request. Nothing was done."


class IdempotencyKeyUsed(DomainError):
    """The application wants every repeat refused, as the document has it."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self, named: str) -> None:
        super().__init__(f"This idempotency key was used before, for {named or 'another request'}.")


class IdempotencyInProgress(DomainError):
    code = "IDEMPOTENCY_IN_PROGRESS"
    status = 409
    retry_after_seconds = 1

    def __init__(self, named: str) -> None:
        super().__init__(f"The first request under this key is still being carried out{named and f', as {named}'}.")


def claim_of(
    request: Request,
    told: Mapping[str, Any],
    arguments: Mapping[str, Any],
    answer_of: Callable[[Any], Answer] | None,
    *,
    whose: str = "",
) -> Claim | None:
    """The claim that a validated request makes; None without a key. Raises BadRequest for two different keys.

    Callers who are not told apart by their application are by `whose`: equal keys of two of them are two keys.
    """
    if request.method not in METHODS:
        return None
    header, member = request.headers.get(HEADER), told.get(MEMBER)
    if header is not None and member is not None and header != member:
        raise BadRequest(f"{HEADER} and {MEMBER} name two different keys.", field=HEADER)
    key = member if header is None else header
    if key is None:
        return None
    members = {name: value for name, value in told.items() if name != MEMBER}
    return idempotency.make_claim(
        f"{operation_of(request)} {whose}".rstrip(),
        key,
        [dict(arguments), members],
        answer_of=answer_of,
        field=HEADER if member is None else MEMBER,
    )


def operation_of(request: Request) -> str:
    """Method and route, as keys are scoped by: `POST transfers`."""
    match = request.resolver_match
    return f"{request.method} {match.route if match else request.path}"[:100]


def rendered(data: Any) -> bytes:
    """A document as it is sent."""
    return bytes(HALRenderer().render(data))


def answer_from(answer: Answer, request: Request, *, is_replay: bool = False) -> HttpResponse:
    """An answer that is sent, or sent again, as it is kept."""
    renderer = getattr(request, "accepted_renderer", HALRenderer())
    response = HttpResponse(answer.body, status=answer.status, content_type=renderer.media_type)
    if is_replay:
        response[REPLAYED] = "true"
    return response


def keep_late(response: Response, by: Actor, answer_of: Callable[[Response], Answer], *, is_result: bool) -> None:
    """Keep the answer of an act of ours alone, right after its commit; were we killed now, a repeat shows the row."""
    claim = idempotency.current()
    if claim is None or not claim.is_taken or claim.kept is not None or not is_result:
        return
    try:
        with transaction(by=by):
            idempotency.keep(claim, answer_of(response))
    except (OperationalError, InterfaceError):  # the act stands, so its answer goes out
        logger.exception("answer_not_kept")


def used_before(by: Actor | None) -> KeyTaken | None:
    """Whether what is refused now was done before under its key: then that is what a repeat is told.

    It is asked where an act was refused before it took its key, as for a merchant that can no longer be chosen.
    """
    claim = idempotency.current()
    if by is None or claim is None or claim.is_taken:
        return None
    with transaction(by=by):
        row = idempotency.find_same(claim)
    return None if row is None else KeyTaken(row.application_id, claim)


def first_answer(
    taken: KeyTaken,
    by: Actor,
    *,
    as_it_is: Callable[[uuid.UUID], Answer | None],
    name_of: Callable[[IdempotencyKey], str],
) -> Answer | None:
    """What the first request under the key was answered; None once it was undone, so that this one may run.

    While the first one runs it is waited for. `as_it_is` makes the answer from a resource that is decided, and None
    while it is not. Raises IdempotencyMismatch, IdempotencyKeyUsed, IdempotencyInProgress.
    """
    is_stranger = by.kind == Author.STRANGER
    end = time.monotonic() + (_STRANGER_WAITS_SECONDS if is_stranger else _WAIT_SECONDS)
    pause = _PAUSE_SECONDS
    while True:
        with transaction(by=by):
            row = idempotency.find(taken)
            if row is None:
                return None
            if _mode(taken.application_id, by) == Application.IdempotencyMode.EXCEPTION:
                raise IdempotencyKeyUsed(name_of(row))
            if bytes(row.fingerprint) != taken.claim.fingerprint:
                raise IdempotencyMismatch
        if row.body is not None and row.is_final and row.status is not None:
            return Answer(row.status, bytes(row.body))
        found = as_it_is(row.resource_id) if row.resource_id else None
        if found is not None:
            return found if found.status < 400 else _told_alike(row, found, by)
        if row.body is not None and row.status is not None:
            return Answer(row.status, bytes(row.body))
        if time.monotonic() >= end:
            raise IdempotencyInProgress(name_of(row))
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def _told_alike(row: IdempotencyKey, found: Answer, by: Actor) -> Answer:
    """A refusal has a number of its own in the log, so it is made once. A document is made as its reader may see it."""
    with transaction(by=by):
        return idempotency.settle(row.pk, found)


def _mode(application_id: uuid.UUID, by: Actor) -> str | None:
    found = Application.objects.visible_to(by).filter(pk=application_id)
    mode: str | None = found.values_list("idempotency_mode", flat=True).first()
    return mode
