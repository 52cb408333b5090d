"""The account updater: a card's issuer is asked, for a merchant, and what it answers becomes of the card."""

from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse

from events.models import Audit, Event
from onboarding.models import InstrumentUpdate, PaymentInstrument
from providers.copying import copy_everything
from providers.port import Account
from providers.sandbox import faults, scenarios
from providers.sandbox.models import Fault
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login

PLAIN, MASTERCARD, DISCOVER = "4111111111111111", "5123280115058611", "6011000000004675"
BY_NAME = {one.name: number for number, one in scenarios.UPDATES.items()}
SECONDS = scenarios.PACE.update.total_seconds()


class Shop:
    """A merchant, and a buyer whose cards it keeps."""

    def __init__(self, **config: Any) -> None:
        self.application, self.login = make_application()
        self.processor = make_processor(self.application, **config)
        self.merchant = make_merchant(make_merchant_identity(self.application))
        self.buyer = make_identity(self.application)
        self.partner = ApiClient(self.login)

    def card(self, number: str = PLAIN, **members: Any) -> str:
        return make_card(self.buyer, number, **members).public_id

    def ask(self, card: str, body: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        told = {"merchant": self.merchant.public_id} if body is None else body
        return self.partner.post(f"/payment_instruments/{card}/updates", told, **headers)

    def wait(self, seconds: float = SECONDS) -> None:
        let_time_pass(self.application, seconds)

    def shown(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self.partner.get(path).json()
        return found

    def updated(self, card: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The card before and after, and the update in between."""
        before = self.shown(f"/payment_instruments/{card}")
        made = self.ask(card).json()
        assert (made["state"], made["messages"]) == ("PENDING", [])
        self.wait()
        return before, self.shown(f"/payment_instruments/{card}"), self.shown(f"/updates/{made['id']}")


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop()


def errors(answer: HttpResponse) -> list[tuple[str | None, str]]:
    return [(error.get("field"), error["message"]) for error in answer.json()["_embedded"]["errors"]]


def changed(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    return {name for name in before if before[name] != after[name]} - {"updated_at"}


def test_update_is_answered_as_listed(shop: Shop) -> None:
    card = shop.card()

    made = shop.ask(card, {"merchant": shop.merchant.public_id, "tags": {"a": "b"}})

    document = made.json()
    assert made.status_code == 201
    assert list(document) == [
        "id", "application", "merchant", "payment_instrument", "state", "messages", "trace_id", "tags", "created_at",
        "updated_at", "_links",
    ]  # fmt: skip
    assert document["id"].startswith("IU")
    assert document["trace_id"] is not None
    told = [document[name] for name in ("application", "merchant", "payment_instrument", "state", "messages", "tags")]
    assert told == [shop.application.public_id, shop.merchant.public_id, card, "PENDING", [], {"a": "b"}]
    assert {rel: link["href"].removeprefix("http://testserver") for rel, link in document["_links"].items()} == {
        "self": f"/updates/{document['id']}",
        "application": f"/applications/{shop.application.public_id}",
        "payment_instrument": f"/payment_instruments/{card}",
    }


@pytest.mark.parametrize("number", [PLAIN, MASTERCARD, DISCOVER])
def test_card_that_has_not_changed(shop: Shop, number: str) -> None:
    before, after, update = shop.updated(shop.card(number))

    assert (update["state"], update["messages"]) == ("SUCCEEDED", ["The card has not changed."])
    assert before == after


def test_new_date(shop: Shop) -> None:
    before, after, update = shop.updated(shop.card(BY_NAME["NEW_DATE"]))

    assert (update["state"], update["messages"]) == ("SUCCEEDED", ["The card has a new expiration date."])
    assert changed(before, after) == {"expiration_year"}
    assert after["expiration_year"] == before["expiration_year"] + scenarios.YEARS_ADDED


def test_new_number(shop: Shop) -> None:
    card = shop.card(BY_NAME["NEW_NUMBER"])
    before, after, update = shop.updated(card)

    assert (update["state"], update["messages"]) == ("SUCCEEDED", ["The card has a new number."])
    assert changed(before, after) == {"last_four", "fingerprint", "expiration_year"}
    same = shop.shown(f"/payment_instruments/{shop.card(scenarios.UPDATES[BY_NAME['NEW_NUMBER']].new_number)}")
    assert (after["last_four"], after["fingerprint"]) == (same["last_four"], same["fingerprint"])
    assert shop.updated(card)[2]["messages"] == ["The card has not changed."]


def test_closed_account_disables_the_card(shop: Shop) -> None:
    before, after, update = shop.updated(shop.card(BY_NAME["ACCOUNT_CLOSED"]))

    assert (update["state"], update["messages"]) == ("FAILED", ["The account behind the card was closed."])
    assert changed(before, after) == {"enabled"}


@pytest.mark.parametrize("name", ["NOT_TAKING_PART", "CONTACT_CARDHOLDER", "NO_MATCH"])
def test_issuer_that_cannot_tell(shop: Shop, name: str) -> None:
    before, after, update = shop.updated(shop.card(BY_NAME[name]))

    assert (update["state"], update["messages"]) == ("FAILED", [scenarios.UPDATES[BY_NAME[name]].message])
    assert before == after


def test_other_networks_and_cards_that_have_expired_fail_at_once(shop: Shop) -> None:
    amex, old = shop.card("379032000006086"), shop.card(expiration_year=2027, expiration_month=1)
    network = shop.ask(amex).json()
    shop.wait(10 * 366 * 86_400)
    expired = shop.ask(old).json()

    assert (network["state"], network["messages"]) == (
        "FAILED", ["The card's network does not take part: Visa, Mastercard and Discover do."],
    )  # fmt: skip
    assert (expired["state"], expired["messages"]) == ("FAILED", ["The card has expired, and cannot be asked about."])


def test_realistic_issuer_takes_five_days(db: None) -> None:
    shop = Shop(sandboxProfile="realistic")
    made = shop.ask(shop.card()).json()

    shop.wait(5 * 86_400 - 60)
    before = shop.shown(f"/updates/{made['id']}")["state"]
    shop.wait(60)

    assert (before, shop.shown(f"/updates/{made['id']}")["state"]) == ("PENDING", "SUCCEEDED")


def test_one_at_a_time_for_a_card(shop: Shop) -> None:
    card = shop.card()
    first, second = shop.ask(card), shop.ask(card)

    assert (first.status_code, second.status_code) == (201, 422)
    assert errors(second) == [(None, "An update of this card is already PENDING.")]
    shop.wait()
    assert shop.ask(card).status_code == 201


def test_key_asks_once_and_shows_it_as_it_is(shop: Shop) -> None:
    card = shop.card()
    first = shop.ask(card, Idempotency_Key="one").json()
    shop.wait()
    again = shop.ask(card, Idempotency_Key="one")

    assert (first["state"], again.json()["state"], again["Idempotent-Replayed"]) == ("PENDING", "SUCCEEDED", "true")
    assert again.json()["id"] == first["id"]


def test_wrong_merchants_are_refused(shop: Shop) -> None:
    card = shop.card()
    foreign = Shop()
    rejected = make_merchant(make_merchant_identity(shop.application, business_tax_id="000000003"))

    for told, message in (
        ({}, "This field is required."),
        ({"merchant": "nonsense"}, "An id that begins with MU is needed"),
        ({"merchant": foreign.merchant.public_id}, "There is no such merchant."),
        ({"merchant": rejected.public_id}, "The merchant is not approved."),
    ):
        answer = shop.ask(card, told)
        assert (answer.status_code, errors(answer)) == (422, [("merchant", message)])
    assert shop.ask(card, {"merchant": 5, "tags": 5}).json()["total"] == 2


def test_platform_cannot_ask_for_a_merchant_of_another_application(shop: Shop) -> None:
    admin = ApiClient(make_platform_login())
    foreign = Shop().merchant.public_id

    answer = admin.post(f"/payment_instruments/{shop.card()}/updates", {"merchant": foreign})

    assert (answer.status_code, errors(answer)) == (422, [("merchant", "There is no such merchant.")])


def test_bank_account_is_refused(shop: Shop) -> None:
    answer = shop.ask(make_bank_account(shop.buyer).public_id)

    assert (answer.status_code, errors(answer)) == (422, [(None, "Only a card can be updated.")])


def test_lists_and_who_sees_them(shop: Shop) -> None:
    card, other = shop.card(), shop.card(MASTERCARD)
    first = shop.ask(card).json()["id"]
    shop.wait()
    second = shop.ask(card).json()["id"]
    shop.ask(other)
    merchant, stranger = (
        ApiClient(make_merchant_login(identity)) for identity in (shop.buyer, make_identity(shop.application))
    )
    path = f"/payment_instruments/{card}/updates"

    for client in (shop.partner, merchant):
        body = client.get(path, Finix_Version="2022-02-01").json()
        assert [row["id"] for row in body["_embedded"]["updates"]] == [second, first]
        assert body["page"] == {"offset": 0, "limit": 20, "count": 2}
    filtered = shop.partner.get(f"{path}?state=SUCCEEDED&merchant_id={shop.merchant.public_id}").json()
    assert [row["id"] for row in filtered["_embedded"]["updates"]] == [first]
    assert (stranger.get(path).status_code, stranger.get(f"/updates/{first}").status_code) == (404, 404)
    assert merchant.post(path, {"merchant": shop.merchant.public_id}).status_code == 403


def test_question_that_was_not_carried_out_has_failed(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind=Fault.Kind.UNREACHABLE, operation="update_card")
    card = shop.card()

    document = shop.ask(card).json()

    assert (document["state"], document["messages"]) == ("FAILED", ["The provider could not be reached."])
    faults.clear(shop.application.pk)
    assert shop.ask(card).json()["state"] == "PENDING"


def test_histories_tell_what_changed(shop: Shop) -> None:
    card = shop.card(BY_NAME["NEW_DATE"])
    made = shop.ask(card).json()
    shop.wait()

    with transaction(by=system()):
        audit = Audit.objects.get(action="update_card")
        about = list(Event.objects.filter(resource_id=InstrumentUpdate.parse_id(made["id"])).order_by("sequence"))
        of_card = Event.objects.filter(resource_id=PaymentInstrument.parse_id(card)).latest("sequence")
    assert audit.result == "DONE"
    assert [event.kind for event in about] == [
        "instrument_update.created", "instrument_update.updated", "instrument_update.updated",
    ]  # fmt: skip
    assert of_card.changes == {"expiration_year": [2040, 2040 + scenarios.YEARS_ADDED]}


def test_provider_can_tell_all_of_it_again(shop: Shop) -> None:
    made = shop.ask(shop.card()).json()
    with transaction(by=system()), connection.cursor() as cursor:
        cursor.execute("DELETE FROM instrument_update WHERE id = %s", [InstrumentUpdate.parse_id(made["id"])])

    copy_everything("DUMMY_V1", Account(shop.application.pk), by=system(), at=shop.processor.created_at)

    told = shop.shown(f"/updates/{made['id']}")
    moments = {"created_at", "updated_at"}
    assert {name: told[name] for name in told if name not in moments} == {
        name: made[name] for name in made if name not in moments
    }
