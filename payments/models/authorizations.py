from datetime import datetime, timedelta
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from onboarding.models import PaymentInstrument
from payments.models.payments import Payment, PaymentQuerySet
from resources.moves import Moves, check_move

HOLD_LASTS = timedelta(days=7)


class AuthorizationQuerySet(PaymentQuerySet["Authorization"]):
    def still_held(self) -> "AuthorizationQuerySet":
        """Those whose hold nobody has taken or released, whether or not its time has passed."""
        return self.filter(state=Authorization.State.SUCCEEDED, transfer=None, is_void=False, released_at=None)


class Authorization(Payment):
    """An amount held on a card: captured once, or voided, or released when its time has passed.

    A capture reserves it by `transfer`, a void by `is_void`, both before the provider is asked and under the row's
    lock, and the database refuses a row with both; so of the two one wins.
    """

    PREFIX = "AU"
    KIND = "authorization"

    class VoidState(models.TextChoices):
        UNATTEMPTED = "UNATTEMPTED", "Not voided"
        PENDING = "PENDING", "Being voided"
        SUCCEEDED = "SUCCEEDED", "Voided"
        FAILED = "FAILED", "Not voided: refused"

    VOID_MOVES: ClassVar[Moves] = {
        "UNATTEMPTED": frozenset({"PENDING", "SUCCEEDED", "FAILED"}),
        "PENDING": frozenset({"SUCCEEDED", "FAILED"}),
        "FAILED": frozenset({"PENDING", "SUCCEEDED"}),
    }
    """One that was asked for elsewhere is heard of once it is decided."""

    source = models.ForeignKey(PaymentInstrument, models.PROTECT, related_name="+", db_constraint=False, db_index=False)
    fee = models.BigIntegerField(default=0, help_text="Minor units; of a capture that names no fee of its own.")
    expires_at = models.DateTimeField(help_text="Business time; from then on nothing is held.")
    released_at = models.DateTimeField(null=True, help_text="When the hold ended without a capture.")
    transfer = models.ForeignKey(
        "payments.Transfer", models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    capture_amount = models.BigIntegerField(null=True, help_text="Minor units that are captured, or being captured.")
    is_void = models.BooleanField(default=False)
    void_state = models.CharField(max_length=20, choices=VoidState, default=VoidState.UNATTEMPTED)
    voids = models.PositiveSmallIntegerField(default=0, help_text="How often a void was asked for.")

    objects = AuthorizationQuerySet.as_manager()

    class Meta(Payment.Meta):
        db_table = "card_authorization"  # the bare word is reserved in SQL
        constraints = [
            *Payment.Meta.constraints,
            models.UniqueConstraint(
                name="authorization_idempotency_id",
                fields=["application", "idempotency_id"],
                condition=Q(idempotency_id__isnull=False),
            ),
            models.CheckConstraint(
                name="authorization_fee_within_amount", condition=Q(fee__gte=0) & Q(fee__lte=F("amount"))
            ),
            models.CheckConstraint(
                name="authorization_captured_or_void",
                condition=Q(transfer=None, capture_amount=None)
                | Q(
                    transfer__isnull=False,
                    capture_amount__isnull=False,
                    capture_amount__gt=0,
                    is_void=False,
                    released_at=None,
                ),
            ),
            models.CheckConstraint(
                name="authorization_capture_within_amount",
                condition=Q(capture_amount=None) | Q(capture_amount__lte=F("amount")),
            ),
            models.CheckConstraint(
                name="authorization_void_is_told",
                condition=Q(is_void=True, void_state__in=["PENDING", "SUCCEEDED"])
                | Q(is_void=False, void_state__in=["UNATTEMPTED", "FAILED"]),
            ),
            models.CheckConstraint(
                name="authorization_held_first",
                condition=Q(state="SUCCEEDED") | Q(transfer=None, is_void=False, released_at=None),
            ),
        ]
        indexes = [
            *Payment.Meta.indexes,
            models.Index(name="authorization_of_source", fields=["application", "source", "-created_at"]),
            models.Index(name="authorization_void", fields=["application", "is_void", "-created_at"]),
            models.Index(
                name="authorization_held",
                fields=["application", "expires_at"],
                condition=Q(state="SUCCEEDED", transfer=None, is_void=False, released_at=None),
            ),
        ]

    @property
    def is_captured(self) -> bool:
        return self.transfer_id is not None

    @property
    def is_held(self) -> bool:
        """Whether it may be captured or voided, as far as the row tells; time may have passed meanwhile."""
        return self.has_succeeded and not self.is_captured and not self.is_void and self.released_at is None

    def has_expired(self, now: datetime) -> bool:
        """By business time, whoever has noticed it yet."""
        return now >= self.expires_at

    def move_void_to(self, state: str) -> dict[str, list[Any]]:
        """The one door to `void_state`, and to `is_void`, which follows it. Raises IllegalMove."""
        check_move(self.VOID_MOVES, self.void_state, state)
        is_void = state in {self.VoidState.PENDING, self.VoidState.SUCCEEDED}
        return self.assign({"void_state": state, "is_void": is_void})
