"""Each fault of a provider at each operation has its end: for the caller at once, for the attempt, and once it is over.

Everything goes through the API, the job queue and the sandbox as they are; only the clock is moved.
"""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.core.cache import cache
from django.http import HttpResponse
from django.utils import timezone
from pytest_django import Settings

from jobs.models import Job
from onboarding.models import Identity, InstrumentUpdate, Merchant, PaymentInstrument, Verification
from payments.models import Journal, Transfer
from payments.services.check import check_ledger
from providers import attempts
from providers.models import Attempt
from providers.sandbox import faults
from providers.sandbox.models import CardUpdate as KeptCardUpdate
from providers.sandbox.models import Fault
from providers.sandbox.models import Inquiry as KeptInquiry
from providers.sandbox.models import Instrument as KeptInstrument
from providers.sandbox.models import Merchant as KeptMerchant
from providers.sandbox.models import Transfer as KeptTransfer
from providers.sandbox.models import Verification as KeptVerification
from tenancy.actors import system
from tenancy.models import Application, Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import BANK_ACCOUNT, CARD, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.providers.scripted import run_due_jobs
from vault.models import SealedValue

State = Attempt.State
Kind = Fault.Kind

LATE, TOO_LATE = "LATENCY", "LATENCY beyond the limit"
ACCEPTED = {LATE, Kind.DUPLICATE}
REFUSED = {Kind.REFUSED}
UNSENT = {Kind.UNREACHABLE}
LOST_BEFORE = {Kind.TIMEOUT_BEFORE, Kind.ERROR_BEFORE}
LOST_AFTER = {TOO_LATE, Kind.TIMEOUT_AFTER, Kind.ERROR_AFTER, Kind.MALFORMED}
DISTORTED = {Kind.OTHER_AMOUNT, Kind.OTHER_CURRENCY}
"""Of a movement of money; nothing else has an amount that could be another one."""

RENAMED = "Ann Lee"

KINDS = sorted(ACCEPTED | REFUSED | UNSENT | LOST_BEFORE | LOST_AFTER | DISTORTED)
OF_ACTS = (
    "tokenise_card", "tokenise_bank_account", "claim_token", "update_instrument", "provision_merchant",
    "verify_merchant", "inquire_card", "update_card", "sell",
)  # fmt: skip
NOT_SENT_AGAIN = {"tokenise_card", "tokenise_bank_account", "claim_token", "update_instrument", "inquire_card"}
"""What they carry is kept nowhere."""
KINDS_OF_A_QUESTION = sorted(set(KINDS) - Kind.of_acts_only())


@dataclass
class Shop:
    """A partner's calls, and what our tables and the sandbox's say of what came of them."""

    application: Application
    client: ApiClient
    buyer: Identity
    merchant: Merchant
    card: PaymentInstrument
    unmerchanted: Identity

    def arrange(self, kind: str, operation: str) -> None:
        """Until it is cleared."""
        seconds = {LATE: 0.5, TOO_LATE: faults.TIME_LIMIT.total_seconds() + 1}.get(kind)
        kind = Kind.LATENCY if seconds else kind
        faults.arrange(application_id=self.application.pk, kind=kind, operation=operation, seconds=seconds)

    def clear(self) -> None:
        faults.clear(self.application.pk)

    def call(self, operation: str) -> HttpResponse:
        """The request that leads to the operation; a verification is left to the worker, who comes by at once."""
        answer: HttpResponse = getattr(self, f"_{operation}")()
        if operation == "verify_merchant":
            run_due_jobs(timezone.now())
        return answer

    def _tokenise_card(self) -> HttpResponse:
        return self.client.post("/payment_instruments", CARD | {"identity": self.buyer.public_id})

    def _tokenise_bank_account(self) -> HttpResponse:
        return self.client.post("/payment_instruments", BANK_ACCOUNT | {"identity": self.buyer.public_id})

    def _claim_token(self) -> HttpResponse:
        token = ApiClient().post(f"/applications/{self.application.public_id}/tokens", CARD).json()["id"]
        body = {"type": "TOKEN", "token": token, "identity": self.buyer.public_id}
        return self.client.post("/payment_instruments", body)

    def _update_instrument(self) -> HttpResponse:
        return self.client.put(f"/payment_instruments/{self.card.public_id}", {"name": RENAMED})

    def _provision_merchant(self) -> HttpResponse:
        return self.client.post(f"/identities/{self.unmerchanted.public_id}/merchants", {})

    def _verify_merchant(self) -> HttpResponse:
        return self.client.post(f"/merchants/{self.merchant.public_id}/verifications", {})

    def _inquire_card(self) -> HttpResponse:
        return self.client.post(f"/payment_instruments/{self.card.public_id}/verifications", {"security_code": "112"})

    def _update_card(self) -> HttpResponse:
        path = f"/payment_instruments/{self.card.public_id}/updates"
        return self.client.post(path, {"merchant": self.merchant.public_id})

    def _sell(self) -> HttpResponse:
        body = {"merchant": self.merchant.public_id, "source": self.card.public_id, "amount": 4711, "currency": "USD"}
        return self.client.post("/transfers", body)

    @property
    def attempt(self) -> Attempt:
        """The newest."""
        with transaction(by=system("test")):
            return Attempt.objects.order_by("-created_at", "-id")[0]

    def state(self, attempt: Attempt) -> str | None:
        """Of what the attempt is about; None where there is no row of it."""
        with transaction(by=system("test")):
            match attempt.operation:
                case "instrument_update":
                    return "KEPT" if PaymentInstrument.objects.get(pk=attempt.resource_id).name == RENAMED else None
                case "tokenization" | "token_claim":
                    return "KEPT" if PaymentInstrument.objects.filter(pk=attempt.resource_id).exists() else None
                case "provisioning":
                    return Merchant.objects.get(pk=attempt.resource_id).onboarding_state
                case "verification" | "inquiry":
                    return Verification.objects.get(pk=attempt.resource_id).state
                case "card_update":
                    return InstrumentUpdate.objects.get(pk=attempt.resource_id).state
                case _:
                    return Transfer.objects.get(pk=attempt.resource_id).state

    def kept(self, attempt: Attempt) -> int:
        """How often the sandbox has carried it out."""
        models = {
            "tokenization": KeptInstrument, "provisioning": KeptMerchant,
            "verification": KeptVerification, "sale": KeptTransfer,
            "inquiry": KeptInquiry, "card_update": KeptCardUpdate,
        }  # fmt: skip
        with transaction(by=system("test")):
            if attempt.operation in {"token_claim", "instrument_update"}:
                of_it = {"identity_id__isnull": False} if attempt.operation == "token_claim" else {"name": RENAMED}
                return KeptInstrument.objects.filter(pk=attempt.resource_id, **of_it).count()
            return models[attempt.operation]._default_manager.filter(pk=attempt.resource_id).count()


@pytest.fixture
def shop(db: None, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    cache.clear()
    settings.API_REQUESTS_PER_SECOND = 0
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with time_machine.travel("2031-03-03T12:00:00+00:00", tick=False):
        application, login = make_application()
        make_processor(application)
        make_processor(application, Processor.Name.VISA_V1)
        buyer = make_identity(application)
        merchant = make_merchant(make_merchant_identity(application))
        yield Shop(
            application, ApiClient(login), buyer, merchant, make_card(buyer), make_merchant_identity(application)
        )


@pytest.fixture
def clock(shop: Shop) -> Iterator[time_machine.Traveller]:
    del shop
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


def first_state(operation: str, kind: str) -> str:
    """Of the attempt, when its caller is answered."""
    if kind in UNSENT:
        return State.ABSENT
    if kind in REFUSED:
        return State.REFUSED
    if kind in LOST_BEFORE | LOST_AFTER or (kind in DISTORTED and operation == "sell"):
        return State.UNKNOWN
    return State.WAITING if operation == "update_card" else State.ACCEPTED


def last_state(operation: str, kind: str) -> str:
    """Once the fault is over and the resolver has been by: a number that was not kept cannot be sent again."""
    first = first_state(operation, kind)
    if first not in {State.UNKNOWN, State.WAITING}:
        return first
    return State.ABSENT if operation in NOT_SENT_AGAIN and kind in LOST_BEFORE else State.ACCEPTED


_ASKED = {
    State.ACCEPTED: "SUCCEEDED",
    State.WAITING: "PENDING",
    State.UNKNOWN: "PENDING",
    State.REFUSED: "FAILED",
    State.ABSENT: "FAILED",
}
OBJECT = {
    "tokenise_card": {State.ACCEPTED: "KEPT"},
    "tokenise_bank_account": {State.ACCEPTED: "KEPT"},
    "claim_token": {State.ACCEPTED: "KEPT"},
    "update_instrument": {State.ACCEPTED: "KEPT"},
    "provision_merchant": {
        State.ACCEPTED: "APPROVED",
        State.UNKNOWN: "PROVISIONING",
        State.REFUSED: "REJECTED",
        State.ABSENT: "REJECTED",
    },
    "verify_merchant": {
        State.ACCEPTED: "SUCCEEDED",
        State.UNKNOWN: "PENDING",
        State.REFUSED: "FAILED",
        State.ABSENT: "FAILED",
    },
    "inquire_card": _ASKED,
    "update_card": _ASKED,
    "sell": {
        State.ACCEPTED: "SUCCEEDED",
        State.UNKNOWN: "PENDING",
        State.REFUSED: "FAILED",
        State.ABSENT: "FAILED",
    },
}
_TOKENISED = {State.ACCEPTED: 201, State.UNKNOWN: 503, State.REFUSED: 402, State.ABSENT: 402}
STATUS = {
    "tokenise_card": _TOKENISED,
    "tokenise_bank_account": _TOKENISED,
    "claim_token": _TOKENISED,
    "update_instrument": _TOKENISED | {State.ACCEPTED: 200},
    "provision_merchant": dict.fromkeys(_TOKENISED, 201),
    "verify_merchant": dict.fromkeys(_TOKENISED, 201),
    "inquire_card": dict.fromkeys(_ASKED, 201),
    "update_card": dict.fromkeys(_ASKED, 201),
    "sell": {State.ACCEPTED: 201, State.UNKNOWN: 201, State.REFUSED: 402, State.ABSENT: 402},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("operation", OF_ACTS)
def test_fault_has_its_end(shop: Shop, clock: time_machine.Traveller, operation: str, kind: str) -> None:
    journals = _journals()
    shop.arrange(kind, operation)

    answer = shop.call(operation)

    attempt, first = shop.attempt, first_state(operation, kind)
    assert (attempt.state, shop.state(attempt)) == (first, OBJECT[operation].get(State(first)))
    assert answer.status_code == STATUS[operation][State(first)], answer.content
    _assert_told(json.loads(answer.content), answer, operation, first, kind)

    shop.clear()
    for _ in range(4):
        clock.shift(timedelta(seconds=45))
        run_due_jobs(timezone.now())

    attempt, last = shop.attempt, last_state(operation, kind)
    assert (attempt.state, shop.state(attempt)) == (last, OBJECT[operation].get(State(last)))
    is_carried_out = last == State.ACCEPTED or (operation == "sell" and last == State.REFUSED)
    assert shop.kept(attempt) == is_carried_out
    assert _journals() - journals == (operation == "sell" and last == State.ACCEPTED)
    _assert_nothing_is_open()


@pytest.mark.parametrize("kind", KINDS_OF_A_QUESTION)
@pytest.mark.parametrize("operation", OF_ACTS)
def test_fault_of_a_question_has_its_end(shop: Shop, clock: time_machine.Traveller, operation: str, kind: str) -> None:
    """The act was carried out and its answer lost; then the look-up goes wrong too."""
    shop.arrange(Kind.TIMEOUT_AFTER, operation)
    shop.call(operation)
    shop.clear()
    shop.arrange(kind, faults.LOOK_UP)
    clock.shift(timedelta(seconds=6))

    run_due_jobs(timezone.now())

    is_told = kind == LATE or (kind in DISTORTED and operation != "sell")
    expected = State.ACCEPTED if is_told else State.UNKNOWN
    assert (shop.attempt.state, shop.state(shop.attempt)) == (expected, OBJECT[operation].get(expected))

    shop.clear()
    for _ in range(3):
        clock.shift(timedelta(minutes=1))
        run_due_jobs(timezone.now())
    assert (shop.attempt.state, shop.state(shop.attempt)) == (State.ACCEPTED, OBJECT[operation][State.ACCEPTED])
    assert shop.kept(shop.attempt) == 1
    _assert_nothing_is_open()


@pytest.mark.parametrize("kind", KINDS_OF_A_QUESTION)
def test_fault_that_lasts_for_days_charges_nobody_twice(shop: Shop, clock: time_machine.Traveller, kind: str) -> None:
    shop.arrange(Kind.TIMEOUT_AFTER, "sell")
    shop.call("sell")
    shop.arrange(kind, faults.LOOK_UP)

    while (check := shop.attempt.next_check_at) is not None and shop.attempt.is_open:
        clock.move_to(max(check, timezone.now()))
        run_due_jobs(timezone.now())

    expected = "SUCCEEDED" if kind == LATE else "PENDING"
    assert (shop.state(shop.attempt), shop.kept(shop.attempt)) == (expected, 1)
    assert _journals() == (expected == "SUCCEEDED")


@pytest.mark.parametrize("operation", ["tokenise_card", "tokenise_bank_account"])
def test_bank_number_is_not_left_in_the_vault_by_what_was_not_kept(
    shop: Shop, clock: time_machine.Traveller, operation: str
) -> None:
    before = _sealed()
    shop.arrange(Kind.TIMEOUT_BEFORE, operation)
    shop.call(operation)
    clock.shift(timedelta(seconds=45))
    run_due_jobs(timezone.now())

    assert (shop.attempt.state, _sealed()) == (State.ABSENT, before)


def _assert_told(body: dict[str, Any], answer: HttpResponse, operation: str, state: str, kind: str) -> None:
    """Members of the answer that say how it ended."""
    if answer.status_code < 400:
        if operation == "sell":
            assert (body["state"], body["amount"], body["currency"]) == (OBJECT["sell"][State(state)], 4711, "USD")
        elif operation == "provision_merchant":
            assert body["onboarding_state"] == OBJECT[operation][State(state)]
        elif operation in {"inquire_card", "update_card"}:
            assert body["state"] == OBJECT[operation][State(state)]
        elif operation == "verify_merchant":
            assert body["state"] == "PENDING"
        return
    (error,) = body["_embedded"]["errors"]
    if state == State.UNKNOWN:
        assert (error["code"], answer["Retry-After"]) == ("SERVICE_UNAVAILABLE", "5")
        return
    code = "PROVIDER_UNREACHABLE" if kind in UNSENT else faults.REFUSED_WITH
    assert error["failure_code"] == code
    is_decline = operation == "sell" and state == State.REFUSED
    assert error["code"] == ("PAYMENT_DECLINED" if is_decline else "UPSTREAM_PROCESSOR_ERROR")


def _assert_nothing_is_open() -> None:
    with transaction(by=system("test")):
        assert not Attempt.objects.unresolved().exists()
    jobs = Job.objects.filter(kind=attempts.RESOLVE)
    assert not jobs.open().exists()
    assert not jobs.filter(given_up_at__isnull=False).exists()
    assert check_ledger(by=system("test")).broken == ()


def _journals() -> int:
    with transaction(by=system("test")):
        return Journal.objects.count()


def _sealed() -> int:
    with transaction(by=system("test")):
        return SealedValue.objects.count()
