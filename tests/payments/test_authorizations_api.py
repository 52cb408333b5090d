"""Authorizations of the API: what is held, what speaks against it, and every documented filter."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from onboarding.models import PaymentInstrument
from providers import failures
from providers.sandbox import faults
from resources.timestamps import parse_moment
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity, make_merchant_login
from tests.factories.payments import (
    PLAIN_CARD,
    let_time_pass,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
)
from tests.payments.api_shop import NOT_OFFERED
from tests.payments.card_data import PURCHASE
from tests.payments.hold_shop import HoldShop, errors

pytestmark = pytest.mark.django_db

CONTRACT = Path(__file__).resolve().parents[1] / "contract"
MASTERCARD = "5200828282828210"


@pytest.fixture
def shop() -> HoldShop:
    return HoldShop()


def test_hold_answers_the_whole_authorization(shop: HoldShop) -> None:
    held = shop.hold(fee=100, tags={"order": "7"}, idempotency_id="K", statement_descriptor="BOBS*7")

    created, expires = (parse_moment(held[name]) for name in ("created_at", "expires_at"))
    assert expires - created == timedelta(days=7)
    base = "http://testserver"
    assert {name: value for name, value in held.items() if name not in {"created_at", "updated_at", "expires_at"}} == {
        "id": held["id"], "application": shop.application.public_id, "amount": 2500, "amount_requested": 2500,
        "tags": {"order": "7"}, "state": "SUCCEEDED", "currency": "USD", "transfer": None, "capture_amount": None,
        "fee": 100, "messages": [], "raw": None, "trace_id": held["trace_id"], "source": shop.card.public_id,
        "merchant": shop.merchant.public_id, "merchant_identity": shop.identity.public_id,
        "statement_descriptor": "BOBS*7", "3ds_redirect_url": None, "is_void": False, "void_state": "UNATTEMPTED",
        "idempotency_id": "K", "failure_code": None, "failure_message": None,
        "address_verification": "POSTAL_CODE_AND_STREET_MATCH", "security_code_verification": "UNKNOWN",
        "additional_purchase_data": None,
        "_links": {
            "self": {"href": f"{base}/authorizations/{held['id']}"},
            "application": {"href": f"{base}/applications/{shop.application.public_id}"},
            "merchant_identity": {"href": f"{base}/identities/{shop.identity.public_id}"},
            "merchant": {"href": f"{base}/merchants/{shop.merchant.public_id}"},
        },
    }  # fmt: skip
    assert held["id"].startswith("AU")
    assert len(held["trace_id"]) >= 12
    assert shop.now(held) == held
    assert shop.transfers() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"), ({"amount": 10.5}, "amount"), ({"amount": ...}, "amount"),
        ({"amount": 10**12}, "amount"), ({"currency": ...}, "currency"), ({"currency": "EUR"}, "currency"),
        ({"fee": -1}, "fee"), ({"fee": 2501}, "fee"), ({"source": ...}, "source"), ({"source": "nonsense"}, "source"),
        ({"source": "PIqf952xmeuiF179wdMiPXrW"}, "source"), ({"merchant": ...}, "merchant"),
        ({"merchant": "MUmMpVqaad7Va1YQR2soR3tq"}, "merchant"),
        ({"merchant": ..., "merchant_identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "merchant_identity"),
        ({"merchant_identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "merchant_identity"),
        ({"processor": "VISA_V1"}, "processor"),
        ({"statement_descriptor": "x" * 21}, "statement_descriptor"), ({"security_code": "1"}, "security_code"),
        ({"tags": {"a": None}}, "tags.a"), ({"idempotency_id": "x" * 256}, "idempotency_id"),
        ({"destination": "PIqf952xmeuiF179wdMiPXrW"}, "destination"), ({"device": "DVx"}, "device"),
        ({"operation_key": "CARD_PRESENT_AUTHORIZATION"}, "operation_key"), ({"tip_amount": 100}, "tip_amount"),
        ({"split_transfers": [{"amount": 1}]}, "split_transfers"),
        ({"additional_buyer_charges": {"surcharge_amount": 1}}, "additional_buyer_charges"),
        ({"hsa_fsa_payment": True}, "hsa_fsa_payment"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_is_kept(shop: HoldShop, changes: dict[str, Any], field: str) -> None:
    answer = shop.post(**changes)

    assert answer.status_code == 422
    assert [(error["code"], error["field"]) for error in errors(answer)] == [("INVALID_FIELD", field)]
    assert shop.listed() == []


@pytest.mark.parametrize(("member", "value"), NOT_OFFERED.items())
def test_member_on_which_money_depends_is_refused(shop: HoldShop, member: str, value: Any) -> None:
    held = shop.hold()

    answers = [shop.post(**{member: value}), shop.put(held, capture_amount=1, **{member: value})]

    assert [error["field"] for answer in answers for error in errors(answer)] == [member] * 2
    assert shop.now(held)["transfer"] is None


def test_members_that_say_nothing_are_no_obstacle(shop: HoldShop) -> None:
    held = shop.hold(
        device=None, split_transfers=[], tip_amount=0, additional_buyer_charges={}, hsa_fsa_payment=False,
        fee=None, processor=None, fraud_session_id="", additional_purchase_data=None,
        **{"3d_secure_authentication": None},
    )  # fmt: skip

    assert (held["state"], held["fee"]) == ("SUCCEEDED", 0)


def test_identity_stands_for_its_one_merchant(shop: HoldShop) -> None:
    named = {"merchant": ..., "merchant_identity": shop.identity.public_id}
    held = shop.hold(**named, processor="dummy_v1")
    second = make_merchant(shop.identity)

    ambiguous = shop.post(**named)

    assert held["merchant"] == shop.merchant.public_id
    assert errors(ambiguous) == [
        {
            "code": "INVALID_FIELD", "field": "merchant_identity",
            "message": f"Name the merchant: {shop.merchant.public_id}, {second.public_id}",
        }
    ]  # fmt: skip


def test_bank_account_and_recipient_at_visa_hold_nothing(shop: HoldShop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    recipient = make_merchant(shop.buyer, "VISA_V1")

    of_a_bank = shop.post(source=make_bank_account(shop.buyer).public_id)
    at_visa = shop.post(merchant=recipient.public_id)

    assert [(error["field"], error["message"]) for error in errors(of_a_bank)] == [
        ("source", "An authorization needs a payment card")
    ]
    assert (at_visa.status_code, errors(at_visa)[0]["field"]) == (422, "merchant")
    assert shop.listed() == []


@pytest.mark.parametrize(
    ("whose", "path"),
    [
        ("merchant", "/merchants/{shop.merchant.public_id}"),
        ("application", "/applications/{shop.application.public_id}"),
    ],
)
def test_switched_off_merchant_and_application_hold_and_take_nothing(shop: HoldShop, whose: str, path: str) -> None:
    held = shop.hold()
    path = path.format(shop=shop)
    assert shop.admin.put(path, {"processing_enabled": False}).status_code == 200

    answers = [shop.post(), shop.put(held, capture_amount=100)]
    shop.admin.put(path, {"processing_enabled": True})

    assert [(answer.status_code, errors(answer)[0]["message"]) for answer in answers] == [
        (422, f"Processing is switched off for the {whose}.")
    ] * 2
    assert shop.listed() == [held["id"]]
    assert shop.capture(held, 100)["capture_amount"] == 100


def test_foreign_authorization_is_as_absent(shop: HoldShop) -> None:
    theirs = HoldShop("Other").hold()

    for public_id in (theirs["id"], "AUqC4UCs1eg4dV9neqrJnnke", "nonsense"):
        read = shop.partner.get(f"/authorizations/{public_id}")
        written = [shop.put({"id": public_id}, **body) for body in ({"capture_amount": 1}, {"void_me": True}, {})]
        assert [answer.status_code for answer in (read, *written)] == [404] * 4
        assert errors(read) == [{"code": "NOT_FOUND", "message": f"`{public_id}` was not found"}]


def test_merchants_login_sees_its_holds_and_writes_nothing(shop: HoldShop) -> None:
    own = shop.hold()
    theirs = shop.hold(merchant=make_merchant(make_merchant_identity(shop.application)).public_id)
    client = ApiClient(make_merchant_login(shop.identity))

    assert [row["id"] for row in client.get("/authorizations").json()["_embedded"]["authorizations"]] == [own["id"]]
    assert client.get(f"/authorizations/{own['id']}").json() == own
    assert client.get(f"/authorizations/{theirs['id']}").status_code == 404
    assert client.get(f"/payment_instruments/{shop.card.public_id}/authorizations").status_code == 404
    assert client.post("/authorizations", shop.body()).status_code == 403
    assert client.put(f"/authorizations/{own['id']}", {"capture_amount": 1}).status_code == 403
    assert shop.now(own) == own


# --- declines ---------------------------------------------------------------------------------------------------------

AMOUNTS = {
    102: "GENERIC_DECLINE",
    193: "INSUFFICIENT_FUNDS",
    194: "INVALID_ACCOUNT_NUMBER",
    889986: "ADDRESS_VERIFICATION_FAILED_RISK_RULES",
    889987: "CVV_FAILED_RISK_RULES",
}


@pytest.mark.parametrize(
    "amount", [row["amount"] for row in json.loads((CONTRACT / "test_data.json").read_text())["amounts"]]
)
def test_documented_amounts(shop: HoldShop, amount: int) -> None:
    answer = shop.post(amount=amount)

    (public_id,) = shop.listed()
    failed = shop.now({"id": public_id})
    assert (answer.status_code, failed["failure_code"]) == (402 if amount in AMOUNTS else 201, AMOUNTS.get(amount))
    assert (failed["state"], failed["amount"]) == ("FAILED" if amount in AMOUNTS else "SUCCEEDED", amount)


def test_body_of_a_decline_is_as_documented(shop: HoldShop) -> None:
    answer = shop.post(amount=193)

    (public_id,) = shop.listed()
    message = "There is not enough money on the account."
    assert answer.status_code == 402
    assert errors(answer) == [
        {
            "code": "DECLINED", "message": message, "failure_code": "INSUFFICIENT_FUNDS", "failure_message": message,
            "authorization": public_id,
        }
    ]  # fmt: skip
    refused = [shop.put({"id": public_id}, **body) for body in ({"capture_amount": 193}, {"void_me": True})]
    assert [(one.status_code, errors(one)[0]["message"]) for one in refused] == [
        (422, "The authorization failed, so nothing is held.")
    ] * 2


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000000036", "ADDRESS_VERIFICATION_FAILED_RISK_RULES"), ("4000000000000127", "CVV_FAILED_RISK_RULES"),
        ("4000000000009979", "GENERIC_DECLINE"), ("4000000000000119", "PICK_UP_CARD"),
        ("4242424242424242", "RESTRICTED_CARD"),
    ],
)  # fmt: skip
def test_cards_of_the_test_data(shop: HoldShop, number: str, code: str) -> None:
    card = make_card(shop.buyer, number=number)

    answer = shop.post(source=card.public_id)

    assert (answer.status_code, errors(answer)[0]["failure_code"]) == (402, code)
    assert shop.now({"id": errors(answer)[0]["authorization"]})["state"] == "FAILED"
    with transaction(by=shop.login.actor):
        assert PaymentInstrument.objects.get(pk=card.pk).enabled is (code not in failures.DISABLING)


def test_amount_that_is_canceled_is_a_decline_too() -> None:
    shop = HoldShop(sandbox_profile="finix-2026")

    answer = shop.post(amount=103)

    (error,) = errors(answer)
    assert (answer.status_code, error["failure_code"]) == (402, "CANCELLATION_VIA_API")
    assert shop.now({"id": error["authorization"]})["state"] == "CANCELED"


def test_unreachable_provider_is_402_and_no_decline(shop: HoldShop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="authorise", times=2)

    answer = shop.post()

    (error,) = errors(answer)
    assert (answer.status_code, error["code"]) == (402, "UPSTREAM_PROCESSOR_ERROR")
    assert error["failure_code"] == "PROVIDER_UNREACHABLE"
    assert shop.now({"id": error["authorization"]})["state"] == "FAILED"


@pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "MALFORMED"])
def test_lost_answer_is_pending_until_somebody_asks(shop: HoldShop, kind: str) -> None:
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="authorise", times=1)

    unknown = shop.hold()
    early = shop.put(unknown, capture_amount=100)
    let_time_pass(shop.application, 0)

    assert unknown["state"] == "PENDING"
    assert (early.status_code, errors(early)[0]["message"]) == (
        422, "Whether the authorization was granted is not known yet.",
    )  # fmt: skip
    assert shop.now(unknown)["state"] == "SUCCEEDED"
    assert shop.capture(unknown, 100)["capture_amount"] == 100


# --- purchase data and tags -------------------------------------------------------------------------------------------


def test_purchase_data_is_kept_and_replaced_as_a_whole(shop: HoldShop) -> None:
    held = shop.hold(additional_purchase_data=PURCHASE | {"unknown": 1, "tax_exempt": None})
    other = {"customer_reference_number": "A", "sales_tax": 5}

    changed = shop.put(held, additional_purchase_data=other).json()

    assert held["additional_purchase_data"] == {name: PURCHASE[name] for name in PURCHASE if name != "tax_exempt"}
    assert changed["additional_purchase_data"] == other
    assert {name for name in held if changed[name] != held[name]} == {"additional_purchase_data", "updated_at"}
    assert shop.now(held) == changed


def test_purchase_data_that_no_capture_will_tell_is_refused(shop: HoldShop) -> None:
    captured = shop.hold()
    shop.capture(captured, 100)

    answer = shop.put(captured, additional_purchase_data={"customer_reference_number": "A", "sales_tax": 5})

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "The authorization was captured already.")
    assert shop.now(captured)["additional_purchase_data"] is None


def test_tags_are_replaced_as_a_whole_and_nothing_else_changes(shop: HoldShop) -> None:
    held = shop.hold(tags={"order": "7"})

    told = {"tags": {"batch": "2"}, "amount": 1, "state": "FAILED", "is_void": True, "transfer": "TRx"}
    changed = shop.put(held, **told).json()

    assert changed["tags"] == {"batch": "2"}
    assert {name for name in held if changed[name] != held[name]} == {"tags", "updated_at"}
    assert shop.history(held)[-1] == ("authorization.updated", {"tags": [{"order": "7"}, {"batch": "2"}]})
    assert shop.listed("?tags.key=batch") == [held["id"]]
    assert shop.listed("?tags.key=order") == []


@pytest.mark.parametrize(
    "body", [{}, {"tags": {"order": "7"}}, {"void_me": False}, {"capture_amount": None, "fee": None}]
)
def test_what_asks_for_nothing_leaves_it_as_it_is(shop: HoldShop, body: dict[str, Any]) -> None:
    held = shop.hold(tags={"order": "7"})
    before = shop.history(held)

    answer = shop.put(held, **body)

    assert (answer.status_code, answer.json()) == (200, held)
    assert shop.history(held) == before


# --- lists and filters ------------------------------------------------------------------------------------------------


def test_lists_under_identity_instrument_and_application(shop: HoldShop) -> None:
    first = shop.hold()["id"]
    other_card = make_card(shop.buyer, number=MASTERCARD)
    second = shop.hold(source=other_card.public_id)["id"]

    assert shop.listed(path=f"/identities/{shop.identity.public_id}/authorizations") == [second, first]
    assert shop.listed(path=f"/identities/{shop.buyer.public_id}/authorizations") == []
    assert shop.listed(path=f"/payment_instruments/{other_card.public_id}/authorizations") == [second]
    assert shop.listed(path=f"/applications/{shop.application.public_id}/authorizations") == [second, first]
    assert shop.listed(f"?limit=1&after_cursor={second}") == [first]
    assert shop.listed("?limit=1&offset=1") == [first]


FILTERS = {
    row["label"]: row
    for row in json.loads((CONTRACT / "filters.json").read_text())
    if "authorizations" in row["resources"]
}
NOT_OF_AUTHORIZATIONS = {"Type"}
"""Of the resource that shares the table."""


class Listed:
    """Two holds that differ in everything that a filter can ask for, and a third that was captured."""

    def __init__(self, shop: HoldShop) -> None:
        self.shop = shop
        self.other_identity = make_merchant_identity(shop.application, doing_business_as="Lees Sandwiches")
        self.other = make_merchant(self.other_identity)
        self.discover = make_card(shop.buyer, number="6011000000004675", name="Ann Discover")
        self.first = shop.hold(amount=100, idempotency_id="one")
        declined = shop.post(
            merchant=self.other.public_id, source=self.discover.public_id, amount=102, tags={"lost": "yes"},
            idempotency_id="two",
        )  # fmt: skip
        self.failed = shop.now({"id": errors(declined)[0]["authorization"]})
        self.third = shop.capture(shop.hold(amount=300), 300)
        self.names = {self.first["id"]: "first", self.failed["id"]: "failed", self.third["id"]: "third"}

    def find(self, query: str) -> list[str]:
        return sorted(self.names[public_id] for public_id in self.shop.listed(f"?{query}"))


def asked(label: str, world: Listed) -> list[tuple[str, list[str]]]:
    """Queries of a documented row in its own words, with what they find."""
    shop, every, ours = world.shop, ["failed", "first", "third"], ["first", "third"]
    processor = shop.partner.get(f"/applications/{shop.application.public_id}/processors/DUMMY_V1").json()["id"]
    unused = make_processor(shop.application, Processor.Name.VISA_V1).public_id
    values: dict[str, list[tuple[str, list[str]]]] = {
        "Amount =": [("100", ["first"]), ("101", [])],
        "Amount >": [("100", ["failed", "third"]), ("300", [])],
        "Amount >=": [("102", ["failed", "third"])],
        "Amount <": [("102", ["first"])],
        "Amount <=": [("102", ["failed", "first"])],
        "Application ID": [(shop.application.public_id, every), ("AP6LPbgrQ2xeeadyAWN4Pp4e", [])],
        "Authorization ID": [(world.third["id"], ["third"]), (world.other.public_id, ["failed"]), ("nonsense", [])],
        "Bank Account Last 4": [("0006", [])],
        "BIN": [("601100", ["failed"]), ("60110", [])],
        "Card Brand": [("DISCOVER", ["failed"]), ("visa", ours), ("ALL", every)],
        "Created At >=": [("2019-06-15", every), ("2199-06-15", [])],
        "Created At <=": [("2199-06-15", every), ("2019-06-15", [])],
        "Identity ID": [(world.other_identity.public_id, ["failed"])],
        "Identity Name": [("lees%20SANDWICHES", ["failed"]), ("lees", [])],
        "Instrument Name": [("Ann%20Discover", ["failed"]), ("Ann", [])],
        "Instrument Type": [("PAYMENT_CARD", every), ("BANK_ACCOUNT", [])],
        "Merchant ID": [(world.other.public_id, ["failed"])],
        "Merchant Ident String": [(shop.merchant.mid or "", ours), ("4445036913770", [])],
        "Payment Card Last 4": [("4675", ["failed"]), (PLAIN_CARD[-4:], ours)],
        "Processor ID": [(processor, every), (unused, [])],
        "State": [("SUCCEEDED", ours), ("failed", ["failed"]), ("PENDING", []), ("CANCELED", []), ("All", every)],
        "Trace ID": [(world.first["trace_id"], ["first"])],
        "Transfer ID": [(world.third["transfer"], ["third"]), ("TR9fk2U2ivhfeQM9sJgxZYnH", []), ("TRnonsense", [])],
    }  # fmt: skip
    if label == "Created At =":
        today = world.first["created_at"][:10]
        return [
            (f"created_at.created_at.gte={today}&created_at.lte={today}", every),
            ("created_at.created_at.gte=2019-06-15&created_at.lte=2019-06-15", []),
        ]
    name = FILTERS[label]["parameters"][0]["raw"]
    return [(f"{name}={value}", found) for value, found in values[label]]


@pytest.fixture
def listed(shop: HoldShop) -> Listed:
    return Listed(shop)


@pytest.mark.parametrize("label", sorted(FILTERS.keys() - NOT_OF_AUTHORIZATIONS))
def test_documented_filter(listed: Listed, label: str) -> None:
    for query, found in asked(label, listed):
        assert (query, listed.find(query)) == (query, found)


@pytest.mark.parametrize("label", sorted(FILTERS))
def test_documented_example_is_understood(shop: HoldShop, label: str) -> None:
    """An amount is written in cents, so that the examples with two decimals are refused rather than guessed at."""
    answer = shop.partner.get(f"/authorizations?{FILTERS[label]['example']}")

    assert answer.status_code == (400 if ".00" in FILTERS[label]["example"] else 200)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("amount.gte=102&amount.lt=300", ["failed"]), ("idempotency_id=two", ["failed"]), ("tags.key=lost", ["failed"]),
        ("tags.value=yes&instrument_bin=601100&merchant_identity_name=lees%20sandwiches", ["failed"]),
        ("state=FAILED&instrument_brand_type=VISA", []), ("is_void=True", []),
        ("is_void=false&state=succeeded", ["first", "third"]), ("unknown=1", ["failed", "first", "third"]),
    ],
)  # fmt: skip
def test_filters_of_the_clients_and_several_at_once(listed: Listed, query: str, found: list[str]) -> None:
    assert listed.find(query) == found


def test_voided_ones_are_found(listed: Listed) -> None:
    listed.shop.void(listed.first)

    assert listed.find("is_void=True") == ["first"]
    assert listed.find("is_void=FALSE") == ["failed", "third"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("amount=100.00", "amount"), ("gt=100.00", "amount.gt"), ("state=VOID", "state"),
        ("is_void=perhaps", "is_void"),
        ("created_at.gte=yesterday", "created_at.gte"), ("sort=trace_id,asc", "sort"),
    ],
)  # fmt: skip
def test_wrong_value_is_400_and_never_guessed(shop: HoldShop, query: str, field: str) -> None:
    answer = shop.partner.get(f"/authorizations?{query}")

    assert (answer.status_code, [error["field"] for error in errors(answer)]) == (400, [field])


def test_sorted_by_amount(listed: Listed) -> None:
    shop = listed.shop

    assert [listed.names[found] for found in shop.listed("?sort=amount,asc")] == ["first", "failed", "third"]
    assert [listed.names[found] for found in shop.listed("?sort=amount,desc")] == ["third", "failed", "first"]
