from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from onboarding.models.instruments import PaymentInstrument
from onboarding.models.merchants import Merchant
from providers.models import CopiedFromProvider
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class InstrumentUpdateQuerySet(TenantQuerySet["InstrumentUpdate"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        if actor.role != Role.MERCHANT:
            return visible
        return visible.filter(payment_instrument__identity_id=actor.identity_id)


class InstrumentUpdate(CopiedFromProvider, TenantResource):
    """A question to the card's issuer, for a merchant, whether the card has a new number or date (account updater)."""

    PREFIX = "IU"
    KIND = "instrument_update"

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"

    MOVES: ClassVar[Moves] = {"PENDING": frozenset({"SUCCEEDED", "FAILED"})}

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    payment_instrument = models.ForeignKey(
        PaymentInstrument, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    messages = models.JSONField(default=list)
    trace_id = models.CharField(max_length=60, null=True)

    objects = InstrumentUpdateQuerySet.as_manager()

    class Meta:
        db_table = "instrument_update"
        constraints = [
            models.UniqueConstraint(name="instrument_update_within_application", fields=["application", "id"]),
            models.UniqueConstraint(
                name="instrument_update_one_pending", fields=["payment_instrument"], condition=Q(state="PENDING")
            ),
        ]
        indexes = [
            models.Index(name="instrument_update_of_card", fields=["application", "payment_instrument", "-created_at"]),
        ]

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
