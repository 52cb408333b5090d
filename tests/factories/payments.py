"""Processors, cards, bank accounts, merchants and sales for tests, made through the services against the sandbox."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import F
from django.utils import timezone

from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import InstrumentInput
from onboarding.services import create_payment_instrument, provision_merchant
from payments.models import Authorization, Settlement, Transfer
from payments.services import create_authorization, create_sale, create_settlement
from providers import attempts
from providers.models import Attempt
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.services import enable_processor, set_clock_offset
from tenancy.transactions import transaction

PLAIN_CARD = "4895142232120006"
CARD: dict[str, Any] = {
    "type": "PAYMENT_CARD",
    "name": "Sean Green",
    "number": PLAIN_CARD,
    "security_code": "112",
    "expiration_month": 12,
    "expiration_year": 2040,
    "address": {
        "line1": "900 Metro Center Blv",
        "line2": None,
        "city": "San Francisco",
        "region": "CA",
        "postal_code": "94404",
        "country": "USA",
    },
}
BANK_ACCOUNT: dict[str, Any] = {
    "type": "BANK_ACCOUNT",
    "name": "Alice",
    "account_type": "SAVINGS",
    "account_number": "0000000016",
    "bank_code": "122105278",
    "country": "USA",
    "currency": "USD",
}


def make_processor(
    application: Application, name: Processor.Name = Processor.Name.DUMMY_V1, **config: Any
) -> Processor:
    """A processor that the application may onboard merchants at; `config` as the API takes it."""
    return enable_processor(application=application, name=name, config=config, by=system("test"), at=timezone.now())


def make_card(identity: Identity, number: str = PLAIN_CARD, **members: Any) -> PaymentInstrument:
    """A card of the identity; `members` are those of the API's body."""
    return _make_instrument(identity, CARD | {"number": number} | members)


def make_bank_account(identity: Identity, **members: Any) -> PaymentInstrument:
    return _make_instrument(identity, BANK_ACCOUNT | members)


def make_merchant(identity: Identity, processor: str | None = None, *, at: datetime | None = None) -> Merchant:
    """The identity as a merchant; approved at once, unless its names or the application's settings say otherwise."""
    return provision_merchant(identity=identity, processor=processor, by=system("test"), at=at or timezone.now())


def make_sale(merchant: Merchant, card: PaymentInstrument, amount: int = 1000, **options: Any) -> Transfer:
    """A sale of `amount` cents, as it is after the sandbox has answered."""
    at = options.pop("at", None) or timezone.now()
    values: dict[str, Any] = {"currency": "USD"} | options
    return create_sale(merchant_id=merchant.pk, source_id=card.pk, amount=amount, by=system("test"), at=at, **values)


def make_authorization(
    merchant: Merchant, card: PaymentInstrument, amount: int = 1000, **options: Any
) -> Authorization:
    """A hold of `amount` cents, as it is after the sandbox has answered."""
    at = options.pop("at", None) or timezone.now()
    values: dict[str, Any] = {"currency": "USD"} | options
    return create_authorization(
        merchant_id=merchant.pk, source_id=card.pk, amount=amount, by=system("test"), at=at, **values
    )


def make_settlement(merchant: Merchant, *transfers: Transfer) -> Settlement:
    """The merchant's accruing settlement with these transfers in it, as if its processor had found them ready."""
    with transaction(by=system("test")):
        rows = Transfer.objects.filter(pk__in=[transfer.pk for transfer in transfers])
        rows.update(ready_to_settle_at=F("created_at"))
    return create_settlement(merchant=merchant, currency="USD", by=system("test"), at=timezone.now())


def let_time_pass(application: Application, seconds: float) -> None:
    """Run the business time of an application ahead, and let the worker ask about every open attempt of it."""
    now = timezone.now()
    with transaction(by=system("test")):
        current = Application.objects.get(pk=application.pk)
    offset = current.clock_offset + timedelta(seconds=seconds)
    set_clock_offset(application=current, offset=offset, by=system("test"), at=now)
    with transaction(by=system("test")):
        waiting = list(Attempt.objects.unresolved().filter(application=application).values_list("id", flat=True))
    for attempt_id in waiting:
        attempts.resolve(attempt_id, application.pk)


def make_validated(identity: Identity, members: dict[str, Any]) -> dict[str, Any]:
    """The members of an instrument as the service takes them."""
    body = InstrumentInput(data=members | {"identity": identity.public_id})
    body.is_valid(raise_exception=True)
    values: dict[str, Any] = body.validated_data
    return values


def _make_instrument(identity: Identity, members: dict[str, Any]) -> PaymentInstrument:
    return create_payment_instrument(values=make_validated(identity, members), by=system("test"), at=timezone.now())
