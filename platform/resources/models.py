"""The base of every resource that has a public id."""

import uuid
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from django.db import models
from django.utils import timezone

from resources import ids
from resources.errors import ChangedMeanwhile


class Resource(models.Model):
    """A row with a public id, tags and the two documented moments. `KIND` is its word in events and documents."""

    PREFIX: ClassVar[str]
    KIND: ClassVar[str]

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.public_id

    @property
    def public_id(self) -> str:
        return ids.public_id(self.PREFIX, self.id)

    @property
    def handle(self) -> tuple[str, uuid.UUID]:
        """Kind and key, by which histories and idempotency keys name it."""
        return self.KIND, self.pk

    @property
    def version(self) -> str:
        """Tells one state of the row from the next; forms carry it."""
        return self.updated_at.isoformat()

    def refuse_stale(self, version: str | None) -> None:
        """Call it after the lock. Raises ChangedMeanwhile; None is a caller who does not mind."""
        if version is not None and version != self.version:
            raise ChangedMeanwhile

    def assign(self, values: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Set fields, and tell the ones that differ as `field -> [before, after]` in JSON values."""
        changes = {}
        for name, value in values.items():
            before = getattr(self, name)
            if before != value:
                changes[name] = [_plain(before), _plain(value)]
                setattr(self, name, value)
        return changes

    @classmethod
    def parse_id(cls, text: str) -> uuid.UUID:
        """The key behind a public id of this resource. Raises ids.MalformedId."""
        return ids.parse_public_id(cls.PREFIX, text)


def _plain(value: Any) -> Any:
    if isinstance(value, Resource):
        return value.public_id
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, uuid.UUID | Decimal | timedelta):
        return str(value)
    return value
