"""Answers about another card, owner or merchant than was asked about: nothing of them is believed, nothing is lost."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.utils import timezone
from pytest_django import Settings

from onboarding.models import Merchant, PaymentInstrument, ReviewItem, Token
from providers import attempts, port
from providers.models import Attempt
from providers.port import Answer
from providers.sandbox.instruments import tell
from providers.sandbox.models import Instrument as KeptInstrument
from providers.sandbox.provider import Sandbox
from resources.models import Resource
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import CARD, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login
from tests.providers.scripted import expire, run_due_jobs, stand_behind_processors

State = Attempt.State
Twist = Callable[[Answer], Answer]
HELD = "000000002"


def _as_it_is(answer: Answer) -> Answer:
    return answer


@dataclass
class Twisted:
    """The sandbox, whose answers to acts are twisted on their way. Asked again it tells the truth."""

    twist: Twist = _as_it_is
    sandbox: Sandbox = field(default_factory=Sandbox)
    name: str = Sandbox.name
    capabilities: port.Capabilities = Sandbox.capabilities

    def carry_out(self, act: port.Act, *, reference: str, account: port.Account) -> Answer:
        return self.twist(self.sandbox.carry_out(act, reference=reference, account=account))

    def look_up(self, reference: str, *, account: port.Account) -> Answer | None:
        return self.sandbox.look_up(reference, account=account)


class Place:
    """An application with a card, another card, two identities, and a provider that can be made to speak of others."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.application, self.login = make_application()
        for name in (Processor.Name.DUMMY_V1, Processor.Name.VISA_V1):
            make_processor(self.application, name)
        self.buyer, self.other = make_identity(self.application), make_identity(self.application)
        self.card, self.others_card = make_card(self.buyer), make_card(self.other)
        self.partner, self.admin = ApiClient(self.login), ApiClient(make_platform_login())
        self.provider = Twisted()
        stand_behind_processors(self.provider, monkeypatch)

    def attempt(self, operation: str) -> Attempt:
        with transaction(by=system("test")):
            return Attempt.objects.filter(operation=operation).latest("created_at")

    def resolve(self, operation: str) -> Attempt:
        """Let the resolver ask what became of it, and be told the truth."""
        expire(self.attempt(operation), timedelta(seconds=30))
        with time_machine.travel(timezone.now() + timedelta(seconds=60), tick=True):
            run_due_jobs(timezone.now())
        return self.attempt(operation)


def fresh(row: Any) -> Any:
    with transaction(by=system("test")):
        return type(row).objects.get(pk=row.pk)


def each(kind: type[port.News], **changes: Any) -> Twist:
    """What is told of this kind is told with other members."""
    return lambda answer: replace(
        answer, news=tuple(replace(news, **changes) if isinstance(news, kind) else news for news in answer.news)
    )


def also_first(news: port.News) -> Twist:
    return lambda answer: replace(answer, news=(news, *answer.news))


def told_of(row: Resource, **changes: Any) -> port.Instrument:
    with transaction(by=system("test")):
        kept = KeptInstrument.objects.get(pk=row.pk)
    return replace(tell(kept), version="00000099", **changes)


@pytest.fixture
def place(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Place:
    cache.clear()
    settings.API_REQUESTS_PER_SECOND = 0
    monkeypatch.setattr(attempts, "_REPEAT_AFTER_SECONDS", 0)
    return Place(monkeypatch)


@pytest.mark.parametrize("lie", ["another card first", "another owner", "another kind"])
def test_change_is_answered_for_another_card(place: Place, lie: str) -> None:
    place.provider.twist = {
        "another card first": also_first(told_of(place.others_card, name="Mallory")),
        "another owner": each(port.Instrument, identity_id=place.other.pk),
        "another kind": each(port.Instrument, type="BANK_ACCOUNT"),
    }[lie]

    answer = place.partner.put(f"/payment_instruments/{place.card.public_id}", {"name": "Ann"})

    attempt = place.attempt("instrument_update")
    assert (answer.status_code, attempt.state, attempt.code) == (503, State.UNKNOWN, "CANNOT_BE_STORED")
    assert (fresh(place.card).name, fresh(place.others_card).name) == (place.card.name, place.others_card.name)
    assert fresh(place.card).identity_id == place.buyer.pk
    assert place.resolve("instrument_update").state == State.ACCEPTED
    assert fresh(place.card).name == "Ann"


def test_claim_is_answered_with_another_card_or_the_token(place: Place) -> None:
    token = ApiClient().post(f"/applications/{place.application.public_id}/tokens", CARD).json()
    place.provider.twist = also_first(told_of(place.others_card, name="Mallory"))
    body = {"type": "TOKEN", "token": token["id"], "identity": place.buyer.public_id}

    answer = place.partner.post("/payment_instruments", body)

    key = Token.parse_id(token["id"])
    with transaction(by=system("test")):
        made = PaymentInstrument.objects.filter(pk=key).exists()
    assert (answer.status_code, place.attempt("token_claim").state, made) == (503, State.UNKNOWN, False)
    assert fresh(place.others_card).name == place.others_card.name
    assert place.resolve("token_claim").state == State.ACCEPTED
    with transaction(by=system("test")):
        assert PaymentInstrument.objects.get(pk=key).identity_id == place.buyer.pk


@pytest.mark.parametrize("way", ["number", "token"])
def test_card_is_answered_for_another_owner(place: Place, way: str) -> None:
    body = CARD | {"identity": place.buyer.public_id}
    if way == "token":
        token = ApiClient().post(f"/applications/{place.application.public_id}/tokens", CARD).json()
        body = {"type": "TOKEN", "token": token["id"], "identity": place.buyer.public_id}
    place.provider.twist = each(port.Instrument, identity_id=place.other.pk)

    answer = place.partner.post("/payment_instruments", body)

    with transaction(by=system("test")):
        of_the_other = PaymentInstrument.objects.filter(identity=place.other).count()
    attempt = place.attempt("token_claim" if way == "token" else "tokenization")
    assert (answer.status_code, attempt.state, of_the_other) == (503, State.UNKNOWN, 1)
    assert place.resolve(attempt.operation).state == State.ACCEPTED
    with transaction(by=system("test")):
        assert PaymentInstrument.objects.filter(identity=place.buyer).count() == 2


@pytest.mark.parametrize("lie", ["verification of another card", "another card", "a merchant's"])
def test_inquiry_is_answered_for_another_card(place: Place, lie: str) -> None:
    place.provider.twist = {
        "verification of another card": each(port.Verification, instrument_id=place.others_card.pk),
        "another card": also_first(told_of(place.others_card, enabled=False)),
        "a merchant's": each(port.Verification, merchant_id=place.other.pk),
    }[lie]

    answer = place.partner.post(f"/payment_instruments/{place.card.public_id}/verifications", {})

    assert (answer.status_code, answer.json()["state"]) == (201, "PENDING")
    assert place.attempt("inquiry").code == "CANNOT_BE_STORED"
    assert fresh(place.others_card).enabled
    assert place.resolve("inquiry").state == State.ACCEPTED


def test_update_is_answered_for_another_card_or_merchant(place: Place) -> None:
    merchant = make_merchant(make_merchant_identity(place.application))
    place.provider.twist = each(port.CardUpdate, instrument_id=place.others_card.pk)

    answer = place.partner.post(
        f"/payment_instruments/{place.card.public_id}/updates", {"merchant": merchant.public_id}
    )

    assert (answer.status_code, answer.json()["state"]) == (201, "PENDING")
    assert place.attempt("card_update").code == "CANNOT_BE_STORED"


def test_word_is_answered_with_another_merchant(place: Place) -> None:
    held, bystander = (
        place.partner.post(
            f"/identities/{make_merchant_identity(place.application, business_tax_id=HELD).public_id}/merchants",
            {"processor": "DUMMY_V1"},
        ).json()["id"]
        for _ in range(2)
    )
    with transaction(by=system("test")):
        item = ReviewItem.objects.get(merchant_id=Merchant.parse_id(held))
        other = Merchant.objects.get(pk=Merchant.parse_id(bystander))
    place.provider.twist = each(port.Merchant, id=other.pk, identity_id=other.identity_id)

    answer = place.admin.put(f"/review_queue/{item.public_id}", {"outcome": "ACCEPTED"})

    assert (answer.status_code, answer.json()["outcome"]) == (200, "PENDING")
    assert place.attempt("decision").code == "CANNOT_BE_STORED"
    assert fresh(other).onboarding_state == "PROVISIONING"
    assert place.resolve("decision").state == State.ACCEPTED
    with transaction(by=system("test")):
        states = dict(Merchant.objects.values_list("pk", "onboarding_state"))
    assert (states[item.merchant_id], states[other.pk]) == ("APPROVED", "PROVISIONING")


def test_card_that_a_sale_switches_off_stays_off_while_its_name_changes(place: Place) -> None:
    with transaction(by=system("test")):
        KeptInstrument.objects.filter(pk=place.card.pk).update(enabled=False)  # the answer to the sale is on its way

    answer = place.partner.put(f"/payment_instruments/{place.card.public_id}", {"name": "Ann", "enabled": True})

    assert (answer.status_code, answer.json()["name"], answer.json()["enabled"]) == (200, "Ann", False)
    assert place.partner.put(f"/payment_instruments/{place.card.public_id}", {"enabled": True}).json()["enabled"]
