"""Words that come after the last one: what contradicts is recorded and changes nothing, and copies keep their guard."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from events.models import Event
from jobs.models import IdempotencyKey
from onboarding.models import Verification
from payments.models import Journal, Transfer
from providers import copying, port
from providers.port import Account, News, NotSent, OutcomeUnknown
from providers.registry import provider_of
from providers.sandbox.models import Call
from resources.ids import new_id
from resources.models import Resource
from tenancy.actors import system
from tenancy.tasks import purge_idempotency_keys
from tenancy.transactions import outcome, transaction
from tests.api.conftest import errors_of
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor, make_sale
from tests.factories.tenancy import make_application
from tests.providers.scripted import (
    Scripted,
    Till,
    accepted,
    expire,
    make_till,
    refused,
    stand_behind_processors,
    told,
)

pytestmark = pytest.mark.django_db

LATER = "99999999"


@dataclass
class Teller(Scripted):
    """A provider whose whole knowledge is a list."""

    news: list[News] = field(default_factory=list)

    def tell_all(self, *, account: Account) -> Iterator[News]:
        del account
        return iter(self.news)


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    till = make_till()
    till.provider.answers = [accepted]
    stand_behind_processors(till.provider, monkeypatch)
    return till


# --- contradictions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "state", "late"), [(refused, "FAILED", "SUCCEEDED"), (accepted, "SUCCEEDED", "FAILED")]
)
@pytest.mark.parametrize("then", ["PENDING", "the other"])
def test_transfer_stays_as_it_was_decided(till: Till, answer: Any, state: str, late: str, then: str) -> None:
    till.provider.answers = [answer]
    till.sell()
    ((_, sale),) = till.provider.asked
    before = _row(till.transfer), till.journals
    late = late if then == "the other" else then
    code = {"failure_code": "GENERIC_DECLINE"} if late == "FAILED" else {}

    _copy(till.application.pk, told(sale, late, version=LATER, **code))

    assert (_row(till.transfer), till.journals) == before
    assert _last_event(till.transfer) == ("transfer.contradicted", {"state": [state, late]})


def test_transfer_that_news_decided_keeps_their_word_against_a_look_up(till: Till) -> None:
    till.provider.answers = [OutcomeUnknown("TIMEOUT")]
    till.sell()
    ((_, sale),) = till.provider.asked
    _copy(till.application.pk, told(sale, "SUCCEEDED", version="3"))
    refusal = refused(sale)
    till.provider.knows = [replace(refusal, news=tuple(replace(news, version="4") for news in refusal.news))]
    expire(till.attempt)

    till.resolve()

    assert (till.transfer.state, till.journals, till.attempt.is_open) == ("SUCCEEDED", 1, False)
    assert _last_event(till.transfer) == ("transfer.contradicted", {"state": ["SUCCEEDED", "FAILED"]})


def test_approved_merchant_and_its_verification_stay_so() -> None:
    application, _ = make_application()
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    with transaction(by=system("test")):
        verification = Verification.objects.get(merchant=merchant)
    before = _row(merchant), _row(verification)
    known = {type(news): news for news in provider_of("DUMMY_V1").tell_all(account=Account(application.pk))}

    _copy(application.pk, replace(known[port.Merchant], version=LATER, onboarding_state="REJECTED", mid="0"))
    _copy(application.pk, replace(known[port.Verification], version=LATER, state="FAILED", messages=("No.",)))

    assert (_row(merchant), _row(verification)) == before
    assert _last_event(merchant) == ("merchant.contradicted", {"state": ["APPROVED", "REJECTED"]})
    assert _last_event(verification) == ("verification.contradicted", {"state": ["SUCCEEDED", "FAILED"]})


def test_contradiction_does_not_keep_the_rest_from_being_copied(
    till: Till, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    till.provider.answers = [NotSent("UNREACHABLE")]
    till.sell()
    sale = till.provider.asked[0][1]
    events = _event_count()
    other = replace(sale, id=new_id())
    teller = Teller(news=[told(sale, "SUCCEEDED"), told(other, "SUCCEEDED")])
    monkeypatch.setattr(copying, "provider_of", lambda _processor: teller)

    count = copying.copy_everything("DUMMY_V1", Account(till.application.pk), by=system("test"), at=timezone.now())

    with transaction(by=system("test")):
        assert dict(Transfer.objects.values_list("id", "state")) == {sale.id: "FAILED", other.id: "SUCCEEDED"}
        assert list(Journal.objects.values_list("resource_id", flat=True)) == [other.id]
    assert (count, _event_count()) == (2, events)
    assert "news_contradict" in caplog.text


# --- what a copy keeps ------------------------------------------------------------------------------------------------


def test_key_of_a_sale_that_was_copied_back_charges_nobody() -> None:
    """The rows were lost and came back from the provider, the keys are long deleted, and a client asks once more."""
    application, login = make_application()
    make_processor(application)
    merchant, card = make_merchant(make_merchant_identity(application)), make_card(make_identity(application))
    sale = {"merchant": merchant.public_id, "source": card.public_id, "amount": 1000, "currency": "USD"}
    client, body = ApiClient(login), sale | {"idempotency_id": "K"}
    first = client.post("/transfers", body)
    assert (first.status_code, first.json()["state"]) == (201, "SUCCEEDED")

    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE application_id = %s", [application.pk])
    copying.copy_everything("DUMMY_V1", Account(application.pk), by=system("test"), at=timezone.now())
    with transaction(by=system("test")):
        IdempotencyKey.objects.update(created_at="2020-01-01T00:00:00Z")
    purge_idempotency_keys()

    again = client.post("/transfers", body)

    (error,) = errors_of(again)
    assert (again.status_code, error["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert first.json()["id"] in error["message"]
    with transaction(by=system("test")):
        assert not IdempotencyKey.objects.exists()
        assert (Transfer.objects.count(), Journal.objects.count()) == (1, 1)
        assert Call.objects.filter(operation="sell").count() == 1
    assert client.post("/transfers", sale | {"idempotency_id": "L"}).status_code == 201


def test_sale_without_a_key_is_copied_back_without_one() -> None:
    application, _ = make_application()
    make_processor(application)
    merchant, card = make_merchant(make_merchant_identity(application)), make_card(make_identity(application))
    for _ in range(2):
        make_sale(merchant, card)
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("DELETE FROM transfer WHERE application_id = %s", [application.pk])

    copying.copy_everything("DUMMY_V1", Account(application.pk), by=system("test"), at=timezone.now())

    with transaction(by=system("test")):
        keys = list(Transfer.objects.values_list("idempotency_operation", "idempotency_id"))
        assert keys == [(None, None)] * 2


def _copy(application_id: Any, news: News) -> None:
    """As news that the provider brings by itself."""
    with outcome(by=system("test"), at=timezone.now()) as current:
        copying.copy(current, Account(application_id), "scripted", news)


def _row(resource: Resource) -> dict[str, Any]:
    with transaction(by=system("test")):
        return type(resource)._default_manager.filter(pk=resource.pk).values().get()


def _last_event(resource: Resource) -> tuple[str, Any]:
    with transaction(by=system("test")):
        event = Event.objects.filter(resource_id=resource.pk).order_by("sequence").last()
    assert event is not None
    return event.kind, event.changes


def _event_count() -> int:
    with transaction(by=system("test")):
        return Event.objects.count()
