import uuid
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from events.models import Author
from onboarding.models.merchants import Merchant
from resources.moves import Moves, check_move
from tenancy.actors import Actor
from tenancy.models.tenants import TenantQuerySet, TenantResource

LONGEST_REASON = 300


class ReviewItem(TenantResource):
    """Something that waits for a person's word: a merchant that its processor holds back, or another app's thing."""

    PREFIX = "RK"
    KIND = "review_queue_item"

    class EntityType(models.TextChoices):
        MERCHANT = "MERCHANT", "Merchant"
        SETTLEMENT = "SETTLEMENT", "Settlement"

    class Outcome(models.TextChoices):
        PENDING = "PENDING", "Pending"
        MANUAL_REVIEW = "MANUAL_REVIEW", "In review"
        ACCEPTED = "ACCEPTED", "Accepted"
        REJECTED = "REJECTED", "Rejected"

        @classmethod
        def open(cls) -> frozenset["ReviewItem.Outcome"]:
            return frozenset({cls.PENDING, cls.MANUAL_REVIEW})

        @classmethod
        def decided(cls) -> frozenset["ReviewItem.Outcome"]:
            return frozenset({cls.ACCEPTED, cls.REJECTED})

    class ReviewType(models.TextChoices):
        CREATED = "CREATED", "New"
        VERIFIED = "VERIFIED", "Verified again"

    MOVES: ClassVar[Moves] = {
        "PENDING": frozenset({"MANUAL_REVIEW", "ACCEPTED", "REJECTED"}),
        "MANUAL_REVIEW": frozenset({"PENDING", "ACCEPTED", "REJECTED"}),
    }

    entity_type = models.CharField(max_length=20, choices=EntityType, default=EntityType.MERCHANT)
    entity_id = models.UUIDField(help_text="Of the merchant, or of what waits on its behalf.")
    merchant = models.ForeignKey(Merchant, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    verification_id = models.UUIDField(null=True, help_text="Of a merchant: the check that waits for the word.")
    processor_type = models.CharField(max_length=40)
    review_type = models.CharField(max_length=20, choices=ReviewType, default=ReviewType.CREATED)
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.PENDING)
    decision = models.CharField(
        max_length=20,
        choices=Outcome,
        blank=True,
        help_text="The word that was given. The processor may not have heard it yet; empty where it decided by itself.",
    )
    reason = models.CharField(max_length=LONGEST_REASON, blank=True, help_text="Of a rejection: the merchant reads it.")
    asked_by_kind = models.CharField(max_length=10, choices=Author, help_text="Who sent the merchant in.")
    asked_by_id = models.UUIDField(null=True)
    asked_by_name = models.CharField(max_length=200, blank=True)
    reviewed_by_kind = models.CharField(max_length=10, choices=Author, blank=True)
    reviewed_by_id = models.UUIDField(null=True)
    reviewed_by_name = models.CharField(max_length=200, blank=True)
    completed_at = models.DateTimeField(null=True)

    objects = TenantQuerySet["ReviewItem"].as_manager()

    class Meta:
        db_table = "review_queue_item"
        constraints = [
            models.UniqueConstraint(name="review_queue_item_within_application", fields=["application", "id"]),
            models.UniqueConstraint(name="review_queue_item_once", fields=["verification_id"]),
            models.UniqueConstraint(
                name="review_queue_item_of_entity", fields=["entity_id"], condition=~Q(entity_type="MERCHANT")
            ),
            models.CheckConstraint(
                name="review_queue_item_of_merchant",
                condition=Q(entity_type="MERCHANT", verification_id__isnull=False, entity_id=F("merchant_id"))
                | (~Q(entity_type="MERCHANT") & Q(verification_id=None)),
            ),
            models.CheckConstraint(
                name="review_queue_item_completed",
                condition=Q(outcome__in=["PENDING", "MANUAL_REVIEW"], completed_at=None)
                | Q(outcome__in=["ACCEPTED", "REJECTED"], completed_at__isnull=False),
            ),
            models.CheckConstraint(
                name="review_queue_item_decided_by_somebody",
                condition=Q(decision="") | Q(decision__in=["ACCEPTED", "REJECTED"]) & ~Q(reviewed_by_kind=""),
            ),
            models.CheckConstraint(
                name="review_queue_item_rejected_with_reason", condition=~Q(outcome="REJECTED") | ~Q(reason="")
            ),
        ]
        indexes = [
            models.Index(name="review_queue_item_newest", fields=["application", "-created_at", "-id"]),
            models.Index(
                name="review_queue_item_waiting",
                fields=["application", "-created_at", "-id"],
                condition=Q(outcome__in=["PENDING", "MANUAL_REVIEW"]),
            ),
            models.Index(name="review_queue_item_merchant", fields=["application", "merchant", "-created_at"]),
        ]

    @property
    def is_open(self) -> bool:
        return self.outcome in self.Outcome.open()

    @property
    def is_waiting(self) -> bool:
        """Whether a word is still to be given; one may have been that the processor has not taken yet."""
        return self.is_open and not self.decision

    @property
    def check_id(self) -> uuid.UUID:
        """Of a merchant's item: the check that waits for the word."""
        if self.verification_id is None:
            raise ValueError("Only a merchant's item has a check")
        return self.verification_id

    def was_asked_for_by(self, actor: Actor) -> bool:
        """Whether the same person sent it in who would now decide."""
        return actor.id is not None and (self.asked_by_kind, self.asked_by_id) == (actor.kind, actor.id)

    def move_to(self, outcome: str) -> dict[str, list[Any]]:
        """The one door to `outcome`. Tells what differs. Raises IllegalMove."""
        check_move(self.MOVES, self.outcome, outcome)
        return self.assign({"outcome": outcome})
