from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from onboarding.models import Identity, Merchant, PaymentInstrument
from providers.models import CopiedFromProvider
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class TransferQuerySet(TenantQuerySet["Transfer"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(merchant_identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class Transfer(CopiedFromProvider, TenantResource):
    """A movement of money: a sale debits the buyer's instrument for a merchant."""

    PREFIX = "TR"
    KIND = "transfer"

    class Type(models.TextChoices):
        DEBIT = "DEBIT", "Debit"

    class Subtype(models.TextChoices):
        API = "API", "API"

    class State(models.TextChoices):
        PENDING = "PENDING", "Pending"
        SUCCEEDED = "SUCCEEDED", "Succeeded"
        FAILED = "FAILED", "Failed"
        CANCELED = "CANCELED", "Canceled"

    class Operation(models.TextChoices):
        """Where a key belongs that names a transfer: the same key names another one elsewhere."""

        SALE = "POST transfers"

    MOVES: ClassVar[Moves] = {"PENDING": frozenset({"SUCCEEDED", "FAILED", "CANCELED"})}

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    merchant_identity = models.ForeignKey(
        Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    source = models.ForeignKey(PaymentInstrument, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    type = models.CharField(max_length=20, choices=Type, default=Type.DEBIT)
    subtype = models.CharField(max_length=30, choices=Subtype, default=Subtype.API)
    state = models.CharField(max_length=20, choices=State, default=State.PENDING)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    fee = models.BigIntegerField(default=0, help_text="Minor units; what the partner keeps of the amount.")
    statement_descriptor = models.CharField(max_length=40, null=True)
    idempotency_operation = models.CharField(max_length=100, choices=Operation, null=True)
    idempotency_id = models.CharField(max_length=255, null=True)
    trace_id = models.CharField(max_length=60, null=True)
    ready_to_settle_at = models.DateTimeField(null=True)
    failure_code = models.CharField(max_length=80, null=True)
    failure_message = models.CharField(max_length=300, null=True)
    messages = models.JSONField(default=list)
    address_verification = models.CharField(max_length=40, null=True)
    security_code_verification = models.CharField(max_length=40, null=True)

    objects = TransferQuerySet.as_manager()

    class Meta:
        db_table = "transfer"
        constraints = [
            models.UniqueConstraint(name="transfer_within_application", fields=["application", "id"]),
            models.UniqueConstraint(
                name="transfer_idempotency_id",
                fields=["application", "idempotency_id", "idempotency_operation"],
                condition=Q(idempotency_id__isnull=False),
            ),
            models.CheckConstraint(name="transfer_amount_positive", condition=Q(amount__gt=0)),
            models.CheckConstraint(
                name="transfer_fee_within_amount", condition=Q(fee__gte=0) & Q(fee__lte=F("amount"))
            ),
            models.CheckConstraint(
                name="transfer_failure_has_a_code",
                condition=Q(state="FAILED", failure_code__isnull=False)
                | Q(state="CANCELED")
                | (~Q(state__in=["FAILED", "CANCELED"]) & Q(failure_code=None)),
            ),
        ]
        indexes = [
            models.Index(name="transfer_newest", fields=["application", "-created_at", "-id"]),
            models.Index(name="transfer_of_merchant", fields=["application", "merchant", "state", "-created_at"]),
            models.Index(name="transfer_of_identity", fields=["application", "merchant_identity", "-created_at"]),
            models.Index(name="transfer_state", fields=["application", "state", "-created_at"]),
            models.Index(name="transfer_of_source", fields=["application", "source", "-created_at"]),
            models.Index(name="transfer_trace", fields=["application", "trace_id"]),
        ]

    @property
    def is_decided(self) -> bool:
        return self.state != self.State.PENDING

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `state`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.state, state)
        return self.assign({"state": state})
