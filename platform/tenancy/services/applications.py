from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import act


def update_application(*, application: Application, values: Mapping[str, Any], by: Actor, at: datetime) -> Application:
    """Change what is in `values`. Setting what is set already writes no event."""
    by.require(Permission.MANAGE_APPLICATIONS)
    with act("update_application", by=by, at=at, application_id=application.id) as current:
        application = Application.objects.visible_to(by).select_for_update().get(pk=application.pk)
        changes = application.assign(values)
        if changes:
            application.updated_at = at
            application.save(update_fields=[*changes, "updated_at"])
            current.record("application.updated", application, application_id=application.id, changes=changes)
    return application
