from typing import Any, ClassVar, Self

from django.db import models
from django.db.models import Q

from onboarding.models.identities import Identity
from providers.models import CopiedFromProvider
from resources.folded import folded
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models import Application, MerchantProfile, Processor
from tenancy.models.tenants import TenantQuerySet, TenantResource
from tenancy.roles import Role


class MerchantQuerySet(TenantQuerySet["Merchant"]):
    def visible_to(self, actor: Actor) -> Self:
        visible = super().visible_to(actor)
        return visible.filter(identity_id=actor.identity_id) if actor.role == Role.MERCHANT else visible


class Merchant(CopiedFromProvider, TenantResource):
    """An identity as the merchant of one processor: whether it was approved, and whether it may take payments."""

    PREFIX = "MU"
    KIND = "merchant"

    class OnboardingState(models.TextChoices):
        PROVISIONING = "PROVISIONING", "Provisioning"
        APPROVED = "APPROVED", "Approved"
        REJECTED = "REJECTED", "Rejected"

    MOVES: ClassVar[Moves] = {
        "PROVISIONING": frozenset({"APPROVED", "REJECTED"}),
        "REJECTED": frozenset({"PROVISIONING"}),
    }

    identity = models.ForeignKey(Identity, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    processor = models.CharField(max_length=40, help_text="Its name, e.g. DUMMY_V1.")
    enabled_processor = models.ForeignKey(
        Processor, models.PROTECT, related_name="+", db_constraint=False, db_index=False
    )
    merchant_profile = models.ForeignKey(MerchantProfile, models.PROTECT, related_name="+", db_constraint=False)
    verification_id = models.UUIDField(null=True, help_text="The latest one.")
    onboarding_state = models.CharField(max_length=20, choices=OnboardingState, default=OnboardingState.PROVISIONING)
    processing_enabled = models.BooleanField(default=False)
    settlement_enabled = models.BooleanField(default=False)
    gross_settlement_enabled = models.BooleanField(default=False)
    creating_transfer_from_report_enabled = models.BooleanField(default=False)
    card_expiration_date_required = models.BooleanField(default=True)
    card_cvv_required = models.BooleanField(default=False)
    mcc = models.CharField(max_length=4, null=True)
    mid = models.CharField(max_length=60, null=True, help_text="Its number at the processor.")
    merchant_name = models.CharField(max_length=120, null=True)
    merchant_name_folded = folded("merchant_name")
    max_transaction_amount = models.BigIntegerField(
        null=True, help_text="Minor units, as the processor knows it; 0 where it knows of no limit."
    )
    settlement_funding_identifier = models.CharField(
        max_length=30,
        choices=Application.FundingIdentifier,
        default=Application.FundingIdentifier.UNSET,
    )
    ready_to_settle_upon = models.CharField(max_length=30, choices=Application.SettleUpon, null=True)
    fee_ready_to_settle_upon = models.CharField(
        max_length=30, choices=Application.SettleUpon, default=Application.SettleUpon.RECONCILIATION
    )
    level_two_level_three_data_enabled = models.BooleanField(default=False)
    convenience_charges_enabled = models.BooleanField(default=False)
    rent_surcharges_enabled = models.BooleanField(default=False)
    surcharges_enabled = models.BooleanField(default=False)
    default_partial_authorization_enabled = models.BooleanField(default=False)
    rejection_reasons = models.JSONField(default=list, help_text="In the processor's words; empty unless rejected.")
    processor_details = models.JSONField(default=dict, help_text="Redacted by the adapter.")

    objects = MerchantQuerySet.as_manager()

    class Meta:
        db_table = "merchant"
        constraints = [
            models.UniqueConstraint(name="merchant_within_application", fields=["application", "id"]),
            models.CheckConstraint(
                name="merchant_flags_need_approval",
                condition=Q(onboarding_state="APPROVED") | Q(processing_enabled=False, settlement_enabled=False),
            ),
        ]
        indexes = [
            models.Index(name="merchant_newest", fields=["-created_at", "-id"]),
            models.Index(name="merchant_of_application", fields=["application", "-created_at", "-id"]),
            models.Index(name="merchant_updated", fields=["application", "-updated_at", "-id"]),
            models.Index(name="merchant_of_identity", fields=["application", "identity", "-created_at"]),
            models.Index(name="merchant_state", fields=["application", "onboarding_state", "-created_at"]),
            models.Index(name="merchant_processor", fields=["application", "processor", "-created_at"]),
            models.Index(name="merchant_enabled_processor", fields=["application", "enabled_processor", "-created_at"]),
            models.Index(name="merchant_mid", fields=["application", "mid"]),
            models.Index(name="merchant_name", fields=["application", "merchant_name"]),
            models.Index(name="merchant_name_begins", fields=["application", "merchant_name_folded"]),
            models.Index(name="merchant_mcc", fields=["application", "mcc", "-created_at"]),
            models.Index(name="merchant_processing", fields=["application", "processing_enabled", "-created_at"]),
            models.Index(name="merchant_settlement", fields=["application", "settlement_enabled", "-created_at"]),
        ]

    @property
    def display_name(self) -> str:
        return self.merchant_name or self.public_id

    def move_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `onboarding_state`; both switches follow it. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.onboarding_state, state)
        is_approved = state == self.OnboardingState.APPROVED
        if state == self.onboarding_state:
            return {}
        values = {"onboarding_state": state, "processing_enabled": is_approved, "settlement_enabled": is_approved}
        return self.assign(values if state == self.OnboardingState.REJECTED else values | {"rejection_reasons": []})
