"""What transfers and authorizations have in common: whose they are, what they are paid with, how they ended."""

from collections.abc import Mapping
from typing import Any, ClassVar, Self, TypeVar

from django.db import models
from django.db.models import Q

from onboarding.models import Identity, Merchant
from providers.models import CopiedFromProvider
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role

Row = TypeVar("Row", bound="Payment")


class PaymentQuerySet(TenantQuerySet[Row]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(merchant_identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class Payment(CopiedFromProvider, TenantResource):
    """Money that one instrument moves, or holds, for one merchant.

    What filters ask of the instrument is copied into the row: it tells the card as it was then, and under row security
    a list that joins a second table reads all of it.
    """

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"
        CANCELED = "CANCELED", "Canceled"

    MOVES: ClassVar[Moves] = {"PENDING": frozenset({"SUCCEEDED", "FAILED", "CANCELED"})}

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    merchant_identity = models.ForeignKey(
        Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    statement_descriptor = models.CharField(max_length=40, null=True)
    idempotency_id = models.CharField(max_length=255, null=True)
    trace_id = models.CharField(max_length=60, null=True)
    failure_code = models.CharField(max_length=80, null=True)
    failure_message = models.CharField(max_length=300, null=True)
    messages = models.JSONField(default=list)
    address_verification = models.CharField(max_length=40, null=True)
    security_code_verification = models.CharField(max_length=40, null=True)
    three_d_secure = models.JSONField(null=True, help_text="Without the proof, which lies in the vault.")
    additional_purchase_data = models.JSONField(null=True, help_text="Level 2 and 3 data.")
    instrument_type = models.CharField(max_length=30)
    instrument_name = models.CharField(max_length=40, null=True)
    instrument_last_four = models.CharField(max_length=4)
    instrument_bin = models.CharField(max_length=6, null=True)
    instrument_brand = models.CharField(max_length=30, null=True)

    class Meta:
        abstract = True
        constraints = [
            models.UniqueConstraint(name="%(class)s_within_application", fields=["application", "id"]),
            models.CheckConstraint(name="%(class)s_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="%(class)s_failure_has_a_code",
                condition=Q(state="FAILED", failure_code__isnull=False)
                | Q(state="CANCELED")
                | (~Q(state__in=["FAILED", "CANCELED"]) & Q(failure_code=None)),
            ),
        ]
        indexes = [
            models.Index(name="%(class)s_newest", fields=["-created_at", "-id"]),
            models.Index(name="%(class)s_of_tenant", fields=["application", "-created_at", "-id"]),
            models.Index(name="%(class)s_updated", fields=["application", "-updated_at", "-id"]),
            models.Index(name="%(class)s_of_merchant", fields=["application", "merchant", "-created_at"]),
            models.Index(name="%(class)s_of_identity", fields=["application", "merchant_identity", "-created_at"]),
            models.Index(name="%(class)s_of_processor", fields=["application", "processor", "-created_at"]),
            models.Index(name="%(class)s_state", fields=["application", "state", "-created_at"]),
            models.Index(name="%(class)s_amount", fields=["application", "amount", "-created_at"]),
            models.Index(name="%(class)s_trace", fields=["application", "trace_id"]),
            models.Index(name="%(class)s_paid_with", fields=["application", "instrument_type", "-created_at"]),
            models.Index(name="%(class)s_holder", fields=["application", "instrument_name", "-created_at"]),
            models.Index(name="%(class)s_last_four", fields=["application", "instrument_last_four", "-created_at"]),
            models.Index(
                name="%(class)s_bin",
                fields=["application", "instrument_bin", "-created_at"],
                condition=Q(instrument_bin__isnull=False),
            ),
            models.Index(
                name="%(class)s_brand",
                fields=["application", "instrument_brand", "-created_at"],
                condition=Q(instrument_brand__isnull=False),
            ),
        ]

    @property
    def is_decided(self) -> bool:
        return self.state != self.State.PENDING

    @property
    def has_succeeded(self) -> bool:
        return self.state == self.State.SUCCEEDED

    @property
    def has_failed(self) -> bool:
        return self.state in {self.State.FAILED, self.State.CANCELED}

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})

    def assign_told(self, told: Mapping[str, Any]) -> dict[str, list[Any]]:
        """Assign what a provider says, cut to what the columns hold. Tells what differs."""
        return self.assign({name: _fitting(value, self._length_of(name)) for name, value in told.items()})

    def _length_of(self, name: str) -> int | None:
        return getattr(self._meta.get_field(name), "max_length", None)


def _fitting(value: Any, length: int | None) -> Any:
    """The database keeps no NUL, neither in text nor in JSON."""
    if isinstance(value, list):
        return [_fitting(item, None) for item in value]
    return value.replace("\0", "")[:length] if isinstance(value, str) else value
