"""Letting go of holds whose time has passed. The provider does so by itself; here it is written down."""

import uuid
from datetime import datetime

from django.db.models import DateTimeField, ExpressionWrapper, F, Value

from payments.models import Authorization
from tenancy.actors import Actor
from tenancy.transactions import outcome, transaction

_AT_ONCE = 500


def release_expired(*, by: Actor, at: datetime) -> int:
    """Write down the end of holds that nobody captured or voided in time; tells how many.

    Each is locked before it is looked at again, so that a capture under way is not overtaken.
    """
    with transaction(by=by):
        due = (
            Authorization.objects.visible_to(by)
            .still_held()
            .filter(expires_at__lte=ExpressionWrapper(Value(at) + F("application__clock_offset"), DateTimeField()))
        )
        keys = list(due.order_by("expires_at").values_list("pk", flat=True)[:_AT_ONCE])
    return sum(_release(key, by=by, at=at) for key in keys)


def _release(key: uuid.UUID, *, by: Actor, at: datetime) -> bool:
    with outcome(by=by, at=at) as current:
        held = Authorization.objects.visible_to(by).still_held().select_for_update(skip_locked=True)
        authorization = held.filter(pk=key).first()
        if authorization is None:
            return False
        changes = authorization.assign({"released_at": authorization.expires_at})
        authorization.updated_at = max(authorization.updated_at, authorization.expires_at)
        authorization.save(update_fields=["released_at", "updated_at"])
        current.record(
            "authorization.updated", authorization, application_id=authorization.application_id, changes=changes
        )
    return True
