from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from onboarding.models.identities import Identity
from onboarding.models.merchants import Merchant
from providers.models import CopiedFromProvider
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class VerificationQuerySet(TenantQuerySet["Verification"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(merchant_identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class Verification(CopiedFromProvider, TenantResource):
    """A processor's check of a merchant: what it found, in its words and as it came."""

    PREFIX = "VI"
    KIND = "verification"

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"

    MOVES: ClassVar[Moves] = {"PENDING": frozenset({"SUCCEEDED", "FAILED"})}

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    merchant_identity = models.ForeignKey(
        Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    processor = models.CharField(max_length=40)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    messages = models.JSONField(default=list)
    raw = models.JSONField(null=True, help_text="What the processor found; for the platform only.")
    trace_id = models.CharField(max_length=60, null=True)

    objects = VerificationQuerySet.as_manager()

    class Meta:
        db_table = "verification"
        constraints = [
            models.UniqueConstraint(name="verification_within_application", fields=["application", "id"]),
            models.UniqueConstraint(name="verification_one_pending", fields=["merchant"], condition=Q(state="PENDING")),
        ]
        indexes = [
            models.Index(name="verification_newest", fields=["application", "-created_at", "-id"]),
            models.Index(name="verification_of_merchant", fields=["application", "merchant", "-created_at"]),
            models.Index(name="verification_of_identity", fields=["application", "merchant_identity", "-created_at"]),
        ]

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
