from collections.abc import Mapping
from datetime import datetime
from typing import Any

from resources.lookup import find
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import act


def find_application(public_id: str, *, by: Actor) -> Application:
    """A tenant in the actor's sight, never the platform itself; call it in a transaction. Raises NotVisible."""
    found: Application = find(Application.objects.visible_to(by).tenants(), public_id)
    return found


def update_application(
    *, application: Application, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Application:
    """Change what is in `values`; what is so already writes no event. Raises ChangedMeanwhile for an old `version`."""
    by.require(Permission.MANAGE_APPLICATIONS)
    with act("update_application", by=by, at=at, application_id=application.id) as current:
        application = Application.objects.visible_to(by).select_for_update().get(pk=application.pk)
        application.refuse_stale(version)
        changes = application.assign(values)
        if changes:
            application.updated_at = at
            application.save(update_fields=[*changes, "updated_at"])
            current.record("application.updated", application, application_id=application.id, changes=changes)
    return application
