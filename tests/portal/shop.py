"""What the tests of the payment pages share: an application that sells, and what a browser sends of its forms."""

import re
from html import unescape
from typing import Any

from django.test import Client
from django.utils import timezone

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments import services
from payments.models import Authorization, Transfer
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_bank_account, make_card, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.portal.pages import browser

TRANSFERS = "/dashboard/transfers/"
AUTHORIZATIONS = "/dashboard/authorizations/"


class Shop:
    """An application with a merchant that is approved, and a buyer with a card."""

    def __init__(self, name: str = "Own", **config: Any) -> None:
        self.application: Application = make_application(name)[0]
        self.processor = make_processor(self.application, **config)
        self.identity: Identity = make_merchant_identity(self.application, doing_business_as=f"{name} Bakery")
        self.merchant: Merchant = make_merchant(self.identity)
        self.buyer: Identity = make_identity(self.application)
        self.card: PaymentInstrument = make_card(self.buyer)

    def sale(self, amount: int = 1250, **options: Any) -> Transfer:
        return make_sale(self.merchant, options.pop("card", self.card), amount=amount, **options)

    def form_url(self) -> str:
        return f"{TRANSFERS}new/{self.merchant.public_id}/"

    def form(self, client: Client, **changes: str) -> dict[str, str]:
        """What a browser sends of the filled form."""
        key = client.get(self.form_url()).context["form"]["key"].value()
        told = {"key": key, "amount": "12.50", "currency": "USD", "source": self.card.public_id, "step": "charge"}
        return told | changes

    def browser(self, role: Role = Role.PARTNER) -> Client:
        return browser(role, self.application, self.identity)

    def hold(self, amount: int = 1250, **options: Any) -> Authorization:
        return services.create_authorization(
            merchant_id=self.merchant.pk,
            source_id=options.pop("card", self.card).pk,
            amount=amount,
            currency="USD",
            by=system("test"),
            at=timezone.now(),
            **options,
        )

    def capture(self, hold: Authorization, amount: int | None = None, **options: Any) -> Transfer:
        return services.capture_authorization(
            authorization=hold, amount=amount, by=system("test"), at=timezone.now(), **options
        )

    def void(self, hold: Authorization) -> Authorization:
        return services.void_authorization(authorization=hold, by=system("test"), at=timezone.now())

    def refund(self, charge: Transfer, amount: int, **options: Any) -> Transfer:
        return services.create_reversal(transfer=charge, amount=amount, by=system("test"), at=timezone.now(), **options)

    def account(self, number: str = "0000000016") -> PaymentInstrument:
        return make_bank_account(self.buyer, account_number=number)


def page_of(payment: Transfer | Authorization) -> str:
    base = AUTHORIZATIONS if isinstance(payment, Authorization) else TRANSFERS
    return f"{base}{payment.public_id}/"


def hidden_of(answer: Any) -> dict[str, str]:
    """What the hidden controls of a page hold."""
    found = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', answer.content.decode())
    return {name: unescape(text) for name, text in found if name != "csrfmiddlewaretoken"}
