"""A merchant who takes payments, straight through the models, and statements of the ledger in plain SQL."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import HOLD_LASTS, Authorization, LedgerAccount, Transfer
from payments.services.ledger import Leg, legs_of, post, reason_of
from resources import ids
from tenancy import services
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.tenancy import Login, make_application

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
CLEARING, BALANCE = LedgerAccount.Kind.PROCESSOR_CLEARING, LedgerAccount.Kind.MERCHANT_BALANCE
FEES, FUNDS = LedgerAccount.Kind.PARTNER_FEES, LedgerAccount.Kind.OPERATING_FUNDS
Rows = list[tuple[Any, ...]]


@dataclass(frozen=True)
class Shop:
    """An approved merchant with an instrument to charge."""

    application: Application
    partner: Login
    identity: Identity
    merchant: Merchant
    instrument: PaymentInstrument

    def leg(self, kind: LedgerAccount.Kind, amount: int, currency: str = "USD") -> Leg:
        return Leg(kind=kind, merchant_id=self.merchant.pk, amount=amount, currency=currency)


def make_shop(name: str = "Acme", *, beside: Shop | None = None) -> Shop:
    """In an application of its own, or in that of another."""
    application, partner = (beside.application, beside.partner) if beside else make_application(name)
    if beside is None:
        services.enable_processor(
            application=application, name=Processor.Name.DUMMY_V1, config={}, by=system(), at=timezone.now()
        )
    identity = make_merchant_identity(application)
    with transaction(by=system()):
        processor = Processor.objects.get(application=application)
        merchant = Merchant.objects.create(
            application=application,
            identity=identity,
            processor=processor.processor,
            enabled_processor=processor,
            merchant_profile_id=processor.default_merchant_profile_id,
            onboarding_state=Merchant.OnboardingState.APPROVED,
            processing_enabled=True,
            settlement_enabled=True,
        )
        instrument = PaymentInstrument.objects.create(
            application=application,
            identity=identity,
            type=PaymentInstrument.Type.BANK_ACCOUNT,
            fingerprint="FP",
            last_four="6789",
            bank_code="122105278",
            account_type=PaymentInstrument.AccountType.CHECKING,
        )
    return Shop(application, partner, identity, merchant, instrument)


def make_transfer(shop: Shop, amount: int, fee: int = 0, **values: Any) -> Transfer:
    """A charge that succeeded, unless `values` say otherwise; in the transaction of the caller, and not posted."""
    transfer: Transfer = Transfer.objects.create(
        application=shop.application,
        merchant=shop.merchant,
        merchant_identity=shop.identity,
        processor_id=shop.merchant.enabled_processor_id,
        amount=amount,
        fee=fee,
        **(
            {
                "state": Transfer.State.SUCCEEDED,
                "currency": "USD",
                "source": shop.instrument,
                "instrument_type": shop.instrument.type,
                "instrument_last_four": shop.instrument.last_four,
            }
            | values
        ),
    )
    return transfer


def make_reversal(parent: Transfer, shop: Shop, amount: int, **values: Any) -> Transfer:
    """Of a charge, which is told nothing of it; not posted."""
    of_it = {"type": "REVERSAL", "source": None, "destination": shop.instrument, "parent": parent}
    return make_transfer(shop, amount, **(of_it | {"currency": parent.currency} | values))


def make_push(shop: Shop, amount: int, **values: Any) -> Transfer:
    of_it = {"type": "CREDIT", "operation_key": "PUSH_TO_CARD", "source": None, "destination": shop.instrument}
    return make_transfer(shop, amount, **(of_it | values))


def make_pull(shop: Shop, amount: int, **values: Any) -> Transfer:
    return make_transfer(shop, amount, **({"operation_key": "PULL_FROM_CARD"} | values))


def make_adjustment(shop: Shop, amount: int, *, takes: bool, **values: Any) -> Transfer:
    key = "MERCHANT_DEBIT_ADJUSTMENT" if takes else "MERCHANT_CREDIT_ADJUSTMENT"
    of_it = {"type": "ADJUSTMENT", "subtype": key, "operation_key": key}
    nothing = dict.fromkeys(("source", "instrument_type", "instrument_last_four"))
    return make_transfer(shop, amount, **(of_it | nothing | values))


def make_authorization(shop: Shop, amount: int, **values: Any) -> Authorization:
    """A hold that was granted, unless `values` say otherwise."""
    authorization: Authorization = Authorization.objects.create(
        application=shop.application,
        merchant=shop.merchant,
        merchant_identity=shop.identity,
        processor_id=shop.merchant.enabled_processor_id,
        source=shop.instrument,
        instrument_type=shop.instrument.type,
        instrument_last_four=shop.instrument.last_four,
        amount=amount,
        expires_at=AT + HOLD_LASTS,
        **({"state": Authorization.State.SUCCEEDED, "currency": "USD"} | values),
    )
    return authorization


def post_transfer(transfer: Transfer) -> None:
    post(
        reason=reason_of(transfer),
        resource=transfer,
        application_id=transfer.application_id,
        legs=legs_of(transfer),
        at=AT,
    )


def make_sale(shop: Shop, amount: int, fee: int = 0, **values: Any) -> Transfer:
    """Posted, in a transaction of its own."""
    with transaction(by=system()):
        transfer = make_transfer(shop, amount, fee, **values)
        post_transfer(transfer)
    return transfer


@dataclass(frozen=True)
class Raw:
    """A leg as the table takes it."""

    account: uuid.UUID
    amount: int
    currency: str = "USD"
    application: uuid.UUID | None = None


INSERT_JOURNAL = (
    "INSERT INTO ledger_journal (id, application_id, reason, resource_kind, resource_id, posted_at)"
    " VALUES (%s, %s, %s, 'transfer', %s, now())"
)


def insert_postings(application: uuid.UUID, journal: uuid.UUID, legs: Sequence[Raw]) -> tuple[str, list[Any]]:
    values = ", ".join(["(%s, %s, %s, %s, %s, %s)"] * len(legs))
    parameters: list[Any] = []
    for leg in legs:
        parameters += [ids.new_id(), leg.application or application, journal, leg.account, leg.amount, leg.currency]
    return (
        f"INSERT INTO ledger_posting (id, application_id, journal_id, account_id, amount, currency) VALUES {values}",
        parameters,
    )


def insert_journal(
    application: uuid.UUID,
    legs: Sequence[Raw],
    *,
    journal: uuid.UUID | None = None,
    reason: str = "test",
    resource: uuid.UUID | None = None,
) -> tuple[str, list[Any]]:
    """A journal and its legs in one statement, with no care for what they say."""
    journal = journal or ids.new_id()
    postings, parameters = insert_postings(application, journal, legs)
    return f"WITH journal AS ({INSERT_JOURNAL}) {postings}", [
        journal,
        application,
        reason,
        resource or ids.new_id(),
        *parameters,
    ]
