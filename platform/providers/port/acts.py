"""What we ask of a provider: acts, each under a reference that is the provider's own idempotency key."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from vault.secret import Secret

Tags = Mapping[str, str]


@dataclass(frozen=True)
class TokeniseCard:
    """Keep a card. Number and security code are passed on in this one request and are stored nowhere.

    Without an identity it is kept for nobody yet: the answer is a token, to be claimed before it expires.
    """

    id: uuid.UUID
    identity_id: uuid.UUID | None
    number: Secret
    expiration_month: int
    expiration_year: int
    currency: str
    security_code: Secret | None = None
    name: str | None = None
    address: Mapping[str, str | None] | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class TokeniseBankAccount:
    """Keep a bank account. Without an identity the answer is a token, as with a card."""

    id: uuid.UUID
    identity_id: uuid.UUID | None
    account_number: Secret
    bank_code: str
    account_type: str
    country: str
    currency: str
    name: str
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class ClaimToken:
    """Make the instrument of an identity out of a token; both have one key. Name and address count if they are told."""

    id: uuid.UUID
    identity_id: uuid.UUID
    name: str | None = None
    address: Mapping[str, str | None] | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class UpdateInstrument:
    """Write what of an instrument may change, as a whole: name, address, tags.

    Whether it may be used stays as it is where `enabled` is None.
    """

    id: uuid.UUID
    name: str | None
    address: Mapping[str, str | None] | None
    enabled: bool | None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class UpdateCard:
    """Ask the card's issuer, for a merchant, whether it has a new number or date (account updater)."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    merchant_id: uuid.UUID
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class InquireCard:
    """Ask the card's network what a card is, and what it can receive; address and security code are checked."""

    id: uuid.UUID
    instrument_id: uuid.UUID
    processor: str
    address: Mapping[str, str | None] | None = None
    security_code: Secret | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Underwriting:
    """What a processor is told of the business it is to pay: the identity's form, tax ids and birth date included."""

    business_name: str | None
    doing_business_as: str | None
    first_name: str | None
    last_name: str | None
    mcc: str | None
    max_transaction_amount: int
    business_tax_id: Secret | None = None
    tax_id: Secret | None = None
    dob: date | None = None
    members: Mapping[str, Any] = field(default_factory=dict)
    owners: tuple["Underwriting", ...] = ()
    """The other people who own a share of the business."""


@dataclass(frozen=True)
class ProvisionMerchant:
    """Onboard an identity as a merchant at a processor; its first verification goes with it."""

    id: uuid.UUID
    verification_id: uuid.UUID
    identity_id: uuid.UUID
    processor: str
    underwriting: Underwriting
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class VerifyMerchant:
    """Send the identity's present data to the processor: the retry after a rejection, or an update of the approved."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    identity_id: uuid.UUID
    processor: str
    underwriting: Underwriting
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class DecideMerchant:
    """Give a person's word on a merchant that the processor holds for review; a rejection says why."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    verification_id: uuid.UUID
    is_accepted: bool
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class ThreeDSecure:
    """What a 3-D Secure vendor found about the cardholder. The proof is passed on in this one request."""

    electronic_commerce_indicator: str
    cardholder_authentication: Secret
    cardholder_ip_address: str | None = None
    transaction_id: str | None = None


@dataclass(frozen=True)
class Sell:
    """Charge an instrument for a merchant. A bank account is debited with a batch, whatever `is_batched` says."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    source_id: uuid.UUID
    amount: int
    currency: str
    fee: int = 0
    statement_descriptor: str | None = None
    is_batched: bool = False
    avs_failure_allowed: bool = False
    csc_failure_allowed: bool = False
    security_code: Secret | None = None
    proof: ThreeDSecure | None = None
    purchase: Mapping[str, Any] = field(default_factory=dict)
    """Level 2 and 3 data, as `additional_purchase_data` has it."""
    idempotency_id: str | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Authorise:
    """Hold an amount on a card for a merchant; a capture takes it, a void releases it, and so does time."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    source_id: uuid.UUID
    amount: int
    currency: str
    expires_at: datetime
    statement_descriptor: str | None = None
    avs_failure_allowed: bool = False
    csc_failure_allowed: bool = False
    security_code: Secret | None = None
    proof: ThreeDSecure | None = None
    purchase: Mapping[str, Any] = field(default_factory=dict)
    """Level 2 and 3 data, as `additional_purchase_data` has it."""
    idempotency_id: str | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Capture:
    """Take what an authorization holds, or part of it; what is left is released. `id` is that of the transfer."""

    id: uuid.UUID
    authorization_id: uuid.UUID
    amount: int
    currency: str
    fee: int = 0
    statement_descriptor: str | None = None
    is_batched: bool = False
    purchase: Mapping[str, Any] = field(default_factory=dict)
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Void:
    """Release what an authorization holds."""

    id: uuid.UUID


@dataclass(frozen=True)
class Refund:
    """Give back a charge or part of it, to the instrument that was charged. `id` is that of the reversal."""

    id: uuid.UUID
    parent_id: uuid.UUID
    amount: int
    currency: str
    idempotency_id: str | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Push:
    """Send money to a card."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    destination_id: uuid.UUID
    amount: int
    currency: str
    idempotency_id: str | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Pull:
    """Fetch money from a card, for no sale."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    source_id: uuid.UUID
    amount: int
    currency: str
    idempotency_id: str | None = None
    tags: Tags = field(default_factory=dict)


@dataclass(frozen=True)
class Fund:
    """Pay a merchant, to its bank account. `subtype` tells what the deposit is."""

    id: uuid.UUID
    merchant_id: uuid.UUID
    destination_id: uuid.UUID
    amount: int
    currency: str
    subtype: str
    statement_descriptor: str | None = None
    tags: Tags = field(default_factory=dict)


Act = (
    TokeniseCard
    | TokeniseBankAccount
    | ClaimToken
    | UpdateInstrument
    | UpdateCard
    | InquireCard
    | ProvisionMerchant
    | VerifyMerchant
    | DecideMerchant
    | Sell
    | Authorise
    | Capture
    | Void
    | Refund
    | Push
    | Pull
    | Fund
)
