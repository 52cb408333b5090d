from datetime import datetime, timedelta
from typing import Self

from django.db import models
from django.db.models import Q

from resources.models import Resource
from tenancy.actors import Actor


class ApplicationQuerySet(models.QuerySet["Application"]):
    def visible_to(self, actor: Actor) -> Self:
        if actor.is_platform:
            return self
        return self.filter(id__in=actor.application_ids)

    def tenants(self) -> Self:
        """Without the platform's own application."""
        return self.filter(is_platform=False)


class Application(Resource):
    """The tenant: one software company, marketplace or partner, with its API keys, settings and merchants."""

    PREFIX = "AP"
    KIND = "application"

    class SettleUpon(models.TextChoices):
        RECONCILIATION = "RECONCILIATION", "Reconciliation"
        SUCCESSFUL_CAPTURE = "SUCCESSFUL_CAPTURE", "Successful capture"
        PROCESSOR_WINDOW = "PROCESSOR_WINDOW", "Processor window"

    class FundingIdentifier(models.TextChoices):
        UNSET = "UNSET", "Unset"
        MID_AND_DATE = "MID_AND_DATE", "MID and date"
        MID_AND_MERCHANT_NAME = "MID_AND_MERCHANT_NAME", "MID and merchant name"

    class IdempotencyMode(models.TextChoices):
        REPLAY = "REPLAY"
        EXCEPTION = "EXCEPTION"

    name = models.CharField(max_length=120)
    owner_id = models.UUIDField(null=True, help_text="The owner's identity; its table belongs to onboarding.")
    is_platform = models.BooleanField(default=False, help_text="The one application that is the platform itself.")
    enabled = models.BooleanField(default=True, help_text="Off: no API user of it is let in.")
    processing_enabled = models.BooleanField(default=True)
    settlement_enabled = models.BooleanField(default=True)
    creating_transfer_from_report_enabled = models.BooleanField(default=False)
    card_expiration_date_required = models.BooleanField(default=False)
    card_cvv_required = models.BooleanField(default=False)
    bank_account_required = models.BooleanField(
        default=False, help_text="A merchant is provisioned only once it has a bank account."
    )
    maker_checker_enabled = models.BooleanField(
        default=False, help_text="Who sent a merchant in does not decide on it."
    )
    settlement_funding_identifier = models.CharField(
        max_length=30, choices=FundingIdentifier, default=FundingIdentifier.UNSET
    )
    ready_to_settle_upon = models.CharField(max_length=30, choices=SettleUpon, null=True)
    fee_ready_to_settle_upon = models.CharField(max_length=30, choices=SettleUpon, default=SettleUpon.RECONCILIATION)

    clock_offset = models.DurationField(default=timedelta(0), help_text="Business time runs ahead by it; sandbox only.")
    idempotency_mode = models.CharField(
        max_length=20,
        choices=IdempotencyMode,
        default=IdempotencyMode.REPLAY,
        help_text="What a repeated idempotency key gets: the first answer again, or a refusal.",
    )

    objects = ApplicationQuerySet.as_manager()

    class Meta:
        db_table = "application"
        constraints = [
            models.UniqueConstraint(
                name="application_one_platform", fields=["is_platform"], condition=Q(is_platform=True)
            ),
        ]
        indexes = [models.Index(name="application_newest", fields=["-created_at", "-id"])]

    def business_time(self, wall: datetime) -> datetime:
        """What the clock of this application shows: cards expire and batches are submitted by it."""
        return wall + self.clock_offset
