"""What somebody may do about an attempt whose outcome is not known: have the provider asked, and nothing else.

It may have been executed, so nobody sends it again, and nobody says by hand how it ended.
"""

import uuid
from datetime import datetime

from providers import attempts, clock
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, NotVisible
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import act, transaction


class AttemptDecided(DomainError):
    code = "CONFLICT"
    status = 409
    message = "The outcome is known, so there is nothing left to ask."


class AttemptNotSent(DomainError):
    code = "CONFLICT"
    status = 409
    message = "It has not been sent yet, so the provider knows nothing of it. The worker sends it."


class AttemptUnderWay(DomainError):
    code = "CONFLICT"
    status = 409
    message = "It is on its way to the provider, and whoever sent it may still get the answer."


class CannotBeAsked(DomainError):
    """Without a look-up the only question is to send it again, of which this provider may make a second one."""

    code = "CONFLICT"
    status = 409
    message = "This provider cannot be asked from here. Look it up there by its reference."


class AlreadyAsked(DomainError):
    code = "CONFLICT"
    status = 409
    message = "The provider is being asked already. Nothing is asked twice."


def ask_now(*, attempt_id: uuid.UUID, by: Actor, at: datetime) -> Attempt:
    """Let the provider be asked at once what became of an attempt, also where nobody asks any more.

    The worker asks, as it would have later by itself. Raises NotVisible, and what `refuse_to_ask` does; AlreadyAsked
    where that is due anyway.
    """
    by.require(Permission.RESOLVE_ATTEMPTS)
    with transaction(by=by):
        found = _find(attempt_id, by)
    about = (found.resource_kind, found.resource_id)
    with act("ask_provider", by=by, at=at, application_id=found.application_id, resource=about):
        attempts.operation_of(found).lock(found, by)  # first, as whoever concludes the attempt does
        attempt = _find(attempt_id, by, is_locked=True)
        refuse_to_ask(attempt, at)
        if attempts.is_being_asked(attempt, max(at, clock.now())):  # who waited for the lock has come by an older `at`
            raise AlreadyAsked
        attempts.bring_forward(attempt, at)
    return attempt


def refuse_to_ask(attempt: Attempt, at: datetime) -> None:
    """Raises AttemptDecided, AttemptNotSent, AttemptUnderWay, CannotBeAsked, or NoProvider."""
    if not attempt.is_open:
        raise AttemptDecided
    if attempt.is_unsent:
        raise AttemptNotSent
    if attempt.leased_until > at:
        raise AttemptUnderWay
    if not attempts.capabilities_of(attempt).has_lookup:
        raise CannotBeAsked


def _find(attempt_id: uuid.UUID, by: Actor, *, is_locked: bool = False) -> Attempt:
    visible = Attempt.objects.visible_to(by)
    found = (visible.select_for_update() if is_locked else visible).filter(pk=attempt_id).first()
    if found is None:
        raise NotVisible(ids.encode(attempt_id))
    return found
