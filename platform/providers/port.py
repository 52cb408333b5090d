"""The port: what we ask of any provider, and what it says, in our words and our types.

An *act* is asked for, under a *reference* that is the provider's own idempotency key. What the provider says of a
resource, in answer to an act or as news, is one of the frozen dataclasses below, and enters our tables through the one
copying function of that resource. Amounts are integer minor units beside their currency.
"""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from vault.secret import Secret

Tags = Mapping[str, str]


@dataclass(frozen=True)
class Account:
    """Under whose account at the provider we act: the application, and its settings of the processor."""

    application_id: uuid.UUID
    settings: Mapping[str, Any] = field(default_factory=dict)


# --- what we ask -----------------------------------------------------------------------------------------------------


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
class Sell:
    """Charge an instrument for a merchant."""

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
    idempotency_id: str | None = None
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
)


# --- what a provider says --------------------------------------------------------------------------------------------


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
class Transfer(News):
    """A movement of money as the provider knows it."""

    merchant_id: uuid.UUID
    source_id: uuid.UUID
    type: str
    state: str
    amount: int
    currency: str
    fee: int
    trace_id: str | None
    statement_descriptor: str | None
    idempotency_id: str | None
    ready_to_settle_at: datetime | None = None
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

    def contradicts(self, verdict: "Verdict") -> bool:
        has_failed = self.state in {"FAILED", "CANCELED"}
        return has_failed if verdict == Verdict.ACCEPTED else verdict == Verdict.REFUSED and self.state == "SUCCEEDED"


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


# --- who we ask ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Capabilities:
    """What the resolver may do when an outcome is unknown, and how long a call may take."""

    has_lookup: bool
    has_idempotent_create: bool
    time_limit: timedelta = timedelta(seconds=15)


class Provider(Protocol):
    """One provider, whoever is behind it. No transaction is open during a call."""

    name: str
    capabilities: Capabilities

    def carry_out(self, act: Act, *, reference: str, account: Account) -> Answer:
        """Ask for an act. Raises NotSent or OutcomeUnknown."""
        ...

    def look_up(self, reference: str, *, account: Account) -> Answer | None:
        """What became of the act under this reference; None where there is none. Raises NotSent, OutcomeUnknown."""
        ...

    def tell_all(self, *, account: Account) -> Iterator[News]:
        """All the provider knows of the account, what is referred to before what refers."""
        ...
