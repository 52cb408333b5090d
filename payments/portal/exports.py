"""The lists of this app as files, and the report of what was transacted."""

from django.db.models import QuerySet

from exports import reports
from exports.columns import Amount, Column, Flag, Id, Json, Moment, Name, Whole, Word
from exports.listings import Listing, register
from exports.reports import PeriodFilter, Report
from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem
from onboarding.portal.exports import APPLICATION
from payments.models import Authorization, Settlement, Transfer
from payments.portal.filters import (
    AuthorizationPanel,
    DecidedSettlementPanel,
    SettlementPanel,
    TransferPanel,
    WaitingSettlementPanel,
)
from portal.design.states import badge, words
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.roles import Permission, Role


def _not_merchants(by: Actor) -> bool:
    """For what only those are told who look after merchants."""
    return by.role != Role.MERCHANT


_WHOSE = (
    Id("Merchant id", "merchant_id", Merchant),
    Name("Merchant", "merchant_id", Merchant, lambda row: row.display_name),
    Id("Merchant's identity id", "merchant_identity_id", Identity),
    Id("Processor id", "processor_id", Processor),
)
_PAID_WITH = (
    Word("Instrument", "instrument_type"),
    Column("Holder", "instrument_name"),
    Word("Brand", "instrument_brand"),
    Word("First six", "instrument_bin"),
    Word("Last four", "instrument_last_four"),
)
_HOW_IT_ENDED = (
    Column("Statement descriptor", "statement_descriptor"),
    Column("Trace id", "trace_id"),
    Column("Failure code", "failure_code"),
    Column("Failure message", "failure_message"),
    Column("Address check", "address_verification"),
    Column("Security code check", "security_code_verification"),
    Column("Idempotency id", "idempotency_id"),
    Json("Tags", "tags"),
)
_TRANSFERS = (
    Id("Id", "id", Transfer),
    Moment("Created", "created_at"),
    Moment("Updated", "updated_at"),
    Word("Type", "type"),
    Word("Subtype", "subtype"),
    Word("State", "state"),
    Amount("Amount", "amount"),
    Word("Currency", "currency"),
    Amount("Fee", "fee"),
    Amount("Refunded", "refunded_amount"),
    *_WHOSE,
    *_PAID_WITH,
    Id("Source id", "source_id", PaymentInstrument),
    Id("Destination id", "destination_id", PaymentInstrument),
    Id("Reversal of", "parent_id", Transfer),
    Id("Authorization id", "authorization_id", Authorization),
    Moment("Ready to settle", "ready_to_settle_at"),
    *_HOW_IT_ENDED,
    *APPLICATION,
)

TRANSFERS = Listing(
    name="transfers",
    label="Transfers",
    permission=Permission.VIEW_TRANSFERS,
    filter_class=TransferPanel,
    visible=Transfer.objects.visible_to,
    columns=_TRANSFERS,
)
AUTHORIZATIONS = Listing(
    name="authorizations",
    label="Authorizations",
    permission=Permission.VIEW_TRANSFERS,
    filter_class=AuthorizationPanel,
    visible=Authorization.objects.visible_to,
    columns=(
        Id("Id", "id", Authorization),
        Moment("Created", "created_at"),
        Moment("Updated", "updated_at"),
        Word("State", "state"),
        Amount("Amount", "amount"),
        Word("Currency", "currency"),
        Amount("Captured", "capture_amount"),
        Id("Captured by", "transfer_id", Transfer),
        Flag("Voided", "is_void"),
        Word("Void", "void_state"),
        Moment("Expires", "expires_at"),
        Moment("Released", "released_at"),
        *_WHOSE,
        *_PAID_WITH,
        Id("Source id", "source_id", PaymentInstrument),
        *_HOW_IT_ENDED,
        *APPLICATION,
    ),
)
_SETTLEMENTS = (
    Id("Id", "id", Settlement),
    Moment("Created", "created_at"),
    Moment("Updated", "updated_at"),
    Word("Status", "status"),
    Word("Type", "type"),
    Word("Currency", "currency"),
    Amount("Before fees", "total_amount"),
    Amount("Fees", "total_fee"),
    Amount("Net", "net_amount"),
    Amount("Paid or under way", "funded_amount"),
    Whole("Entries", "entry_count"),
    Id("Merchant id", "merchant_id", Merchant),
    Name("Merchant", "merchant_id", Merchant, lambda row: row.display_name),
    Id("Merchant's identity id", "identity_id", Identity),
    Id("Processor id", "processor_id", Processor),
    Moment("Closes", "closes_at"),
    Moment("Closed", "closed_at"),
    Moment("Approved", "approved_at"),
    Id("Destination id", "destination_id", PaymentInstrument),
    Json("Flags", "flags", is_for=_not_merchants),
    Column("Reason of a rejection", "reason"),
    Json("Tags", "tags"),
    *APPLICATION,
)
SETTLEMENTS = Listing(
    name="settlements",
    label="Settlements",
    permission=Permission.VIEW_SETTLEMENTS,
    filter_class=SettlementPanel,
    visible=Settlement.objects.visible_to,
    columns=_SETTLEMENTS,
)
_REVIEWS = (
    Id("Id", "id", ReviewItem),
    Moment("Created", "created_at"),
    Moment("Updated", "updated_at"),
    Word("Outcome", "outcome"),
    Word("Processor", "processor_type"),
    Id("Settlement id", "entity_id", Settlement),
    Id("Merchant id", "merchant_id", Merchant),
    Name("Merchant", "merchant_id", Merchant, lambda row: row.display_name),
    Column("Sent in by", "asked_by_name"),
    Column("Decided by", "reviewed_by_name"),
    Moment("Decided", "completed_at"),
    Column("Reason", "reason"),
    *APPLICATION,
)


def _reviews(by: Actor) -> QuerySet[ReviewItem]:
    items: QuerySet[ReviewItem] = ReviewItem.objects.visible_to(by)
    return items.filter(entity_type=ReviewItem.EntityType.SETTLEMENT)


WAITING_SETTLEMENTS = Listing(
    name="waiting-settlements",
    label="Settlements that wait",
    permission=Permission.VIEW_REVIEWS,
    filter_class=WaitingSettlementPanel,
    visible=lambda by: _reviews(by).filter(outcome__in=ReviewItem.Outcome.open()),
    columns=_REVIEWS,
    is_oldest_first=True,
)
DECIDED_SETTLEMENTS = Listing(
    name="decided-settlements",
    label="Settlements decided on",
    permission=Permission.VIEW_REVIEWS,
    filter_class=DecidedSettlementPanel,
    visible=lambda by: _reviews(by).filter(outcome__in=ReviewItem.Outcome.decided()),
    columns=_REVIEWS,
)


def _subtype(value: str) -> str:
    return Transfer.Subtype(value).label


TRANSACTIONS = Report(
    listing=Listing(
        name="transactions",
        label="Transactions",
        permission=Permission.VIEW_TRANSFERS,
        filter_class=PeriodFilter,
        visible=Transfer.objects.visible_to,
        columns=_TRANSFERS,
    ),
    about="Every transfer made in the period, whether it succeeded or not.",
    groups=(("Type", "type", words), ("Subtype", "subtype", _subtype), ("State", "state", badge)),
)


def register_exports() -> None:
    register(TRANSFERS)
    register(AUTHORIZATIONS)
    for listing in (SETTLEMENTS, WAITING_SETTLEMENTS, DECIDED_SETTLEMENTS):
        register(listing)
    reports.register(TRANSACTIONS)
