import hashlib
import uuid
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.db.models import Q
from django.utils import timezone

from resources import ids
from tenancy.actors import Actor
from tenancy.roles import Permission, Role
from vault.keys import keyed_hash


class PersonQuerySet(models.QuerySet["Person"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.is_platform:
            return self
        return self.filter(application_id__in=actor.application_ids)


class PersonManager(BaseUserManager.from_queryset(PersonQuerySet)):  # type: ignore[misc]  # a class made at run time
    @classmethod
    def normalize_email(cls, email: str | None) -> str:
        return (email or "").strip().lower()

    def get_by_natural_key(self, username: str | None) -> Any:
        return self.get(email=self.normalize_email(username))


class Person(AbstractBaseUser):
    """Somebody who signs in to the portal with e-mail and password, in one role."""

    KIND = "person"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    email = models.EmailField(max_length=100, unique=True, help_text="Lower case.")
    name = models.CharField(max_length=100)
    role = models.CharField(max_length=20, choices=Role)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, null=True, related_name="+")
    identity_id = models.UUIDField(null=True, help_text="A merchant's own identity.")
    may_refund = models.BooleanField(default=False, help_text="Of a merchant's person: may give its sales back.")
    is_active = models.BooleanField(default=True)
    has_second_factor = models.BooleanField(default=False, help_text="Whether a code is asked for at sign-in.")
    factors_changed_at = models.DateTimeField(null=True, help_text="When it was last set up, renewed or taken away.")
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = PersonManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        db_table = "person"
        constraints = [
            models.CheckConstraint(
                name="person_tenant_fits_role",
                condition=Q(role__in=[Role.ADMIN, Role.PLATFORM], application=None, identity_id=None)
                | Q(role=Role.PARTNER, application__isnull=False)
                | Q(role=Role.MERCHANT, application__isnull=False, identity_id__isnull=False),
            ),
            models.CheckConstraint(
                name="person_refunds_as_merchant", condition=Q(may_refund=False) | Q(role=Role.MERCHANT)
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def handle(self) -> tuple[str, uuid.UUID]:
        return self.KIND, self.pk

    @property
    def permissions_beyond_role(self) -> frozenset[Permission]:
        return frozenset({Permission.REFUND_TRANSFERS}) if self.may_refund else frozenset()

    @property
    def version(self) -> str:
        """Tells who somebody is, and where they stand, from what they were before; forms carry it."""
        told = (self.name, self.email, str(self.role), self.application_id, self.identity_id, self.may_refund)
        return hashlib.sha256(repr(told).encode()).hexdigest()[:16]

    def get_session_auth_hash(self) -> str:
        """Sessions end with password and second factor, and with the address, role or tenant they were opened for."""
        changed_at = self.factors_changed_at.timestamp() if self.factors_changed_at else ""
        place = f"{self.email}:{self.role}:{self.application_id}:{self.identity_id}:{changed_at}"
        return keyed_hash(super().get_session_auth_hash().encode(), place).hex()
