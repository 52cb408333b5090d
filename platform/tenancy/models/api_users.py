from datetime import datetime
from typing import Self

from django.db import models
from django.db.models import Q

from resources.models import Resource
from tenancy.actors import Actor
from tenancy.roles import Role


class ApiUserQuerySet(models.QuerySet["ApiUser"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.is_platform:
            return self
        return self.filter(application_id__in=actor.application_ids)


class ApiUser(Resource):
    """A program's log-in: user id and secret for HTTP Basic. The secret is shown once and kept as a keyed hash.

    Without an application it is a user of the platform, or the owner-to-be of an application that does not exist yet.
    """

    PREFIX = "US"
    KIND = "user"

    application = models.ForeignKey("tenancy.Application", models.PROTECT, null=True, related_name="+")
    identity_id = models.UUIDField(null=True, help_text="Owner's identity of a partner, own identity of a merchant.")
    role = models.CharField(max_length=20, choices=Role)
    name = models.CharField(max_length=60, blank=True, help_text="What it is for, as the portal was told.")
    enabled = models.BooleanField(default=True)
    secret_hash = models.BinaryField(help_text="HMAC-SHA-256 under the pepper.")
    previous_secret_hash = models.BinaryField(null=True, help_text="Of the secret before a rotation.")
    previous_secret_until = models.DateTimeField(null=True, help_text="Until then the one before still opens.")
    last_used_at = models.DateTimeField(null=True, help_text="To the minute or so.")

    objects = ApiUserQuerySet.as_manager()

    class Meta:
        db_table = "api_user"
        constraints = [
            models.CheckConstraint(
                name="api_user_previous_secret_ends",
                condition=Q(previous_secret_hash=None, previous_secret_until=None)
                | Q(previous_secret_hash__isnull=False, previous_secret_until__isnull=False),
            ),
            models.CheckConstraint(
                name="api_user_merchant_has_identity",
                condition=~Q(role=Role.MERCHANT) | Q(identity_id__isnull=False, application__isnull=False),
            ),
            models.CheckConstraint(
                name="api_user_platform_has_no_application",
                condition=~Q(role__in=[Role.ADMIN, Role.PLATFORM]) | Q(application=None),
            ),
        ]
        indexes = [
            models.Index(name="api_user_of_application", fields=["application", "-created_at", "-id"]),
            models.Index(name="api_user_newest", fields=["-created_at", "-id"]),
        ]

    @property
    def display_name(self) -> str:
        """Its name; its id where it has none, as one that the API made."""
        return self.name or self.public_id

    def has_previous_secret(self, at: datetime) -> bool:
        """Whether the secret before the last rotation still opens."""
        return self.previous_secret_until is not None and at < self.previous_secret_until
