import uuid
from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.db import models
from django.db.models import Case, F, Q, When

from onboarding.models import PaymentInstrument
from payments.models.authorizations import Authorization
from payments.models.batches import TransferBatch
from payments.models.payments import Payment, PaymentQuerySet

if TYPE_CHECKING:
    from payments.models.settlements import Settlement


class TransferQuerySet(PaymentQuerySet["Transfer"]):
    def awaiting_readiness(self) -> "TransferQuerySet":
        """Money that has moved, of which nobody has said yet when it may be settled."""
        return self.filter(state=Transfer.State.SUCCEEDED, ready_to_settle_at=None, ready_to_settle_upon__isnull=False)

    def deposits(self) -> Self:
        return self.filter(type=Transfer.Type.CREDIT, subtype__in=Transfer.DEPOSITS)

    def paying(self, settlement: "Settlement") -> Self:
        """The deposits of a settlement. What is in it was made before it was approved, so none of that is read."""
        if settlement.approved_at is None:
            return self.none()
        return self.deposits().filter(
            application_id=settlement.application_id, settlement=settlement, created_at__gte=settlement.approved_at
        )

    def bank_returns(self, transfers: Collection["Transfer"]) -> Self:
        """What banks took back or sent back of these, at most one of each."""
        returned = [transfer for transfer in transfers if transfer.returned_at is not None]
        if not returned:
            return self.none()
        return self.filter(
            application_id__in={transfer.application_id for transfer in returned},
            parent_id__in=[transfer.pk for transfer in returned],
            subtype=Transfer.Subtype.SYSTEM,
            state__in=[Transfer.State.PENDING, Transfer.State.SUCCEEDED],
        )


class Transfer(Payment):
    """A movement of money: a charge, what is given back of it, a payment to or from a card, or an adjustment.

    An adjustment is the operator's word on what a merchant is owed; no card and no bank account is part of it.
    """

    PREFIX = "TR"
    KIND = "transfer"

    class Type(models.TextChoices):
        DEBIT = "DEBIT", "Debit"
        CREDIT = "CREDIT", "Credit"
        REVERSAL = "REVERSAL", "Reversal"
        ADJUSTMENT = "ADJUSTMENT", "Adjustment"

    class Subtype(models.TextChoices):
        API = "API", "API"
        SYSTEM = "SYSTEM", "System"
        SETTLEMENT_MERCHANT = "SETTLEMENT_MERCHANT", "Deposit"
        SPLIT_PAYOUT = "SPLIT_PAYOUT", "Part of a deposit"
        MERCHANT_CREDIT_ADJUSTMENT = "MERCHANT_CREDIT_ADJUSTMENT", "Credit adjustment"
        MERCHANT_DEBIT_ADJUSTMENT = "MERCHANT_DEBIT_ADJUSTMENT", "Debit adjustment"

    DEPOSITS = frozenset({Subtype.SETTLEMENT_MERCHANT, Subtype.SPLIT_PAYOUT})

    class OperationKey(models.TextChoices):
        PUSH_TO_CARD = "PUSH_TO_CARD", "Push to card"
        PULL_FROM_CARD = "PULL_FROM_CARD", "Pull from card"
        MERCHANT_CREDIT_ADJUSTMENT = "MERCHANT_CREDIT_ADJUSTMENT", "Credit adjustment"
        MERCHANT_DEBIT_ADJUSTMENT = "MERCHANT_DEBIT_ADJUSTMENT", "Debit adjustment"

    class Operation(models.TextChoices):
        """Where a key belongs that names a transfer: the same key names another one elsewhere."""

        SALE = "POST transfers"
        REVERSAL = "POST transfers/{id}/reversals"

    source = models.ForeignKey(
        PaymentInstrument, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    destination = models.ForeignKey(
        PaymentInstrument, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    type = models.CharField(max_length=20, choices=Type, default=Type.DEBIT)
    subtype = models.CharField(max_length=30, choices=Subtype, default=Subtype.API)
    operation_key = models.CharField(max_length=40, choices=OperationKey, null=True)
    authorization = models.ForeignKey(
        Authorization, models.PROTECT, related_name="+", db_constraint=False, db_index=False, null=True
    )
    parent = models.ForeignKey(
        "self", models.PROTECT, related_name="reversals", db_constraint=False, db_index=False, null=True
    )
    batch = models.ForeignKey(
        TransferBatch, models.PROTECT, related_name="transfers", db_constraint=False, db_index=False, null=True
    )
    settlement = models.ForeignKey(
        "payments.Settlement",
        models.PROTECT,
        related_name="+",
        db_constraint=False,
        db_index=False,
        null=True,
        help_text="Which holds it; of a deposit, which it pays.",
    )
    instrument_type = models.CharField(max_length=30, null=True)  # type: ignore[assignment]  # of a payment it is told
    instrument_last_four = models.CharField(max_length=4, null=True)  # type: ignore[assignment]  # the same
    fee = models.BigIntegerField(default=0, help_text="Minor units; what the partner keeps of the amount.")
    settled_amount = models.GeneratedField(
        expression=Case(
            When(Q(type=Type.REVERSAL) | Q(subtype=Subtype.MERCHANT_DEBIT_ADJUSTMENT), then=-F("amount")),
            default=F("amount"),
            output_field=models.BigIntegerField(),
        ),
        output_field=models.BigIntegerField(),
        db_persist=True,
        help_text="Minor units as a settlement counts them: below zero where it takes from the merchant.",
    )
    refunded_amount = models.BigIntegerField(
        default=0, help_text="Minor units; what reversals have taken of it or are taking just now."
    )
    returned_at = models.DateTimeField(null=True, help_text="When its bank took it back.")
    idempotency_operation = models.CharField(max_length=100, choices=Operation, null=True)
    ready_to_settle_upon = models.CharField(
        max_length=30,
        null=True,
        help_text="What decides when it may be settled, as it was then; null: never. A reversal has its parent's.",
    )
    expected_on = models.DateField(null=True, help_text="Of a deposit: the day on which the bank should have it.")
    ready_to_settle_at = models.DateTimeField(null=True, help_text="Business time from which it may be settled.")

    objects = TransferQuerySet.as_manager()

    class Meta(Payment.Meta):
        db_table = "transfer"
        constraints = [
            *Payment.Meta.constraints,
            models.UniqueConstraint(
                name="transfer_idempotency_id",
                fields=["application", "idempotency_id", "idempotency_operation"],
                condition=Q(idempotency_id__isnull=False),
            ),
            models.UniqueConstraint(
                name="transfer_captures_once",
                fields=["application", "authorization"],
                condition=Q(authorization__isnull=False, state__in=["PENDING", "SUCCEEDED"]),
            ),
            models.UniqueConstraint(
                name="transfer_returned_once",
                fields=["application", "parent"],
                condition=Q(type="REVERSAL", subtype="SYSTEM", state__in=["PENDING", "SUCCEEDED"]),
            ),
            models.CheckConstraint(
                name="transfer_fee_within_amount", condition=Q(fee__gte=0) & Q(fee__lte=F("amount"))
            ),
            models.CheckConstraint(
                name="transfer_refunded_within_amount",
                condition=Q(refunded_amount__gte=0) & Q(refunded_amount__lte=F("amount")),
            ),
            models.CheckConstraint(
                name="transfer_has_its_instrument",
                condition=Q(type="ADJUSTMENT", source=None, destination=None, parent=None, fee=0, instrument_type=None)
                | Q(instrument_type__isnull=False, instrument_last_four__isnull=False)
                & (
                    Q(type="DEBIT", source__isnull=False, destination=None, parent=None)
                    | Q(type="CREDIT", source=None, destination__isnull=False, parent=None)
                    | Q(type="REVERSAL", source=None, destination__isnull=False, parent__isnull=False, fee=0)
                ),
            ),
            models.CheckConstraint(
                name="transfer_adjusts_one_way",
                condition=Q(type="ADJUSTMENT", subtype__in=["MERCHANT_CREDIT_ADJUSTMENT", "MERCHANT_DEBIT_ADJUSTMENT"])
                | ~Q(type="ADJUSTMENT") & ~Q(subtype__in=["MERCHANT_CREDIT_ADJUSTMENT", "MERCHANT_DEBIT_ADJUSTMENT"]),
            ),
            models.CheckConstraint(
                name="transfer_tells_of_card_sales",
                condition=Q(three_d_secure__isnull=True, additional_purchase_data__isnull=True)
                | Q(type="DEBIT", operation_key=None, instrument_type="PAYMENT_CARD"),
            ),
            models.CheckConstraint(
                name="transfer_settled_or_never",
                condition=Q(ready_to_settle_upon=None, ready_to_settle_at=None)
                | Q(ready_to_settle_upon__isnull=False)
                & ~Q(type="CREDIT")
                & ~Q(subtype__in=["SETTLEMENT_MERCHANT", "SPLIT_PAYOUT"])
                & (Q(operation_key=None) | ~Q(operation_key="PULL_FROM_CARD")),
            ),
        ]
        indexes = [
            *Payment.Meta.indexes,
            models.Index(name="transfer_of_source", fields=["application", "source", "-created_at"]),
            models.Index(
                name="transfer_of_destination",
                fields=["application", "destination", "-created_at"],
                condition=Q(destination__isnull=False),
            ),
            models.Index(
                name="transfer_of_parent",
                fields=["application", "parent", "-created_at"],
                condition=Q(parent__isnull=False),
            ),
            models.Index(
                name="transfer_of_authorization",
                fields=["application", "authorization", "-created_at"],
                condition=Q(authorization__isnull=False),
            ),
            models.Index(
                name="transfer_of_batch",
                fields=["application", "batch", "-created_at"],
                condition=Q(batch__isnull=False),
            ),
            models.Index(
                name="transfer_of_settlement",
                fields=["application", "settlement", "-created_at"],
                condition=Q(settlement__isnull=False),
            ),
            models.Index(
                name="transfer_to_settle",
                fields=["application", "merchant", "currency", "ready_to_settle_at"],
                condition=Q(settlement=None, state="SUCCEEDED", ready_to_settle_at__isnull=False),
            ),
            models.Index(name="transfer_type", fields=["application", "type", "-created_at"]),
            models.Index(name="transfer_descriptor", fields=["application", "statement_descriptor", "-created_at"]),
            models.Index(name="transfer_ready", fields=["application", "ready_to_settle_at"]),
            models.Index(
                name="transfer_awaits_readiness",
                fields=["application"],
                condition=Q(state="SUCCEEDED", ready_to_settle_at=None, ready_to_settle_upon__isnull=False),
            ),
        ]

    @property
    def instrument_id(self) -> uuid.UUID:
        """Of the card or bank account that the money comes from or goes to. Raises ValueError of an adjustment."""
        key = self.source_id or self.destination_id
        if key is None:
            raise ValueError("An adjustment has no instrument")
        return key

    @property
    def instrument(self) -> PaymentInstrument | None:
        return self.source or self.destination

    @property
    def is_adjustment(self) -> bool:
        return self.type == self.Type.ADJUSTMENT

    @property
    def takes(self) -> bool:
        """Whether it lessens what the merchant is owed, as an adjustment or as a reversal."""
        return self.type == self.Type.REVERSAL or self.subtype == self.Subtype.MERCHANT_DEBIT_ADJUSTMENT

    @property
    def is_deposit(self) -> bool:
        """Whether it pays a settlement out."""
        return self.subtype in self.DEPOSITS

    @property
    def is_returned_deposit(self) -> bool:
        """Whether it is a bank's return of one."""
        is_return = self.type == self.Type.REVERSAL and self.subtype == self.Subtype.SYSTEM
        return is_return and self.parent is not None and self.parent.is_deposit

    @property
    def is_sale(self) -> bool:
        """Whether it was a charge for a merchant, which may be refunded; a pull from a card is none."""
        return self.type == self.Type.DEBIT and self.operation_key is None

    @property
    def refundable_amount(self) -> int:
        """Minor units that a reversal may still take."""
        if not (self.is_sale and self.has_succeeded) or self.returned_at is not None:
            return 0
        return self.amount - self.refunded_amount
