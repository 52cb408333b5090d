"""The lists of this app as files, and the report of what was transacted."""

import json
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import BooleanField, Case, ExpressionWrapper, F, Q, QuerySet, Value, When
from django.utils import timezone

from exports import reports
from exports.cells import all_neutral
from exports.columns import Amount, Cell, Column, Flag, Id, Json, Moment, Name, Whole, Word, units
from exports.listings import Listing, register
from exports.reports import PeriodFilter, Report
from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem
from onboarding.portal.exports import APPLICATION, review_columns
from payments.models import Authorization, Settlement, Transfer, TransferBatch
from payments.portal.batch_facts import Contents, contents_of
from payments.portal.filters import (
    AuthorizationPanel,
    BatchPanel,
    DecidedSettlementPanel,
    SettlementPanel,
    TransferPanel,
    WaitingSettlementPanel,
)
from payments.portal.unresolved_filters import UnresolvedPanel
from portal.design.states import badge, words
from portal.subjects import subjects_of
from providers.models import Attempt
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
        Amount("Fee", "fee"),
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


@dataclass(frozen=True)
class _OfSettlement(Word):
    """Something of the settlement that an item of the review queue is about."""

    told: Callable[[Settlement], str]

    def read(self) -> list[Any]:
        return [F("entity_id"), F("application_id")]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        keys, applications = values
        found = Settlement.objects.visible_to(by).filter(application_id__in=set(applications), pk__in=set(keys))
        told = {settlement.pk: self.told(settlement) for settlement in found}
        return [told.get(key) for key in keys]


@dataclass(frozen=True)
class _AmountOfSettlement(_OfSettlement):
    def typed(self, text: str) -> Cell:
        return Decimal(text)


def _net_of(settlement: Settlement) -> str:
    return units(settlement.total_amount - settlement.total_fee, settlement.currency)


_REVIEWS = review_columns(
    Id("Settlement id", "entity_id", Settlement),
    _AmountOfSettlement("Before fees", "entity_id", lambda one: units(one.total_amount, one.currency)),
    _AmountOfSettlement("Fees", "entity_id", lambda one: units(one.total_fee, one.currency)),
    _AmountOfSettlement("Net", "entity_id", _net_of),
    _OfSettlement("Currency", "entity_id", lambda one: one.currency),
    _OfSettlement("Flags", "entity_id", lambda one: json.dumps(one.flags) if one.flags else ""),
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


_BATCHES_AT_A_TIME = 500
"""Of which the transfers are added up by one statement: there may be thousands in each."""


@dataclass(frozen=True)
class _OfBatch(Word):
    """Something of what is in a batch."""

    told: Callable[[Contents], str]

    def read(self) -> list[Any]:
        return [F("id"), F("application_id")]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        keys: Sequence[uuid.UUID] = values[0]
        pairs = list(zip(*values, strict=True))
        found: dict[uuid.UUID, Contents] = {}
        for at in range(0, len(pairs), _BATCHES_AT_A_TIME):
            found |= contents_of(dict(pairs[at : at + _BATCHES_AT_A_TIME]), by=by)
        return [self.told(found.get(key) or Contents()) for key in keys]

    def typed(self, text: str) -> Cell:
        return text if text.isalpha() or "," in text else Decimal(text)


def _sums(contents: Contents) -> str:
    """One for each of the currencies, in the same order; there is seldom more than one."""
    return ", ".join(units(amount, currency) for currency, amount in contents.by_currency)


def _currencies(contents: Contents) -> str:
    return ", ".join(currency for currency, _ in contents.by_currency)


BATCHES = Listing(
    name="batches",
    label="Batches",
    permission=Permission.VIEW_PROCESSORS,
    filter_class=BatchPanel,
    visible=TransferBatch.objects.visible_to,
    columns=(
        Id("Id", "id", TransferBatch),
        Moment("Opened", "created_at"),
        Moment("Due or submitted", "due_at"),
        Word("State", "state"),
        Name("Processor", "processor_id", Processor, lambda row: row.processor),
        Id("Processor id", "processor_id", Processor),
        _OfBatch("Transfers", "id", lambda contents: str(contents.count)),
        _OfBatch("Sum", "id", _sums),
        _OfBatch("Currency", "id", _currencies),
        *APPLICATION,
    ),
)


@dataclass(frozen=True)
class _AsKnown(Word):
    """The state of an attempt as its list tells it: what was sent, and not answered in time, is unknown as well."""

    def read(self) -> list[Any]:
        is_late = When(
            state=Attempt.State.CLAIMED,
            sends__gt=0,
            leased_until__lte=timezone.now(),
            then=Value(Attempt.State.UNKNOWN.value),
        )
        return [Case(is_late, default=F(self.source))]


@dataclass(frozen=True)
class _About(Column):
    """What an attempt is about: its kind, and what it goes by."""

    def read(self) -> list[Any]:
        return [F("resource_kind"), F(self.source)]

    def texts(self, by: Actor, *values: Sequence[Any]) -> Sequence[str | None]:
        handles = list(zip(*values, strict=True))
        told = subjects_of(set(handles), by=by)
        return all_neutral([f"{told[handle].kind} {told[handle].name}".strip() for handle in handles])


UNRESOLVED = Listing(
    name="unresolved",
    label="Unresolved",
    permission=Permission.VIEW_ATTEMPTS,
    filter_class=UnresolvedPanel,
    visible=Attempt.objects.visible_to,
    columns=(
        Word("Reference", "reference"),
        Moment("Begun", "created_at"),
        Word("Act", "operation"),
        _AsKnown("State", "state"),
        Amount("Amount", "amount"),
        Word("Currency", "currency"),
        _About("About", "resource_id"),
        Word("Provider", "provider"),
        Word("Processor", "processor"),
        Moment("Last sent", "sent_at"),
        Whole("Times sent", "sends"),
        Whole("Times without a verdict", "checks"),
        Moment("Silent since", "silent_since"),
        Moment("Next check", "next_check_at"),
        Column("Code", "code"),
        *APPLICATION,
    ),
    is_oldest_first=True,
)


def _subtype(value: str) -> str:
    return _SUBTYPES.get(value) or Transfer.Subtype(value).label


_SUBTYPES = {Transfer.Subtype.API.value: "Asked for", Transfer.Subtype.SYSTEM.value: "By a bank"}


def _settles(value: object) -> str:
    return "In settlements" if value else "Never"


def _transactions(by: Actor) -> QuerySet[Transfer]:
    """Sales are settled and pulls never; a bank's return of a debit is settled, and that of a deposit never."""
    is_settled = ExpressionWrapper(Q(ready_to_settle_upon__isnull=False), output_field=BooleanField())
    return Transfer.objects.visible_to(by).annotate(is_settled=is_settled)


TRANSACTIONS = Report(
    listing=Listing(
        name="transactions",
        label="Transactions",
        permission=Permission.VIEW_TRANSFERS,
        filter_class=PeriodFilter,
        visible=_transactions,
        columns=_TRANSFERS,
    ),
    about="Every transfer made in the period, whether it succeeded or not.",
    groups=(
        ("Type", "type", words),
        ("Subtype", "subtype", _subtype),
        ("Settled", "is_settled", _settles),
        ("State", "state", badge),
    ),
)


def register_exports() -> None:
    register(TRANSFERS)
    register(AUTHORIZATIONS)
    for listing in (SETTLEMENTS, WAITING_SETTLEMENTS, DECIDED_SETTLEMENTS, BATCHES, UNRESOLVED):
        register(listing)
    reports.register(TRANSACTIONS)
