from calendar import day_name
from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import F, Q

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models.transfers import Transfer
from resources import ids
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class SettlementSchedule(models.Model):
    """When what a merchant has accrued is closed by itself: its own rule, or that of its application.

    Days begin at midnight UTC. Without a row it is every day.
    """

    class Frequency(models.TextChoices):
        DAILY = "DAILY", "Every day"
        WEEKLY = "WEEKLY", "Every week"
        MONTHLY = "MONTHLY", "Every month"
        MANUAL = "MANUAL", "By hand"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    merchant = models.ForeignKey(
        Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    frequency = models.CharField(max_length=10, choices=Frequency, default=Frequency.DAILY)
    day = models.PositiveSmallIntegerField(
        null=True,
        help_text="It closes as this day begins: of the week from 1, Monday, or of the month; one that a month lacks is"
        " its last.",
    )

    objects = TenantQuerySet["SettlementSchedule"].as_manager()

    class Meta:
        db_table = "settlement_schedule"
        constraints = [
            models.UniqueConstraint(
                name="settlement_schedule_once", fields=["application", "merchant"], nulls_distinct=False
            ),
            models.CheckConstraint(
                name="settlement_schedule_day",
                condition=Q(frequency__in=["DAILY", "MANUAL"], day=None)
                | Q(frequency="WEEKLY", day__isnull=False, day__range=(1, 7))
                | Q(frequency="MONTHLY", day__isnull=False, day__range=(1, 31)),
            ),
        ]

    def __str__(self) -> str:
        if self.frequency == self.Frequency.WEEKLY:
            return f"Every week on {day_name[(self.day or 1) - 1]}"
        if self.frequency == self.Frequency.MONTHLY:
            return f"Every month on day {self.day}"
        return str(self.Frequency(self.frequency).label)


class SettlementQuerySet(TenantQuerySet["Settlement"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class Settlement(TenantResource):
    """What a merchant is to be paid in one currency: entries accrue, then it is closed, reviewed and paid.

    Amounts are minor units. While it accrues its totals grow with its entries; closed, they are what is paid.
    """

    PREFIX = "ST"
    KIND = "settlement"

    class Status(models.TextChoices):
        PENDING = "PENDING", "Accruing"
        AWAITING_APPROVAL = "AWAITING_APPROVAL", "Awaiting approval"
        APPROVED = "APPROVED", "Approved"
        CANCELLED = "CANCELLED", "Cancelled"

    class Type(models.TextChoices):
        MERCHANT_REVENUE = "MERCHANT_REVENUE", "Merchant revenue"

    class Flag(models.TextChoices):
        FIRST_PAYOUT = "FIRST_PAYOUT", "First payout"
        VOLUME_JUMP = "VOLUME_JUMP", "Much more than usual"
        OPEN_DISPUTES = "OPEN_DISPUTES", "Open disputes"
        BANK_ACCOUNT_CHANGED = "BANK_ACCOUNT_CHANGED", "Bank account changed within seven days"
        NEGATIVE_NET = "NEGATIVE_NET", "Negative net"
        NO_BANK_ACCOUNT = "NO_BANK_ACCOUNT", "No bank account"

    MOVES: ClassVar[Moves] = {
        "PENDING": frozenset({"AWAITING_APPROVAL"}),
        "AWAITING_APPROVAL": frozenset({"APPROVED", "CANCELLED"}),
    }

    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    identity = models.ForeignKey(Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    processor = models.ForeignKey(Processor, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    type = models.CharField(max_length=30, choices=Type, default=Type.MERCHANT_REVENUE)
    entry_count = models.PositiveIntegerField(default=0)
    total_amount = models.BigIntegerField(default=0)
    total_fee = models.BigIntegerField(default=0)
    net_amount = models.GeneratedField(
        expression=F("total_amount") - F("total_fee"), output_field=models.BigIntegerField(), db_persist=True
    )
    funded_amount = models.BigIntegerField(
        default=0, help_text="What funding transfers have paid of it, or are paying just now."
    )
    closes_at = models.DateTimeField(null=True, help_text="Business time at which it closes by itself.")
    closed_at = models.DateTimeField(null=True, help_text="Business time.")
    approved_at = models.DateTimeField(null=True, help_text="Business time.")
    flags = models.JSONField(
        default=list,
        help_text="What a reviewer should look at, as it was when it closed; of accounts, when it was approved.",
    )
    destination = models.ForeignKey(
        PaymentInstrument,
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        help_text="The account that it was last paid to.",
    )
    reason = models.CharField(max_length=300, blank=True, help_text="Why it was rejected.")

    objects = SettlementQuerySet.as_manager()

    class Meta:
        db_table = "settlement"
        constraints = [
            models.UniqueConstraint(name="settlement_within_application", fields=["application", "id"]),
            models.UniqueConstraint(
                name="settlement_one_accruing",
                fields=["application", "merchant", "currency"],
                condition=Q(status="PENDING"),
            ),
            models.CheckConstraint(
                name="settlement_closed",
                condition=Q(status="PENDING", closed_at=None) | (~Q(status="PENDING") & Q(closed_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="settlement_approved",
                condition=Q(status="APPROVED", approved_at__isnull=False)
                | (~Q(status="APPROVED") & Q(approved_at=None, funded_amount=0)),
            ),
            models.CheckConstraint(
                name="settlement_rejected_with_reason", condition=~Q(status="CANCELLED") | ~Q(reason="")
            ),
            models.CheckConstraint(
                name="settlement_funded_within_net",
                condition=Q(funded_amount=0)
                | Q(funded_amount__gt=0, funded_amount__lte=F("total_amount") - F("total_fee")),
            ),
        ]
        indexes = [
            models.Index(name="settlement_newest", fields=["-created_at", "-id"]),
            models.Index(name="settlement_of_tenant", fields=["application", "-created_at", "-id"]),
            models.Index(name="settlement_updated", fields=["application", "-updated_at", "-id"]),
            models.Index(name="settlement_of_merchant", fields=["application", "merchant", "currency", "-created_at"]),
            models.Index(name="settlement_of_identity", fields=["application", "identity", "-created_at"]),
            models.Index(name="settlement_of_processor", fields=["application", "processor", "-created_at"]),
            models.Index(name="settlement_status", fields=["application", "status", "-created_at"]),
            models.Index(name="settlement_amount", fields=["application", "total_amount", "-created_at"]),
            models.Index(name="settlement_closes", fields=["closes_at"], condition=Q(status="PENDING")),
        ]

    @property
    def is_open(self) -> bool:
        """Whether entries may still leave it."""
        return self.status in {self.Status.PENDING, self.Status.AWAITING_APPROVAL}

    @property
    def unfunded_amount(self) -> int:
        """Minor units that are still to be paid; nothing of a net that is negative."""
        return max(self.net_amount - self.funded_amount, 0) if self.status == self.Status.APPROVED else 0

    def move_to(self, status: str) -> dict[str, list[Any]]:
        """The one door to `status`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.status, status)
        return self.assign({"status": status})


class SettlementEntryQuerySet(TenantQuerySet["SettlementEntry"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(settlement__identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible

    def held(self) -> Self:
        """Those that count; what was removed or belongs to a cancelled settlement does not."""
        return self.filter(released_at=None)


class SettlementEntry(models.Model):
    """One line of a settlement. `amount` is what the merchant gets of it before `fee`; both are minor units.

    Kinds of upper apps are registered by them. An entry that has left its settlement stays, so that a statement can be
    followed; its transfer is free for the next.
    """

    class Kind(models.TextChoices):
        TRANSFER = "TRANSFER", "Transfer"
        ADJUSTMENT = "ADJUSTMENT", "Adjustment"
        CARRIED = "CARRIED", "Carried over"

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application = models.ForeignKey("tenancy.Application", models.PROTECT, related_name="+", db_index=False)
    settlement = models.ForeignKey(
        Settlement, models.PROTECT, related_name="entries", db_constraint=False, db_index=False
    )
    kind = models.CharField(max_length=20, choices=Kind)
    transfer = models.ForeignKey(
        Transfer, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    carried_from = models.ForeignKey(
        Settlement, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    amount = models.BigIntegerField()
    fee = models.BigIntegerField(default=0)
    occurred_at = models.DateTimeField(help_text="Business time.")
    released_at = models.DateTimeField(null=True, help_text="When it left the settlement.")

    objects = SettlementEntryQuerySet.as_manager()

    class Meta:
        db_table = "settlement_entry"
        constraints = [
            models.UniqueConstraint(
                name="settlement_entry_once", fields=["transfer"], condition=Q(released_at=None, transfer__isnull=False)
            ),
            models.UniqueConstraint(
                name="settlement_carried_once",
                fields=["carried_from"],
                condition=Q(released_at=None, kind="CARRIED"),
            ),
            models.CheckConstraint(
                name="settlement_entry_tells_what",
                condition=Q(kind__in=["TRANSFER", "ADJUSTMENT"], transfer__isnull=False, carried_from=None)
                | Q(kind="CARRIED", transfer=None, carried_from__isnull=False, amount__lt=0, fee=0),
            ),
        ]
        indexes = [
            models.Index(name="settlement_entry_of", fields=["application", "settlement", "occurred_at", "id"]),
            models.Index(name="settlement_entry_transfer", fields=["application", "transfer"]),
            models.Index(
                name="settlement_entry_left",
                fields=["application", "settlement", "transfer"],
                condition=Q(released_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.amount}"
