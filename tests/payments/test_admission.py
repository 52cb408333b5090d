"""What merchant and application ask of a card, and what the processor lets a sale be at most."""

from datetime import timedelta
from typing import Any

import pytest
from django.http import HttpResponse

from onboarding.models import Merchant, PaymentInstrument
from payments.models import Transfer
from providers import port
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import let_time_pass, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login
from tests.providers.scripted import accepted, expire, make_till, stand_behind_processors

pytestmark = pytest.mark.django_db

LEVELS = ["applications", "merchants"]


class Shop:
    def __init__(self) -> None:
        self.application, self.login = make_application()
        make_processor(self.application)
        self.identity = make_merchant_identity(self.application, max_transaction_amount=100_000)
        self.merchant = make_merchant(self.identity)
        self.buyer = make_identity(self.application)
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())

    def sell(self, card: PaymentInstrument, **more: Any) -> HttpResponse:
        body = {"merchant": self.merchant.public_id, "source": card.public_id, "amount": 2500, "currency": "USD"}
        return self.partner.post("/transfers", body | more)

    def require(self, level: str, **settings: bool) -> None:
        row = self.application if level == "applications" else self.merchant
        answer = self.admin.put(f"/{level}/{row.public_id}", settings)
        assert answer.status_code == 200, answer.content

    @property
    def transfers(self) -> int:
        with transaction(by=system("test")):
            return Transfer.objects.count()


@pytest.fixture
def shop() -> Shop:
    return Shop()


def the_error(answer: HttpResponse) -> tuple[int, str, str]:
    (error,) = answer.json()["_embedded"]["errors"]
    return answer.status_code, error["code"], error["field"]


@pytest.mark.parametrize("level", LEVELS)
def test_security_code_is_required_of_sale_or_card(shop: Shop, level: str) -> None:
    without, entered = make_card(shop.buyer, security_code=None), make_card(shop.buyer)
    assert shop.sell(without).status_code == 201

    shop.require(level, card_cvv_required=True)

    answer = shop.sell(without)
    assert the_error(answer) == (422, "INVALID_FIELD", "security_code")
    assert "entered without one" in answer.json()["_embedded"]["errors"][0]["message"]
    assert shop.transfers == 1
    assert shop.sell(without, security_code="112").status_code == 201
    assert shop.sell(entered).status_code == 201
    shop.require(level, card_cvv_required=False)
    assert shop.sell(without).status_code == 201


def test_lost_security_code_is_not_done_without(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sale was never sent, and its code is stored nowhere: it fails, and the card is not charged without it."""
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    with transaction(by=system("test")):
        PaymentInstrument.objects.filter(pk=till.card.pk).update(security_code_provided=False)
        Merchant.objects.filter(pk=till.merchant.pk).update(card_cvv_required=True)
    partner = ApiClient(till.login)
    body = {"merchant": till.merchant.public_id, "source": till.card.public_id, "amount": 2500, "currency": "USD"}
    till.provider.answers = [port.OutcomeUnknown("TIMEOUT"), accepted]

    answer = partner.post("/transfers", body | {"security_code": "112"})
    expire(till.attempt, timedelta(minutes=5))
    till.resolve()

    assert answer.json()["state"] == "PENDING"
    assert till.transfer.state == "FAILED"
    assert len(till.provider.asked) == 1


@pytest.mark.parametrize("level", LEVELS)
def test_card_without_a_date_is_refused_where_one_is_required(shop: Shop, level: str) -> None:
    card = make_card(shop.buyer)
    with transaction(by=system("test")):
        PaymentInstrument.objects.filter(pk=card.pk).update(expiration_month=None, expiration_year=None)
    for name in LEVELS:
        shop.require(name, card_expiration_date_required=False)
    assert shop.sell(card).status_code == 201

    shop.require(level, card_expiration_date_required=True)

    assert the_error(shop.sell(card)) == (422, "INVALID_FIELD", "source")
    assert shop.transfers == 1


def test_merchant_asks_for_a_date_unless_told_otherwise(shop: Shop) -> None:
    document = shop.partner.get(f"/merchants/{shop.merchant.public_id}").json()

    assert (document["card_expiration_date_required"], document["card_cvv_required"]) == (True, False)


def test_disabled_application_sells_nothing(shop: Shop) -> None:
    card = make_card(shop.buyer)
    shop.require("applications", enabled=False)
    body = {"merchant": shop.merchant.public_id, "source": card.public_id, "amount": 2500, "currency": "USD"}

    answer = shop.admin.post("/transfers", body)

    assert answer.status_code == 422
    assert "application" in answer.json()["_embedded"]["errors"][0]["message"]
    assert shop.transfers == 0


def test_limit_of_the_processor_follows_a_verification_and_not_the_identity(shop: Shop) -> None:
    card = make_card(shop.buyer)
    declined = shop.sell(card, amount=100_001)
    assert declined.json()["_embedded"]["errors"][0]["failure_code"] == "MAX_TRANSACTION_AMOUNT_EXCEEDED"

    raised = {"entity": {"max_transaction_amount": 500_000}}
    shop.partner.put(f"/identities/{shop.identity.public_id}", raised)

    assert shop.sell(card, amount=100_001).status_code == 402
    assert known_limit(shop) == 100_000
    shop.partner.post(f"/merchants/{shop.merchant.public_id}/verifications", {})
    assert shop.sell(card, amount=100_001).status_code == 402
    let_time_pass(shop.application, 5)
    assert known_limit(shop) == 500_000
    assert shop.sell(card, amount=100_001).status_code == 201
    assert shop.sell(card, amount=500_001).status_code == 402


def known_limit(shop: Shop) -> int | None:
    with transaction(by=system("test")):
        return Merchant.objects.get(pk=shop.merchant.pk).max_transaction_amount
