"""The base of what belongs to an application."""

from typing import Self, TypeVar

from django.db import models

from resources.models import Resource
from tenancy.actors import Actor

Model = TypeVar("Model", bound=models.Model)


class TenantQuerySet(models.QuerySet[Model]):
    """Rows that belong to an application. Views, services, tasks and exports begin with `visible_to`."""

    def visible_to(self, actor: Actor) -> Self:
        """What the actor may see; the first of the two fences, row security being the second."""
        if actor.is_platform:
            return self
        return self.filter(application_id__in=actor.application_ids)


class TenantResource(Resource):
    """A resource of one application. Its indexes begin with the application, so the key has none of its own."""

    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)

    class Meta:
        abstract = True
