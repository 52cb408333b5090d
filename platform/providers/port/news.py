"""What a provider says of a resource, in answer to an act or as news: frozen facts for our copying functions."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from providers.port.acts import Tags


@dataclass(frozen=True)
class News:
    """What a provider says of one resource. `version` grows with each state of it; `raw` is redacted by the adapter."""

    id: uuid.UUID
    version: str
    created_at: datetime
    updated_at: datetime
    raw: Mapping[str, Any]
    tags: Tags

    @property
    def is_decided(self) -> bool:
        """Whether nothing more is to be waited for."""
        return True

    @property
    def is_understood(self) -> bool:
        """Whether its state is one that we know."""
        return True

    def contradicts(self, verdict: "Verdict") -> bool:
        """Whether an answer with this verdict cannot bring it."""
        del verdict
        return False


@dataclass(frozen=True)
class Token(News):
    """A card or bank account that the provider keeps for nobody yet."""

    instrument_type: str
    fingerprint: str
    currency: str
    expires_at: datetime


@dataclass(frozen=True)
class Instrument(News):
    """A card or bank account that the provider keeps."""

    identity_id: uuid.UUID
    type: str
    fingerprint: str
    currency: str
    name: str | None
    last_four: str
    enabled: bool = True
    bank_code: str | None = None
    account_type: str | None = None
    country: str | None = None
    bin: str | None = None
    brand: str | None = None
    card_type: str | None = None
    issuer_country: str | None = None
    expiration_month: int | None = None
    expiration_year: int | None = None
    address: Mapping[str, str | None] | None = None
    address_verification: str | None = None
    security_code_verification: str | None = None
    security_code_provided: bool = False
    fast_funds_indicator: str | None = None
    push_funds_block_indicator: str | None = None
    online_gambling_block_indicator: str | None = None


@dataclass(frozen=True)
class CardUpdate(News):
    """What a card's issuer said of it to a merchant; what changed comes as news of the instrument."""

    instrument_id: uuid.UUID
    merchant_id: uuid.UUID
    state: str
    messages: tuple[str, ...]
    trace_id: str | None

    @property
    def is_decided(self) -> bool:
        return self.state != "PENDING"

    @property
    def is_understood(self) -> bool:
        return self.state in {"PENDING", "SUCCEEDED", "FAILED"}


@dataclass(frozen=True)
class Verification(News):
    """What a processor found about a merchant, or about a card."""

    merchant_id: uuid.UUID | None
    identity_id: uuid.UUID | None
    processor: str
    state: str
    messages: tuple[str, ...]
    trace_id: str | None
    findings: Mapping[str, Any] | None
    instrument_id: uuid.UUID | None = None
    details: Mapping[str, Any] | None = None
    """Of a card: what it can receive."""
    is_held: bool = False
    """Of a merchant, while it is pending: whether it waits for a person's word, given by DecideMerchant."""

    @property
    def is_decided(self) -> bool:
        return self.state != "PENDING"

    @property
    def is_understood(self) -> bool:
        return self.state in {"PENDING", "SUCCEEDED", "FAILED"}


@dataclass(frozen=True)
class Merchant(News):
    """A merchant as its processor knows it."""

    identity_id: uuid.UUID
    verification_id: uuid.UUID
    processor: str
    onboarding_state: str
    mid: str | None
    mcc: str | None
    merchant_name: str | None
    processor_details: Mapping[str, Any]
    max_transaction_amount: int | None = None
    """What it lets a single sale be at most, by the form it was told; 0 where it knows of no limit."""
    reasons: tuple[str, ...] = ()
    """Why it was rejected."""

    @property
    def is_decided(self) -> bool:
        return self.onboarding_state != "PROVISIONING"

    @property
    def is_understood(self) -> bool:
        return self.onboarding_state in {"PROVISIONING", "APPROVED", "REJECTED"}


@dataclass(frozen=True)
class Payment(News):
    """What transfers and authorizations have in common. `KIND` is that of our resource."""

    KIND: ClassVar[str]

    merchant_id: uuid.UUID
    state: str
    amount: int
    currency: str
    trace_id: str | None
    idempotency_id: str | None
    source_id: uuid.UUID | None = None
    failure_code: str | None = None
    failure_message: str | None = None
    messages: tuple[str, ...] = ()
    address_verification: str | None = None
    security_code_verification: str | None = None

    @property
    def is_decided(self) -> bool:
        return self.state != "PENDING"

    @property
    def is_understood(self) -> bool:
        return self.state in {"PENDING", "SUCCEEDED", "FAILED", "CANCELED"}

    @property
    def has_failed(self) -> bool:
        return self.state in {"FAILED", "CANCELED"}

    @property
    def has_succeeded(self) -> bool:
        return self.state == "SUCCEEDED"


@dataclass(frozen=True)
class Transfer(Payment):
    """A movement of money as the provider knows it."""

    KIND = "transfer"

    type: str = "DEBIT"
    subtype: str = "API"
    operation_key: str | None = None
    destination_id: uuid.UUID | None = None
    parent_id: uuid.UUID | None = None
    """Of a reversal: what it gives back."""
    authorization_id: uuid.UUID | None = None
    batch_id: uuid.UUID | None = None
    fee: int = 0
    statement_descriptor: str | None = None
    ready_to_settle_at: datetime | None = None
    expected_on: date | None = None
    """Of a deposit: the day on which the bank should have it."""

    def contradicts(self, verdict: "Verdict") -> bool:
        return self.has_failed if verdict == Verdict.ACCEPTED else verdict == Verdict.REFUSED and self.has_succeeded


@dataclass(frozen=True)
class Authorization(Payment):
    """A hold on a card as the provider knows it. `void_state` is FAILED where it refused to release it."""

    KIND = "authorization"

    expires_at: datetime | None = None
    statement_descriptor: str | None = None
    void_state: str = "UNATTEMPTED"
    transfer_id: uuid.UUID | None = None
    """What captured it."""

    @property
    def is_decided(self) -> bool:
        return self.state != "PENDING" and self.void_state != "PENDING"

    @property
    def is_understood(self) -> bool:
        return super().is_understood and self.void_state in {"UNATTEMPTED", "PENDING", "SUCCEEDED", "FAILED"}

    def contradicts(self, verdict: "Verdict") -> bool:
        if verdict == Verdict.ACCEPTED:
            return self.has_failed or self.void_state == "FAILED"
        return verdict == Verdict.REFUSED and self.has_succeeded and self.void_state != "FAILED"


@dataclass(frozen=True)
class Batch(News):
    """Transfers that are handed in together, at a moment that is known before."""

    processor: str
    due_at: datetime
    is_submitted: bool


class Verdict(StrEnum):
    ACCEPTED = "ACCEPTED"
    REFUSED = "REFUSED"
    WAITING = "WAITING"


@dataclass(frozen=True)
class Answer:
    """A provider's clear word on an act: accepted, refused with a code, or not decided yet and when to ask again."""

    verdict: Verdict
    news: tuple[News, ...] = ()
    code: str = ""
    message: str = ""
    ask_again_in: timedelta = timedelta(seconds=2)


class NotSent(Exception):
    """Certainly not executed: refused connection, no name, no TLS, before a byte of the act was sent."""


class OutcomeUnknown(Exception):
    """No answer, or none that can be relied on. The text is a code of ours, never the provider's words."""
