"""What is held: whether it may be taken or let go, and how a provider's verdict on it enters our rows."""

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from payments.models import Authorization
from payments.services.copies import copy_authorization, differences
from providers import copying, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.transactions import Act

Fail = Callable[[Act, Authorization, Ending], None]


class NotHeld(DomainError):
    """The authorization holds nothing that could be captured or voided."""


def obstacle_to_hold(authorization: Authorization, now: datetime) -> str:
    """Why it can be neither captured nor voided at a business time, in a sentence; empty where it can."""
    if authorization.state == Authorization.State.PENDING:
        return "Whether the authorization was granted is not known yet."
    if authorization.has_failed:
        return "The authorization failed, so nothing is held."
    if authorization.is_captured:
        return "The authorization was captured already."
    if authorization.is_void:
        return "The authorization is void."
    if authorization.released_at is not None or authorization.has_expired(now):
        return "The authorization has expired, and its hold was released."
    return ""


def locked_hold(key: uuid.UUID, now: datetime, by: Actor) -> Authorization:
    """The authorization under its lock, as something that is held. Raises NotHeld, NotVisible."""
    rows = Authorization.objects.visible_to(by).select_related("processor").select_for_update(of=("self",))
    held: Authorization = find(rows, ids.public_id(Authorization.PREFIX, key))
    if obstacle := obstacle_to_hold(held, now):
        raise NotHeld(obstacle)
    return held


def operation(
    name: str,
    *,
    is_open: Callable[[Authorization], bool],
    fail: Fail,
    rebuild: Callable[[Attempt, Actor], port.Act | None],
) -> Operation:
    """An operation whose resource is an authorization.

    `is_open` tells whether the row still waits for the verdict; `fail` writes one that the provider kept nothing of.
    """
    return Operation(name, lock=_lock, copy=_copying(is_open, fail), rebuild=rebuild)


def save(current: Act, authorization: Authorization, changes: Mapping[str, list[Any]]) -> None:
    authorization.updated_at = max(authorization.updated_at, current.at)
    authorization.save(update_fields=[*changes, "updated_at"])
    current.record(
        "authorization.updated", authorization, application_id=authorization.application_id, changes=dict(changes)
    )


def _lock(attempt: Attempt, by: Actor) -> Authorization:
    return Authorization.objects.visible_to(by).select_for_update().get(pk=attempt.resource_id)


def _copying(
    is_open: Callable[[Authorization], bool], fail: Fail
) -> Callable[[Act, Attempt, Authorization, Ending], Authorization]:
    def copy(current: Act, attempt: Attempt, authorization: Authorization, ending: Ending) -> Authorization:
        account = port.Account(attempt.application_id)
        for news in ending.news:
            if isinstance(news, port.Payment) and (news.id != authorization.pk or differences(authorization, news)):
                raise ValueError("The provider speaks of another payment")
            if isinstance(news, port.Authorization):
                authorization = copy_authorization(current, account, attempt.provider, news, row=authorization)
            else:
                copying.copy(current, account, attempt.provider, news)
        if ending.state == Attempt.State.ACCEPTED and is_open(authorization):
            raise ValueError("The provider decided, under a version that is known as undecided")
        if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and is_open(authorization):
            fail(current, authorization, ending)
        return authorization

    return copy
