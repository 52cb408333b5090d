"""The platform's own application: where stands what belongs to no tenant."""

import uuid

from django.db import connection, connections

from resources import ids
from tenancy.models import Application


def platform_id() -> uuid.UUID:
    """The key of the platform's application; readable before an actor is known."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenancy_platform_id()")
        (found,) = cursor.fetchone()
    key: uuid.UUID = found
    return key


def ensure_platform(*, using: str) -> None:
    """Make the platform's application where there is none yet; as the owner, right after the migrations."""
    if connections[using].introspection.table_names() and not Application.objects.using(using).filter(is_platform=True):
        Application.objects.using(using).bulk_create(
            [Application(id=ids.new_id(), name="Platform", is_platform=True)], ignore_conflicts=True
        )
