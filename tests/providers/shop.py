"""A shop at the sandbox, as our side of the port sees it: acts under references, answers, and nothing else."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.utils import timezone

from providers.port import (
    Account,
    Answer,
    Instrument,
    News,
    OutcomeUnknown,
    ProvisionMerchant,
    Sell,
    TokeniseBankAccount,
    TokeniseCard,
    Transfer,
    Underwriting,
    VerifyMerchant,
)
from providers.sandbox.provider import Sandbox
from resources.ids import new_id
from tenancy.actors import system
from tenancy.models import Application
from tenancy.services import set_clock_offset
from vault.secret import Secret

PLAIN_CARD = "4895142232120006"
ADDRESS = {"line1": "741 Douglass St", "city": "San Mateo", "region": "CA", "postal_code": "94114", "country": "USA"}


def underwriting(**changes: Any) -> Underwriting:
    members: dict[str, Any] = {
        "business_name": "Bobs Burgers LLC",
        "doing_business_as": "Bobs Burgers",
        "first_name": "Dwayne",
        "last_name": "Sunkhronos",
        "mcc": "0742",
        "max_transaction_amount": 12000000,
        "business_tax_id": Secret("123456789"),
        "tax_id": Secret("987654321"),
    }
    return Underwriting(**members | changes)


@dataclass
class Shop:
    """One application's dealings with the sandbox."""

    application: Application
    profile: str | None = None
    sandbox: Sandbox = field(default_factory=Sandbox)

    @property
    def account(self) -> Account:
        return Account(self.application.pk, {"sandbox_profile": self.profile} if self.profile else {})

    def ask(self, act: Any, reference: str | None = None) -> Answer:
        return self.sandbox.carry_out(act, reference=reference or str(act.id), account=self.account)

    def look_up(self, reference: Any) -> Answer | None:
        return self.sandbox.look_up(str(reference), account=self.account)

    def told(self) -> list[News]:
        return list(self.sandbox.tell_all(account=self.account))

    def card(self, number: str = PLAIN_CARD, **changes: Any) -> Instrument:
        (instrument,) = self.ask(card_act(number, **changes)).news
        assert isinstance(instrument, Instrument)
        return instrument

    def bank_account(self) -> Instrument:
        (instrument,) = self.ask(bank_account_act()).news
        assert isinstance(instrument, Instrument)
        return instrument

    def merchant(self, **changes: Any) -> ProvisionMerchant:
        """Asks for a merchant that the sandbox approves at once, and gives back what was asked."""
        act = merchant_act(**changes)
        self.ask(act)
        return act

    def sale(self, amount: int, source: Instrument | None = None, merchant: Any = None, **changes: Any) -> Answer:
        return self.ask(self.sale_act(amount, source, merchant, **changes))

    def sale_act(self, amount: int, source: Any = None, merchant: Any = None, **changes: Any) -> Sell:
        source = source or self.card()
        merchant = merchant or self.merchant()
        members = {"merchant_id": merchant.id, "source_id": source.id, "amount": amount, "currency": "USD"}
        return Sell(**{"id": new_id(), **members, **changes})

    def advance(self, span: timedelta) -> None:
        self.application = set_clock_offset(
            application=self.application,
            offset=self.application.clock_offset + span,
            by=system("test"),
            at=timezone.now(),
        )


def card_act(number: str = PLAIN_CARD, **changes: Any) -> TokeniseCard:
    members: dict[str, Any] = {
        "id": new_id(),
        "identity_id": new_id(),
        "number": Secret(number),
        "expiration_month": 3,
        "expiration_year": 2039,
        "currency": "USD",
        "security_code": Secret("735"),
        "name": "Sean Green",
        "address": ADDRESS,
        "tags": {"card_name": "Business Card"},
    }
    return TokeniseCard(**members | changes)


def bank_account_act(**changes: Any) -> TokeniseBankAccount:
    members: dict[str, Any] = {
        "id": new_id(),
        "identity_id": new_id(),
        "account_number": Secret("9081726354"),
        "bank_code": "123123123",
        "account_type": "SAVINGS",
        "country": "USA",
        "currency": "USD",
        "name": "Alice",
    }
    return TokeniseBankAccount(**members | changes)


def merchant_act(processor: str = "DUMMY_V1", **form: Any) -> ProvisionMerchant:
    return ProvisionMerchant(
        id=new_id(),
        verification_id=new_id(),
        identity_id=new_id(),
        processor=processor,
        underwriting=underwriting(**form),
        tags={"shop": "one"},
    )


def verify_act(merchant: ProvisionMerchant, **form: Any) -> VerifyMerchant:
    return VerifyMerchant(
        id=new_id(),
        merchant_id=merchant.id,
        identity_id=merchant.identity_id,
        processor=merchant.processor,
        underwriting=underwriting(**form),
    )


def transfer_in(answer: Answer | None) -> Transfer:
    assert answer is not None
    (transfer,) = [news for news in answer.news if isinstance(news, Transfer)]
    return transfer


def lost(shop: Shop, act: Any) -> str:
    """The code with which the answer to an act got lost."""
    try:
        shop.ask(act)
    except OutcomeUnknown as error:
        return str(error)
    return ""
