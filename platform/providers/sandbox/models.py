"""The sandbox's own tables: what a provider would keep at its place, under the ids that the acts name.

Moments are the application's business time. Keys of other rows are plain uuids: nothing here refers to our tables.
"""

import uuid
from datetime import datetime, timedelta

from django.db import models
from django.db.models import F, Q

from resources import ids


class Row(models.Model):
    """A resource as the sandbox knows it. `version` grows with each change of what is told of it."""

    id = models.UUIDField(primary_key=True, editable=False)
    application_id = models.UUIDField()
    version = models.PositiveIntegerField(default=1)
    tags = models.JSONField(default=dict)
    created_at = models.DateTimeField()
    updated_at = models.DateTimeField()

    class Meta:
        abstract = True
        indexes = [models.Index(name="%(app_label)s_%(class)s_told", fields=["application_id", "created_at", "id"])]

    def __str__(self) -> str:
        return str(self.id)

    def change(self, at: datetime, **values: object) -> None:
        """Write members of a row that is locked, as its next version."""
        for name, value in values.items():
            setattr(self, name, value)
        self.version += 1
        self.updated_at = at
        self.save(update_fields=[*values, "version", "updated_at"])


class Instrument(Row):
    """A card or bank account, without its number. While nobody has claimed it, it is known by a token alone."""

    identity_id = models.UUIDField(null=True)
    token_expires_at = models.DateTimeField(null=True, help_text="Of one that began as a token.")
    type = models.CharField(max_length=30)
    fingerprint = models.CharField(max_length=40)
    currency = models.CharField(max_length=3)
    name = models.CharField(max_length=200, null=True)
    last_four = models.CharField(max_length=4)
    enabled = models.BooleanField(default=True)
    bank_code = models.CharField(max_length=20, null=True)
    account_type = models.CharField(max_length=30, null=True)
    country = models.CharField(max_length=3, null=True)
    bin = models.CharField(max_length=6, null=True)
    brand = models.CharField(max_length=30, null=True)
    card_type = models.CharField(max_length=30, null=True)
    issuer_country = models.CharField(max_length=20, null=True)
    expiration_month = models.PositiveSmallIntegerField(null=True)
    expiration_year = models.PositiveSmallIntegerField(null=True)
    address = models.JSONField(null=True)
    address_verification = models.CharField(max_length=40, null=True)
    security_code_verification = models.CharField(max_length=40, null=True)
    security_code_provided = models.BooleanField(default=False)
    fast_funds_indicator = models.CharField(max_length=10, null=True)
    push_funds_block_indicator = models.CharField(max_length=10, null=True)
    online_gambling_block_indicator = models.CharField(max_length=10, null=True)
    inquiry = models.CharField(max_length=60, default="", help_text="What an inquiry tells; see scenarios.INQUIRIES.")
    updater = models.CharField(max_length=60, default="", help_text="What its issuer tells; see scenarios.UPDATES.")
    scenario = models.CharField(max_length=60, default="", help_text="How a test card behaves; see scenarios.CARDS.")
    push_code = models.CharField(max_length=60, default="", help_text="Declines pushes to it and pulls from it.")
    refund_code = models.CharField(max_length=60, default="", help_text="Declines refunds to it.")
    return_code = models.CharField(max_length=10, default="", help_text="Why its bank returns debits.")
    fails_address = models.BooleanField(default=False, help_text="Flagged once, and for good.")
    fails_security_code = models.BooleanField(default=False, help_text="Flagged once, and for good.")

    merchant_state: str | None
    """Of the merchant of a payment, where the payment has joined it."""
    merchant_limit: int | None
    merchant_processor: str | None

    class Meta(Row.Meta):
        db_table = "sandbox_instrument"

    def is_expired(self, now: datetime) -> bool:
        """A card is good to the end of its month."""
        if self.expiration_year is None or self.expiration_month is None:
            return False
        return (self.expiration_year, self.expiration_month) < (now.year, now.month)


class Merchant(Row):
    """A merchant at one of the sandbox's processors."""

    identity_id = models.UUIDField()
    verification_id = models.UUIDField(help_text="The latest one.")
    processor = models.CharField(max_length=40)
    onboarding_state = models.CharField(max_length=20)
    reasons = models.JSONField(default=list, help_text="Why it was rejected.")
    mid = models.CharField(max_length=60, null=True)
    mcc = models.CharField(max_length=4, null=True)
    merchant_name = models.CharField(max_length=200, null=True)
    max_transaction_amount = models.BigIntegerField(default=0, help_text="Minor units; 0 is no limit.")

    class Meta(Row.Meta):
        db_table = "sandbox_merchant"


class Verification(Row):
    """A check of a merchant, with what was sent in for it; that becomes the merchant's once it has succeeded."""

    merchant_id = models.UUIDField()
    identity_id = models.UUIDField()
    processor = models.CharField(max_length=40)
    state = models.CharField(max_length=20)
    messages = models.JSONField(default=list)
    trace_id = models.CharField(max_length=60)
    mcc = models.CharField(max_length=4, null=True)
    merchant_name = models.CharField(max_length=200, null=True)
    max_transaction_amount = models.BigIntegerField(default=0)
    verdict = models.CharField(max_length=20, help_text="What it will be; empty while a person has to decide.")
    reasons = models.JSONField(default=list)
    due_at = models.DateTimeField(null=True, help_text="When the verdict is given.")

    class Meta(Row.Meta):
        db_table = "sandbox_verification"
        indexes = [
            *Row.Meta.indexes,
            models.Index(
                name="sandbox_verification_due", fields=["application_id", "due_at"], condition=Q(state="PENDING")
            ),
        ]

    @property
    def is_held(self) -> bool:
        """Whether it waits for a person's word."""
        return self.state == "PENDING" and not self.verdict

    def is_due(self, now: datetime) -> bool:
        return self.state == "PENDING" and self.due_at is not None and self.due_at <= now


class Inquiry(Row):
    """A question to the card's network about a card, and the whole answer."""

    instrument_id = models.UUIDField()
    processor = models.CharField(max_length=40)
    state = models.CharField(max_length=20)
    messages = models.JSONField(default=list)
    trace_id = models.CharField(max_length=60)
    raw = models.JSONField(null=True)

    class Meta(Row.Meta):
        db_table = "sandbox_inquiry"


class CardUpdate(Row):
    """A question to the card's issuer, for a merchant, whether the card has changed."""

    merchant_id = models.UUIDField()
    instrument_id = models.UUIDField()
    state = models.CharField(max_length=20)
    messages = models.JSONField(default=list)
    trace_id = models.CharField(max_length=60)
    due_at = models.DateTimeField(null=True, help_text="When the issuer answers.")

    class Meta(Row.Meta):
        db_table = "sandbox_card_update"

    def is_due(self, now: datetime) -> bool:
        return self.state == "PENDING" and self.due_at is not None and self.due_at <= now


class Batch(Row):
    """Transfers that are submitted together, once the moment has come."""

    processor = models.CharField(max_length=40)
    due_at = models.DateTimeField()

    class Meta(Row.Meta):
        db_table = "sandbox_batch"
        indexes = [
            *Row.Meta.indexes,
            models.Index(name="sandbox_batch_due", fields=["application_id", "processor", "-due_at"]),
        ]


class Payment(Row):
    """What transfers and authorizations have in common."""

    merchant_id = models.UUIDField()
    state = models.CharField(max_length=20)
    amount = models.BigIntegerField(help_text="Minor units.")
    currency = models.CharField(max_length=3)
    statement_descriptor = models.CharField(max_length=40, null=True)
    idempotency_id = models.CharField(max_length=255, null=True)
    trace_id = models.CharField(max_length=60)
    network = models.CharField(max_length=30, null=True)
    failure_code = models.CharField(max_length=80, null=True)
    address_verification = models.CharField(max_length=40, null=True)
    security_code_verification = models.CharField(max_length=40, null=True)
    has_changed_source = models.BooleanField(default=False, help_text="It flagged or disabled the instrument.")
    proof = models.JSONField(null=True, help_text="What 3-D Secure found; the evidence itself is not kept.")

    class Meta(Row.Meta):
        abstract = True


class Authorization(Payment):
    """A hold on a card."""

    source_id = models.UUIDField()
    expires_at = models.DateTimeField()
    captured_by = models.UUIDField(null=True, help_text="The transfer that took it.")
    void_state = models.CharField(max_length=20, default="UNATTEMPTED")
    void_due_at = models.DateTimeField(null=True, help_text="When a void is through.")

    class Meta(Payment.Meta):
        db_table = "sandbox_authorization"


class Transfer(Payment):
    """A movement of money."""

    type = models.CharField(max_length=20, default="DEBIT")
    subtype = models.CharField(max_length=30, default="API")
    operation_key = models.CharField(max_length=40, null=True)
    source_id = models.UUIDField(null=True)
    destination_id = models.UUIDField(null=True)
    parent_id = models.UUIDField(null=True)
    authorization_id = models.UUIDField(null=True)
    batch_id = models.UUIDField(null=True)
    fee = models.BigIntegerField(default=0, help_text="Minor units.")
    refunded_amount = models.BigIntegerField(default=0, help_text="Minor units that reversals have taken of it.")
    due_at = models.DateTimeField(null=True, help_text="When its batch is submitted.")
    ready_at = models.DateTimeField(null=True, help_text="When it may be settled.")
    told_at = models.DateTimeField(null=True, help_text="When the feed tells of it.")
    expected_on = models.DateField(null=True, help_text="Of a deposit: when its bank should have it.")
    return_code = models.CharField(max_length=10, default="", help_text="Why its bank will return it.")
    return_due_at = models.DateTimeField(null=True)

    class Meta(Payment.Meta):
        db_table = "sandbox_transfer"
        constraints = [
            models.CheckConstraint(
                name="sandbox_transfer_refunded",
                condition=Q(refunded_amount__gte=0) & Q(refunded_amount__lte=F("amount")),
            ),
        ]
        indexes = [
            *Row.Meta.indexes,
            models.Index(
                name="sandbox_transfer_due", fields=["application_id", "due_at"], condition=Q(state="PENDING")
            ),
            models.Index(
                name="sandbox_transfer_feed",
                fields=["application_id", "told_at", "id"],
                condition=Q(told_at__isnull=False),
            ),
            models.Index(
                name="sandbox_transfer_return",
                fields=["application_id", "return_due_at"],
                condition=Q(return_due_at__isnull=False),
            ),
        ]

    @property
    def instrument_id(self) -> uuid.UUID:
        """Of the card or bank account, on whichever side it stands."""
        found = self.source_id or self.destination_id
        if found is None:
            raise ValueError("A transfer has an instrument on one side")
        return found

    def is_due(self, now: datetime) -> bool:
        return self.state == "PENDING" and self.due_at is not None and self.due_at <= now


class Call(models.Model):
    """An act that arrived under a reference: which resource tells its answer, or the refusal that made none."""

    id = models.UUIDField(primary_key=True, default=ids.new_id, editable=False)
    application_id = models.UUIDField()
    reference = models.CharField(max_length=255)
    operation = models.CharField(max_length=40)
    resource_id = models.UUIDField()
    code = models.CharField(max_length=80, default="", help_text="Of a refusal that left no resource behind.")
    message = models.CharField(max_length=300, default="")
    called_at = models.DateTimeField()

    class Meta:
        db_table = "sandbox_call"
        constraints = [
            models.UniqueConstraint(name="sandbox_call_once", fields=["application_id", "reference"]),
        ]

    def __str__(self) -> str:
        return self.reference


class Fault(models.Model):
    """What goes wrong with the next calls that it fits."""

    class Kind(models.TextChoices):
        LATENCY = "LATENCY", "the answer comes after so many seconds; beyond the time limit it is lost"
        UNREACHABLE = "UNREACHABLE", "the connection is refused; certainly nothing happened"
        TIMEOUT_BEFORE = "TIMEOUT_BEFORE", "no answer, and nothing happened"
        TIMEOUT_AFTER = "TIMEOUT_AFTER", "no answer, though the act was carried out"
        ERROR_BEFORE = "ERROR_BEFORE", "a server error, and nothing happened"
        ERROR_AFTER = "ERROR_AFTER", "a server error, though the act was carried out"
        MALFORMED = "MALFORMED", "carried out; the answer cannot be read"
        OTHER_AMOUNT = "OTHER_AMOUNT", "carried out; the answer tells one minor unit more"
        OTHER_CURRENCY = "OTHER_CURRENCY", "carried out; the answer tells another currency"
        DUPLICATE = "DUPLICATE", "the act arrives twice and is carried out once"
        REFUSED = "REFUSED", "declined with GENERIC_DECLINE"

        @classmethod
        def without_effect(cls) -> frozenset["Fault.Kind"]:
            return frozenset({cls.UNREACHABLE, cls.TIMEOUT_BEFORE, cls.ERROR_BEFORE})

        @classmethod
        def of_acts_only(cls) -> frozenset["Fault.Kind"]:
            """They say nothing where nothing is carried out."""
            return frozenset({cls.DUPLICATE, cls.REFUSED})

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application_id = models.UUIDField()
    kind = models.CharField(max_length=20, choices=Kind)
    operation = models.CharField(max_length=40, null=True, help_text="Of these calls only, e.g. sell or look_up.")
    amount = models.BigIntegerField(null=True, help_text="Of sales of this amount only; minor units.")
    key = models.CharField(max_length=255, null=True, help_text="Of this idempotency id or reference only.")
    times = models.PositiveIntegerField(null=True, help_text="How often still; empty is until it is cleared.")
    seconds = models.FloatField(default=0, help_text="How long the answer takes.")
    arranged_at = models.DateTimeField()

    class Meta:
        db_table = "sandbox_fault"
        constraints = [models.CheckConstraint(name="sandbox_fault_seconds", condition=Q(seconds__gte=0))]
        indexes = [models.Index(name="sandbox_fault_of_application", fields=["application_id", "arranged_at"])]

    def __str__(self) -> str:
        return self.kind

    @property
    def delay(self) -> timedelta:
        return timedelta(seconds=self.seconds)
