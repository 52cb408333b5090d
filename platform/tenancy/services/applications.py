from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings

from resources.errors import DomainError
from resources.lookup import find
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import act


class ClockRunsLive(DomainError):
    message = "The clock of a live installation cannot be set."


def find_application(public_id: str, *, by: Actor) -> Application:
    """A tenant in the actor's sight, never the platform itself; call it in a transaction. Raises NotVisible."""
    found: Application = find(Application.objects.visible_to(by).tenants(), public_id)
    return found


def update_application(
    *, application: Application, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Application:
    """Change what is in `values`; what is so already writes no event. Raises ChangedMeanwhile for an old `version`."""
    by.require(Permission.MANAGE_APPLICATIONS)
    with act("update_application", by=by, at=at, application_id=application.id, resource=application.handle) as current:
        application = Application.objects.visible_to(by).select_for_update().get(pk=application.pk)
        application.refuse_stale(version)
        changes = application.assign(values)
        if changes:
            application.updated_at = at
            application.save(update_fields=[*changes, "updated_at"])
            current.record("application.updated", application, application_id=application.id, changes=changes)
    return application


def set_clock_offset(*, application: Application, offset: timedelta, by: Actor, at: datetime) -> Application:
    """Let an application's business time run ahead of wall time. Raises ClockRunsLive outside a sandbox."""
    if settings.IS_LIVE:
        raise ClockRunsLive
    return update_application(application=application, values={"clock_offset": offset}, by=by, at=at)
