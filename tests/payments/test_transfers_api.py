"""Transfers of the API: every test value of the documents, what speaks against a sale, and every documented filter."""

import json
from pathlib import Path
from typing import Any

import pytest

from events.models import Event
from onboarding.models import PaymentInstrument
from payments.models import Journal, Transfer
from providers import failures
from providers.sandbox import faults
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
from tests.payments.api_shop import NOT_OFFERED, Shop, errors

pytestmark = pytest.mark.django_db

CONTRACT = Path(__file__).resolve().parents[1] / "contract"
TEST_DATA = json.loads((CONTRACT / "test_data.json").read_text())
CODES = {
    "failed": "GENERIC_DECLINE",
    "insufficient_funds": "INSUFFICIENT_FUNDS",
    "invalid_card_number": "INVALID_ACCOUNT_NUMBER",
    "avs_total_failure": "ADDRESS_VERIFICATION_FAILED_RISK_RULES",
    "cvc_failure": "CVV_FAILED_RISK_RULES",
}
"""By documented outcome; the others succeed."""


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_sale_answers_the_whole_transfer(shop: Shop) -> None:
    document = shop.sale(fee=100, tags={"order": "7"}, statement_descriptor="BOBS*7")

    assert (document["state"], document["amount"], document["fee"], document["currency"]) == (
        "SUCCEEDED", 2500, 100, "USD",
    )  # fmt: skip
    assert (document["type"], document["subtype"], document["destination"], document["raw"]) == (
        "DEBIT", "API", None, None,
    )  # fmt: skip
    assert (document["merchant"], document["merchant_identity"]) == (shop.merchant.public_id, shop.identity.public_id)
    assert (document["statement_descriptor"], document["tags"]) == ("BOBS*7", {"order": "7"})
    assert (document["failure_code"], document["failure_message"], document["messages"]) == (None, None, [])
    assert shop.partner.get(f"/transfers/{document['id']}").json() == document
    assert shop.postings(document) == {"PROCESSOR_CLEARING": 2500, "MERCHANT_BALANCE": -2400, "PARTNER_FEES": -100}


@pytest.mark.parametrize("row", TEST_DATA["amounts"], ids=lambda row: row["amount"])
def test_documented_amounts(shop: Shop, row: dict[str, Any]) -> None:
    code = CODES.get(row["outcome"])

    if code is None:
        assert shop.sale(amount=row["amount"])["state"] == "SUCCEEDED"
        return
    error, failed = shop.declined(amount=row["amount"])
    assert (error["failure_code"], failed["failure_code"], failed["state"]) == (code, code, "FAILED")
    assert (failed["amount"], shop.postings(failed)) == (row["amount"], {})


@pytest.mark.parametrize("row", TEST_DATA["cards"], ids=lambda row: row["number"])
def test_documented_cards_fail_for_good(shop: Shop, row: dict[str, Any]) -> None:
    card = make_card(shop.buyer, number=row["number"])

    for _ in range(2):
        error, failed = shop.declined(source=card.public_id)
        assert error["failure_code"] == CODES[row["outcome"]]
        assert failed["state"] == "FAILED"


@pytest.mark.parametrize(
    ("amount", "member", "finding"),
    [
        (889986, "address_verification", "NO_MATCH"), (889987, "security_code_verification", "UNMATCHED"),
    ],
)  # fmt: skip
def test_flagged_card_keeps_failing_that_way(shop: Shop, amount: int, member: str, finding: str) -> None:
    first, failed = shop.declined(amount=amount)
    again, _ = shop.declined(amount=2500)

    assert (again["failure_code"], failed[member]) == (first["failure_code"], finding)
    assert shop.partner.get(f"/payment_instruments/{shop.card.public_id}").json()[member] == finding


@pytest.mark.parametrize(
    ("amount", "setting"), [(889986, "avs_failure_allowed"), (889987, "csc_failure_allowed")]
)  # fmt: skip
def test_risk_profile_may_allow_a_failed_check(shop: Shop, amount: int, setting: str) -> None:
    profile = shop.partner.get(f"/merchant_profiles/{merchant_profile(shop)}").json()["risk_profile"]
    shop.admin.put(f"/risk_profiles/{profile}", {setting: True})

    assert shop.sale(amount=amount)["state"] == "SUCCEEDED"


def merchant_profile(shop: Shop) -> str:
    profile: str = shop.partner.get(f"/merchants/{shop.merchant.public_id}").json()["merchant_profile"]
    return profile


@pytest.mark.parametrize(
    ("number", "code"),
    [
        ("4000000000009979", "GENERIC_DECLINE"), ("4000000000000002", "DO_NOT_HONOR"),
        ("4000000000009995", "EXCEEDS_APPROVAL_LIMIT"), ("4000000000009987", "EXPIRED_CARD"),
        ("4000000000000069", "INSUFFICIENT_FUNDS"), ("4000000000000119", "PICK_UP_CARD"),
        ("4012888888881881", "CALL_ISSUER"), ("4000056655665556", "INVALID_CVV"),
        ("4242424242424242", "RESTRICTED_CARD"),
    ],
)  # fmt: skip
def test_cards_of_the_clients_test_data(shop: Shop, number: str, code: str) -> None:
    card = make_card(shop.buyer, number=number)

    error, failed = shop.declined(source=card.public_id)

    assert (error["failure_code"], failed["failure_code"]) == (code, code)
    with transaction(by=shop.login.actor):
        assert PaymentInstrument.objects.get(pk=card.pk).enabled is (code not in failures.DISABLING)


def test_body_of_a_decline_is_as_documented(shop: Shop) -> None:
    answer = shop.post(amount=193)

    body = answer.json()
    (transfer,) = shop.listed()
    (error,) = body["_embedded"]["errors"]
    assert len(error.pop("logref")) == 32
    assert (answer.status_code, answer["Content-Type"]) == (402, "application/json")
    assert body == {
        "total": 1,
        "_embedded": {
            "errors": [
                {
                    "code": "PAYMENT_DECLINED",
                    "message": "There is not enough money on the account.",
                    "failure_code": "INSUFFICIENT_FUNDS",
                    "failure_message": "There is not enough money on the account.",
                    "transfer": transfer,
                    "_links": {"source": {"href": "http://testserver/transfers"}},
                }
            ]
        },
    }


def test_disabled_instrument_is_refused_before_the_provider_is_asked(shop: Shop) -> None:
    stolen = make_card(shop.buyer, number="4000000000000119")
    shop.declined(source=stolen.public_id)

    answer = shop.post(source=stolen.public_id)

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "The payment instrument is disabled.")
    assert len(shop.listed()) == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"), ({"amount": -5}, "amount"), ({"amount": 10.5}, "amount"),
        ({"amount": ...}, "amount"), ({"amount": "ten"}, "amount"), ({"amount": 10**12}, "amount"),
        ({"currency": ...}, "currency"),
        ({"currency": "EUR"}, "currency"), ({"currency": "dollars"}, "currency"), ({"fee": -1}, "fee"),
        ({"fee": 2501}, "fee"), ({"source": ...}, "source"), ({"source": "nonsense"}, "source"),
        ({"source": "PIqf952xmeuiF179wdMiPXrW"}, "source"), ({"merchant": ...}, "merchant"),
        ({"merchant": "MUmMpVqaad7Va1YQR2soR3tq"}, "merchant"),
        ({"destination": "PIqf952xmeuiF179wdMiPXrW"}, "destination"),
        ({"operation_key": "PULL_FROM_CARD"}, "merchant"), ({"operation_key": "PUSH_TO_CARD"}, "destination"),
        ({"operation_key": "MERCHANT_CREDIT_ADJUSTMENT"}, "source"),
        ({"operation_key": "CARD_PRESENT_SALE"}, "operation_key"), ({"operation_key": "GIFT"}, "operation_key"),
        ({"device": "DVf2H8sh4LZZC52GTUrwCPPf"}, "device"),
        ({"split_transfers": [{"amount": 1}]}, "split_transfers"),
        ({"statement_descriptor": "x" * 21}, "statement_descriptor"),
        ({"security_code": "1"}, "security_code"), ({"tags": {"a": None}}, "tags.a"),
        ({"merchant": ..., "merchant_identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "merchant_identity"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_is_kept(shop: Shop, changes: dict[str, Any], field: str) -> None:
    answer = shop.post(**changes)

    assert answer.status_code == 422
    assert [(error["code"], error["field"]) for error in errors(answer)] == [("INVALID_FIELD", field)]
    assert shop.listed() == []


@pytest.mark.parametrize(("member", "value"), NOT_OFFERED.items())
def test_member_on_which_money_depends_is_refused(shop: Shop, member: str, value: Any) -> None:
    sale = shop.sale()

    answers = [shop.post(**{member: value}), shop.refund(sale, 1, **{member: value})]

    assert {error["field"] for answer in answers for error in errors(answer)} == {member}
    assert shop.listed() == [sale["id"]]


@pytest.mark.parametrize("fee", [0, 1, 2500])
def test_fee_is_at_most_the_amount_and_is_the_partners(shop: Shop, fee: int) -> None:
    document = shop.sale(fee=fee)

    legs = {"PROCESSOR_CLEARING": 2500, "MERCHANT_BALANCE": fee - 2500, "PARTNER_FEES": -fee}
    assert document["fee"] == fee
    assert shop.postings(document) == {kind: amount for kind, amount in legs.items() if amount}


def test_currency_that_the_processor_offers_is_taken_in_any_case() -> None:
    shop = Shop(default_currencies=["USD", "CAD"])

    assert shop.sale(currency="cad")["currency"] == "CAD"


def test_bank_account_is_no_source_unless_the_processor_debits_them(shop: Shop) -> None:
    answer = shop.post(source=make_bank_account(shop.buyer).public_id)

    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        ("source", "A sale is charged to a payment card: the processor debits no bank accounts")
    ]


@pytest.mark.parametrize(
    ("whose", "path"),
    [
        ("merchant", "/merchants/{shop.merchant.public_id}"),
        ("application", "/applications/{shop.application.public_id}"),
    ],
)
def test_switched_off_merchant_and_application_take_nothing(shop: Shop, whose: str, path: str) -> None:
    path = path.format(shop=shop)
    assert shop.admin.put(path, {"processing_enabled": False}).status_code == 200

    refused = shop.post()
    shop.admin.put(path, {"processing_enabled": True})

    assert (refused.status_code, errors(refused)[0]["message"]) == (422, f"Processing is switched off for the {whose}.")
    assert shop.sale()["state"] == "SUCCEEDED"
    assert len(shop.listed()) == 1


def test_switched_off_processor_takes_nothing(shop: Shop) -> None:
    path = f"/applications/{shop.application.public_id}/processors/DUMMY_V1"
    assert shop.admin.put(path, {"enabled": False}).status_code == 200

    refused = shop.post()

    assert (refused.status_code, errors(refused)[0]["message"]) == (
        422,
        "Processing is switched off for the processor.",
    )


def test_merchant_that_is_not_approved_takes_nothing(shop: Shop) -> None:
    held = make_merchant(make_merchant_identity(shop.application, business_tax_id="000000002"))

    answer = shop.post(merchant=held.public_id)

    assert (answer.status_code, errors(answer)[0]["code"]) == (422, "UNPROCESSABLE_ENTITY")
    assert "not approved" in errors(answer)[0]["message"]


def test_foreign_merchant_and_source_are_as_absent(shop: Shop) -> None:
    foreign = Shop("Other")

    for member, theirs, absent in (
        ("merchant", foreign.merchant.public_id, "MUmMpVqaad7Va1YQR2soR3tq"),
        ("source", foreign.card.public_id, "PIqf952xmeuiF179wdMiPXrW"),
    ):
        answers = [shop.post(**{member: public_id}) for public_id in (theirs, absent)]
        assert [[(error["field"], error["message"]) for error in errors(answer)] for answer in answers] == [
            [(member, f"`{theirs}` was not found")], [(member, f"`{absent}` was not found")],
        ]  # fmt: skip
    assert foreign.listed() == shop.listed() == []


def test_identity_stands_for_its_one_merchant(shop: Shop) -> None:
    document = shop.sale(merchant=..., merchant_identity=shop.identity.public_id)
    second = make_merchant(shop.identity)
    ambiguous = shop.post(merchant=..., merchant_identity=shop.identity.public_id)
    both = shop.post(merchant_identity=shop.identity.public_id)

    assert document["merchant"] == shop.merchant.public_id
    (error,) = errors(ambiguous)
    assert (ambiguous.status_code, error["field"]) == (422, "merchant_identity")
    assert error["message"] == f"Name the merchant: {shop.merchant.public_id}, {second.public_id}"
    assert (both.status_code, errors(both)[0]["field"]) == (422, "merchant_identity")


def test_processor_beside_the_identity_chooses_its_merchant(shop: Shop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    make_card(shop.identity)
    make_merchant(shop.identity, "VISA_V1")

    document = shop.sale(merchant=..., merchant_identity=shop.identity.public_id, processor="dummy_v1")

    assert document["merchant"] == shop.merchant.public_id


def test_recipient_at_visa_sells_nothing(shop: Shop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    recipient = make_merchant(shop.buyer, "VISA_V1")

    answer = shop.post(merchant=recipient.public_id)

    assert (answer.status_code, errors(answer)[0]["field"]) == (422, "merchant")
    assert shop.listed() == []


def test_descriptor_is_the_merchants_unless_one_is_told(shop: Shop) -> None:
    assert shop.sale()["statement_descriptor"] == "Bobs Burgers"
    assert shop.sale(statement_descriptor="BOBS*LUNCH")["statement_descriptor"] == "BOBS*LUNCH"


def test_sale_in_a_batch_is_pending_until_it_is_submitted() -> None:
    shop = Shop(card_sale_submission_method="batch")
    document = shop.sale()
    before = shop.postings(document)
    let_time_pass(shop.application, 6)

    after = shop.partner.get(f"/transfers/{document['id']}").json()
    assert (document["state"], before) == ("PENDING", {})
    assert after["state"] == "SUCCEEDED"
    assert shop.postings(document) == {"PROCESSOR_CLEARING": 2500, "MERCHANT_BALANCE": -2500}


@pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "ERROR_AFTER", "MALFORMED"])
def test_lost_answer_is_pending_until_somebody_asks(shop: Shop, kind: str) -> None:
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="sell", times=1)

    document = shop.sale()
    let_time_pass(shop.application, 0)

    assert document["state"] == "PENDING"
    assert shop.partner.get(f"/transfers/{document['id']}").json()["state"] == "SUCCEEDED"
    with transaction(by=shop.login.actor):
        assert Journal.objects.filter(resource_id=Transfer.parse_id(document["id"])).count() == 1


def test_unreachable_provider_is_402_and_no_decline(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="sell", times=2)

    error, failed = shop.declined()

    assert (error["code"], error["failure_code"]) == ("UPSTREAM_PROCESSOR_ERROR", "PROVIDER_UNREACHABLE")
    assert (failed["state"], failed["failure_code"], shop.postings(failed)) == ("FAILED", "PROVIDER_UNREACHABLE", {})


def test_history_tells_creation_and_verdict(shop: Shop) -> None:
    made = shop.sale()
    _, failed = shop.declined(amount=102)

    def history(transfer: dict[str, Any]) -> list[tuple[int, str, Any]]:
        with transaction(by=shop.login.actor):
            events = Event.objects.filter(resource_id=Transfer.parse_id(transfer["id"])).order_by("sequence")
            return [(event.sequence, event.kind, event.changes.get("state")) for event in events]

    assert history(made) == [
        (1, "transfer.created", None), (2, "transfer.updated", ["PENDING", "SUCCEEDED"]),
    ]  # fmt: skip
    assert history(failed)[1] == (2, "transfer.updated", ["PENDING", "FAILED"])


def test_merchants_login_sees_its_sales_and_what_was_charged(shop: Shop) -> None:
    own = shop.sale()
    other = make_merchant(make_merchant_identity(shop.application))
    theirs = shop.sale(merchant=other.public_id)
    client = ApiClient(make_merchant_login(shop.identity))

    assert [row["id"] for row in client.get("/transfers").json()["_embedded"]["transfers"]] == [own["id"]]
    assert client.get(f"/transfers/{theirs['id']}").status_code == 404
    charged = client.get(f"/transfers/{own['id']}/payment_instruments").json()["_embedded"]["payment_instruments"]
    assert [row["id"] for row in charged] == [shop.card.public_id]
    assert client.get(f"/transfers/{theirs['id']}/payment_instruments").status_code == 404
    assert client.get(f"/payment_instruments/{shop.card.public_id}").status_code == 404
    assert client.post("/transfers", shop.body()).status_code == 403


def test_lists_under_identity_instrument_and_application(shop: Shop) -> None:
    first = shop.sale()["id"]
    other_card = make_card(shop.buyer, number="5200828282828210")
    second = shop.sale(source=other_card.public_id)["id"]

    def listed(path: str) -> list[str]:
        return [row["id"] for row in shop.partner.get(f"{path}/transfers").json()["_embedded"]["transfers"]]

    assert listed(f"/identities/{shop.identity.public_id}") == [second, first]
    assert listed(f"/identities/{shop.buyer.public_id}") == []
    assert listed(f"/payment_instruments/{other_card.public_id}") == [second]
    assert listed(f"/applications/{shop.application.public_id}") == [second, first]


# --- filters ----------------------------------------------------------------------------------------------------------

FILTERS = {
    row["label"]: row for row in json.loads((CONTRACT / "filters.json").read_text()) if "transfers" in row["resources"]
}
NOT_OF_TRANSFERS = {"Authorization ID"}
"""Of the resource that shares the table."""


class Listed:
    """Two sales that differ in everything that a filter can ask for, and a third that succeeded like the first."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        other_identity = make_merchant_identity(shop.application, doing_business_as="Lees Sandwiches")
        other = make_merchant(other_identity)
        discover = make_card(shop.buyer, number="6011000000004675", name="Ann Discover")
        self.first = shop.sale(amount=100, idempotency_id="one")
        self.failed = shop.declined(
            merchant=other.public_id, source=discover.public_id, amount=102, tags={"lost": "yes"}, idempotency_id="two"
        )[1]
        self.third = shop.sale(amount=300, statement_descriptor="THIRD")
        self.names = {self.first["id"]: "first", self.failed["id"]: "failed", self.third["id"]: "third"}
        self.other, self.other_identity, self.discover = other, other_identity, discover

    def find(self, query: str) -> list[str]:
        return sorted(self.names[public_id] for public_id in self.shop.listed(f"?{query}"))


def asked(label: str, world: Listed) -> list[tuple[str, list[str]]]:
    """Queries of a documented row in its own words, with what they find."""
    shop, every, ours = world.shop, ["failed", "first", "third"], ["first", "third"]
    row = FILTERS[label]
    processor = shop.partner.get(f"/applications/{shop.application.public_id}/processors/DUMMY_V1").json()["id"]
    unused = make_processor(shop.application, Processor.Name.VISA_V1).public_id
    name = row["parameters"][0]["raw"]
    values: dict[str, list[tuple[str, list[str]]]] = {
        "Amount =": [("100", ["first"]), ("101", [])],
        "Amount >": [("100", ["failed", "third"]), ("300", [])],
        "Amount >=": [("102", ["failed", "third"])],
        "Amount <": [("102", ["first"])],
        "Amount <=": [("102", ["failed", "first"])],
        "Application ID": [(shop.application.public_id, every), ("AP6LPbgrQ2xeeadyAWN4Pp4e", [])],
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
        "Transfer ID": [(world.third["id"], ["third"]), (world.other.public_id, ["failed"])],
        "Type": [("DEBIT", every), ("DEBITS", every)],
    }  # fmt: skip
    if label == "Created At =":
        today = world.first["created_at"][:10]
        return [
            (f"created_at.created_at.gte={today}&created_at.lte={today}", every),
            ("created_at.created_at.gte=2019-06-15&created_at.lte=2019-06-15", []),
        ]
    return [(f"{name}={value}", found) for value, found in values[label]]


@pytest.fixture
def listed(shop: Shop) -> Listed:
    return Listed(shop)


@pytest.mark.parametrize("label", sorted(FILTERS.keys() - NOT_OF_TRANSFERS))
def test_documented_filter(listed: Listed, label: str) -> None:
    for query, found in asked(label, listed):
        assert (query, listed.find(query)) == (query, found)


@pytest.mark.parametrize("label", sorted(FILTERS))
def test_documented_example_is_understood(shop: Shop, label: str) -> None:
    """An amount is written in cents, so that the examples with two decimals are refused rather than guessed at."""
    row = FILTERS[label]

    answer = shop.partner.get(f"/transfers?{row['example']}")

    assert answer.status_code == (400 if ".00" in row["example"] else 200)


@pytest.mark.parametrize("value", [*FILTERS["Type"]["enum"]["values"], "Debits", "CREDITS", "All"])
def test_documented_types_are_understood(listed: Listed, value: str) -> None:
    ours = {"ALL", "DEBIT", "DEBITS"}

    assert listed.find(f"type={value}") == (["failed", "first", "third"] if value.upper() in ours else [])


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("amount.gte=102&amount.lt=300", ["failed"]), ("idempotency_id=two", ["failed"]), ("tags.key=lost", ["failed"]),
        ("tags.value=yes", ["failed"]), ("tags.key=lost&tags.value=no", []), ("statement_descriptor=THIRD", ["third"]),
        ("tags.value=yes&instrument_bin=601100&merchant_identity_name=lees%20sandwiches", ["failed"]),
        ("state=FAILED&instrument_brand_type=VISA", []), ("ready_to_settle_at.gte=2019-06-15", []),
        ("unknown=1", ["failed", "first", "third"]),
    ],
)  # fmt: skip
def test_filters_of_the_clients_and_several_at_once(listed: Listed, query: str, found: list[str]) -> None:
    assert listed.find(query) == found


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("amount=100.00", "amount"), ("gt=100.00", "amount.gt"), ("amount.lte=-1", "amount.lte"),
        ("state=DONE", "state"), ("type=GIFT", "type"), ("created_at.gte=yesterday", "created_at.gte"),
        ("instrument_brand_type=SHELL", "instrument_brand_type"),
    ],
)  # fmt: skip
def test_wrong_value_is_400_and_never_guessed(shop: Shop, query: str, field: str) -> None:
    answer = shop.partner.get(f"/transfers?{query}")

    assert (answer.status_code, [error["field"] for error in errors(answer)]) == (400, [field])


def test_sorted_by_amount(listed: Listed) -> None:
    shop = listed.shop

    assert [listed.names[found] for found in shop.listed("?sort=amount,asc")] == ["first", "failed", "third"]
    assert [listed.names[found] for found in shop.listed("?sort=amount,desc")] == ["third", "failed", "first"]


# --- tags -------------------------------------------------------------------------------------------------------------


def test_tags_are_replaced_as_a_whole_and_nothing_else_changes(shop: Shop) -> None:
    sale = shop.sale(fee=100, tags={"order": "7"})
    posted = shop.postings(sale)

    told = {"tags": {"batch": "2"}, "amount": 1, "fee": 0, "currency": "EUR", "state": "FAILED", "merchant": "MUx"}
    answer = shop.partner.put(f"/transfers/{sale['id']}", told)

    changed = answer.json()
    assert (answer.status_code, changed["tags"]) == (200, {"batch": "2"})
    assert changed["updated_at"] > sale["updated_at"]
    meant_to_change = {"tags", "updated_at"}
    assert {name for name in sale if changed[name] != sale[name]} == meant_to_change
    assert shop.partner.get(f"/transfers/{sale['id']}").json() == changed
    assert shop.listed("?tags.key=batch") == [sale["id"]]
    assert shop.listed("?tags.key=order") == []
    assert shop.postings(sale) == posted
    with transaction(by=shop.login.actor):
        event = Event.objects.filter(kind="transfer.updated", resource_id=Transfer.parse_id(sale["id"])).latest("pk")
    assert event.changes == {"tags": [{"order": "7"}, {"batch": "2"}]}


@pytest.mark.parametrize("body", [{}, {"tags": {"order": "7"}}])
def test_tags_that_stay_leave_the_transfer_as_it_is(shop: Shop, body: dict[str, Any]) -> None:
    sale = shop.sale(tags={"order": "7"})
    with transaction(by=shop.login.actor):
        events = Event.objects.count()

    answer = shop.partner.put(f"/transfers/{sale['id']}", body)

    assert (answer.status_code, answer.json()) == (200, sale)
    with transaction(by=shop.login.actor):
        assert Event.objects.count() == events


def test_declined_transfer_is_tagged_and_a_repeat_is_told_the_same(shop: Shop) -> None:
    _, declined = shop.declined(amount=102)
    path, body = f"/transfers/{declined['id']}", {"tags": {"seen": "yes"}}

    first = shop.partner.put(path, body, Idempotency_Key="K")
    shop.partner.put(path, {"tags": {}})
    again = shop.partner.put(path, body, Idempotency_Key="K")

    assert (first.status_code, first.json()["state"], first.json()["tags"]) == (200, "FAILED", {"seen": "yes"})
    assert (again.status_code, again.json()) == (200, first.json())
    assert shop.partner.get(path).json()["tags"] == {}


def test_wrong_tags_of_a_transfer_are_refused(shop: Shop) -> None:
    answer = shop.partner.put(f"/transfers/{shop.sale()['id']}", {"tags": {"a": None}})

    assert (answer.status_code, [error["field"] for error in errors(answer)]) == (422, ["tags.a"])
