from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from onboarding.models.identities import Identity
from onboarding.models.instruments import PaymentInstrument
from onboarding.models.merchants import Merchant
from providers.models import CopiedFromProvider
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class VerificationQuerySet(TenantQuerySet["Verification"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        mine = Q(merchant_identity_id=actor.identity_id) | Q(payment_instrument__identity_id=actor.identity_id)
        return visible.filter(mine)


class Verification(CopiedFromProvider, TenantResource):
    """A processor's check of a merchant, or of a card: what it found, in its words and as it came."""

    PREFIX = "VI"
    KIND = "verification"

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"

    MOVES: ClassVar[Moves] = {"PENDING": frozenset({"SUCCEEDED", "FAILED"})}

    merchant = models.ForeignKey(
        Merchant, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    merchant_identity = models.ForeignKey(
        Identity, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    payment_instrument = models.ForeignKey(
        PaymentInstrument, models.PROTECT, null=True, related_name="+", db_constraint=False, db_index=False
    )
    processor = models.CharField(max_length=40)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    messages = models.JSONField(default=list)
    raw = models.JSONField(null=True, help_text="What the processor found; of a merchant, for the platform only.")
    trace_id = models.CharField(max_length=60, null=True)
    payment_instrument_verification_details = models.JSONField(null=True, help_text="What a card can receive.")

    objects = VerificationQuerySet.as_manager()

    class Meta:
        db_table = "verification"
        constraints = [
            models.UniqueConstraint(name="verification_within_application", fields=["application", "id"]),
            models.UniqueConstraint(name="verification_one_pending", fields=["merchant"], condition=Q(state="PENDING")),
            models.CheckConstraint(
                name="verification_of_one_subject",
                condition=Q(merchant__isnull=False, merchant_identity__isnull=False, payment_instrument=None)
                | Q(merchant=None, merchant_identity=None, payment_instrument__isnull=False),
            ),
        ]
        indexes = [
            models.Index(name="verification_newest", fields=["application", "-created_at", "-id"]),
            models.Index(name="verification_of_merchant", fields=["application", "merchant", "-created_at"]),
            models.Index(name="verification_of_identity", fields=["application", "merchant_identity", "-created_at"]),
            models.Index(
                name="verification_of_instrument",
                fields=["application", "payment_instrument", "-created_at"],
                condition=Q(payment_instrument__isnull=False),
            ),
        ]

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
