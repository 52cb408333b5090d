"""Voids: what is held is let go."""

from datetime import datetime

from payments.models import Authorization
from payments.services import holds
from payments.services.holds import locked_hold
from providers import attempts, port
from providers.attempts import Ending
from providers.crash import crash_point
from providers.models import Attempt
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act

VOID = "void"


def void_authorization(*, authorization: Authorization, by: Actor, at: datetime) -> Authorization:
    """Release what is held. It is void at once, and `void_state` tells what the provider makes of it.

    Where the provider refuses, it is held again. Raises NotHeld; then nothing is kept.
    """
    by.require(Permission.CREATE_TRANSFERS)
    application_id = authorization.application_id
    with act(
        "void_authorization", by=by, at=at, application_id=application_id, resource=authorization.handle
    ) as current:
        offset = authorization.application.clock_offset
        held = locked_hold(authorization.pk, at + offset, by)
        changes = held.move_void_to(Authorization.VoidState.PENDING)
        held.voids += 1
        held.updated_at = max(held.updated_at, at + offset)
        held.save(update_fields=[*changes, "voids", "updated_at"])
        current.record("authorization.updated", held, application_id=application_id, changes=changes)
        attempt = attempts.claim(
            operation=VOID,
            model=Authorization,
            resource_id=held.pk,
            application_id=application_id,
            processor=held.processor.processor,
            at=at,
            amount=held.amount,
            currency=held.currency,
            named=f"{held.public_id}-void",
            number=held.voids,
        )
        crash_point("claiming")
    account = port.Account(application_id, held.processor.application_config)
    row: Authorization = attempts.carry_out(attempt, port.Void(held.pk), account=account, by=by, claimed=held)
    return row


def _fail(current: Act, authorization: Authorization, ending: Ending) -> None:
    """It is held again; why, is told in its messages: a code, and what it means."""
    changes = authorization.move_void_to(Authorization.VoidState.FAILED)
    changes |= authorization.assign({"messages": [text for text in (ending.code, ending.message) if text]})
    holds.save(current, authorization, changes)


def _rebuild(attempt: Attempt, by: Actor) -> port.Void:
    del by
    return port.Void(attempt.resource_id)


void = holds.operation(
    VOID, is_open=lambda row: row.void_state == Authorization.VoidState.PENDING, fail=_fail, rebuild=_rebuild
)
