"""Inquiries about cards: what the API tells of them, for whom, and what they leave on the card."""

import json
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from events.models import Audit, Event
from onboarding.models import PaymentInstrument, Verification
from providers.models import Attempt
from providers.sandbox import faults, scenarios
from providers.sandbox.models import Fault
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.services import update_processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity, make_merchant_login
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login
from tests.plugin import ROOT

pytestmark = pytest.mark.django_db

CONTRACT = ROOT / "tests/contract"
DOCUMENTED = json.loads((CONTRACT / "test_data.json").read_text())["verification_cards"]
CODES = json.loads((CONTRACT / "verification_codes.json").read_text())
AVS_CARD, CVV_CARD = "4000000000000036", "4000000000000127"
DOMESTIC = "4815070000000018"


class Shop:
    """An application that may ask VISA_V1, with a buyer."""

    def __init__(self) -> None:
        self.application, self.login = make_application()
        make_processor(self.application)
        self.visa = make_processor(self.application, Processor.Name.VISA_V1)
        self.buyer = make_identity(self.application)
        self.partner = ApiClient(self.login)

    def card(self, number: str = "4111111111111111", **members: Any) -> str:
        return make_card(self.buyer, number, **members).public_id

    def ask(self, card: str, body: dict[str, Any] | None = None, **headers: str) -> HttpResponse:
        return self.partner.post(f"/payment_instruments/{card}/verifications", body or {}, **headers)

    def shown(self, card: str) -> dict[str, Any]:
        found: dict[str, Any] = self.partner.get(f"/payment_instruments/{card}").json()
        return found


@pytest.fixture
def shop() -> Shop:
    return Shop()


def errors(answer: HttpResponse) -> list[tuple[str | None, str]]:
    return [(error.get("field"), error["message"]) for error in answer.json()["_embedded"]["errors"]]


def letters(document: dict[str, Any]) -> tuple[str, str]:
    checks = document["raw"]["validation_details"]
    return checks["address_verification_results"], checks["cvv2_result_code"]


@pytest.mark.parametrize("documented", DOCUMENTED, ids=[card["number"][-4:] for card in DOCUMENTED])
def test_documented_card_is_told_as_documented(shop: Shop, documented: dict[str, Any]) -> None:
    card = shop.card(documented["number"])

    answer = shop.ask(card, {"processor": "VISA_V1"})

    assert answer.status_code == 201
    document = answer.json()
    (network,) = document["raw"]["inquiry_details"]["visa_network_info"]
    told = {name: network[name] for name in documented if name in network}
    assert told == {name: documented[name] for name in told}
    assert len(told) == 4
    assert (document["state"], document["messages"], document["processor"]) == ("SUCCEEDED", [], "VISA_V1")
    assert document["trace_id"] == document["raw"]["validation_details"]["systems_trace_audit_number"]
    assert (document["payment_instrument"], document["merchant"], document["identity"]) == (card, None, None)
    after = shop.shown(card)
    assert after["fast_funds_indicator"] == documented["fast_funds_indicator"]
    assert after["push_funds_block_indicator"] == documented["push_funds_block_indicator"]
    assert (after["online_gambing_block_indicator"], after["issuer_country"]) == ("N", "USA")
    assert after["card_type"] == {"D": "DEBIT", "C": "CREDIT"}[documented["card_type_code"]]


@pytest.mark.parametrize("number", [*scenarios.INQUIRIES, "4111111111111111", "5123280115058611", "379032000006086"])
def test_every_code_that_is_told_has_a_documented_meaning(shop: Shop, number: str) -> None:
    raw = shop.ask(shop.card(number)).json()["raw"]

    (network,) = raw["inquiry_details"]["visa_network_info"]
    general, checks = raw["general_inquiry_details"], raw["validation_details"]
    told = {
        "card_type_code": {network["card_type_code"], general["card_type_code"]},
        "fast_funds_indicator": {network["fast_funds_indicator"]},
        "push_funds_block_indicator": {network["push_funds_block_indicator"]},
        "online_gambing_block_indicator": {network["online_gambing_block_indicator"]},
        "card_product_id": {general["card_product_id"]},
        "card_product_subtype": {general["card_product_subtype_code"]} - {""},
        "card_subtype_code": {general["card_subtype_code"]} - {""},
        "address_verification_results": {checks["address_verification_results"]},
        "cvv2_result_code": {checks["cvv2_result_code"]},
    }
    for table, codes in told.items():
        assert codes <= {entry["code"] for entry in CODES[table]["codes"]}, table
    names = {entry["code"]: entry["meaning"] for entry in CODES["card_product_id"]["codes"]}
    assert general["card_product_name"] == names[general["card_product_id"]]
    assert general["bin"] == number[:6]
    assert number not in json.dumps(raw)


def test_every_code_of_the_network_is_told_by_some_card() -> None:
    told = scenarios.INQUIRIES.values()

    for table, codes in (
        ("fast_funds_indicator", {one.fast_funds for one in told}),
        ("push_funds_block_indicator", {one.push_funds for one in told}),
        ("online_gambing_block_indicator", {one.gambling for one in told}),
        ("card_type_code", {one.card_type for one in told}),
        ("card_subtype_code", {one.card_subtype for one in told} - {""}),
    ):
        assert codes == {entry["code"] for entry in CODES[table]["codes"]}


STREET, CODE = {"line1": "1 Main St"}, {"postal_code": "94404"}


@pytest.mark.parametrize(
    ("address", "letter", "check"),
    [
        (STREET | CODE, "Y", "POSTAL_CODE_AND_STREET_MATCH"),
        (CODE, "Z", "POSTAL_CODE_MATCH"),
        (STREET, "A", "STREET_MATCH"),
        (STREET | {"postal_code": "SW1A 1AA", "country": "GBR"}, "F", "POSTAL_CODE_AND_STREET_MATCH"),
        (STREET | {"postal_code": "75001", "country": "FRA"}, "D", "POSTAL_CODE_AND_STREET_MATCH"),
        (None, "I", "UNKNOWN"),
    ],
)
def test_address_is_checked(shop: Shop, address: dict[str, str] | None, letter: str, check: str) -> None:
    card = shop.card(address=None)

    told = shop.ask(card, {"address": address})

    assert letters(told.json()) == (letter, "U")
    assert shop.shown(card)["address_verification"] == check


def test_without_an_address_that_of_the_card_is_checked(shop: Shop) -> None:
    assert letters(shop.ask(shop.card()).json()) == ("Y", "U")


def test_security_code_is_checked_and_kept_nowhere(shop: Shop) -> None:
    card = shop.card()

    told = shop.ask(card, {"security_code": "731"})

    assert letters(told.json()) == ("Y", "M")
    assert told.json()["raw"]["validation_details"]["approval_code"] is not None
    assert shop.shown(card)["security_code_verification"] == "MATCHED"
    assert "security_code" not in told.json()


def test_failed_checks_stick_to_the_card(shop: Shop) -> None:
    merchant = make_merchant(make_merchant_identity(shop.application), "DUMMY_V1")
    address, code = shop.card(AVS_CARD), shop.card(CVV_CARD)

    for card, told in ((address, ("N", "M")), (code, ("Y", "N"))):
        assert letters(shop.ask(card, {"security_code": "112"}).json()) == told
        assert letters(shop.ask(card).json()) == (told[0], "N" if card == code else "U")

    assert shop.shown(address)["address_verification"] == "NO_MATCH"
    assert shop.shown(code)["security_code_verification"] == "UNMATCHED"
    sale = {"merchant": merchant.public_id, "amount": 1250, "currency": "USD"}
    codes = [
        shop.partner.post("/transfers", sale | {"source": card}).json()["_embedded"]["errors"][0]["failure_code"]
        for card in (address, code)
    ]
    assert codes == ["ADDRESS_VERIFICATION_FAILED_RISK_RULES", "CVV_FAILED_RISK_RULES"]


def test_card_that_has_expired_is_not_at_fault_for_good(shop: Shop) -> None:
    card, long = shop.card(AVS_CARD), 30 * 365 * 24 * 3600
    let_time_pass(shop.application, long)
    expired = letters(shop.ask(card, {"security_code": "112"}).json())

    let_time_pass(shop.application, -long)

    assert expired == ("N", "N")
    assert letters(shop.ask(card, {"security_code": "112"}).json()) == ("N", "M")


@pytest.mark.parametrize(
    ("number", "at_home", "abroad", "kind", "currency", "country"),
    [
        (DOMESTIC, "FAST_FUNDS", "NON_FAST_FUNDS", "DEBIT", "USD", "USA"),
        ("4835070000000014", "FAST_FUNDS", "FAST_FUNDS", "DEBIT", "USD", "USA"),
        ("4000001000000109", "NOT_SUPPORTED", "NOT_SUPPORTED", "CREDIT", "USD", "USA"),
        ("4000001000000307", "FAST_FUNDS", "NON_FAST_FUNDS", "RELOADABLE_PREPAID", "USD", "USA"),
        ("4000001000000406", "NOT_SUPPORTED", "NOT_SUPPORTED", "NON_RELOADABLE_PREPAID", "USD", "USA"),
        ("4000001000000505", "NON_FAST_FUNDS", "NON_FAST_FUNDS", "CREDIT", "USD", "USA"),
        ("4000001000000604", "NON_FAST_FUNDS", "NON_FAST_FUNDS", "DEBIT", "GBP", "NON_USA"),
    ],
)
def test_details_say_what_the_card_can_receive(
    *, shop: Shop, number: str, at_home: str, abroad: str, kind: str, currency: str, country: str
) -> None:
    assert shop.ask(shop.card(number)).json()["payment_instrument_verification_details"] == {
        "push_to_card_domestic": at_home,
        "push_to_card_cross_border": abroad,
        "card_type": kind,
        "billing_currency": currency,
        "issuer_country": country,
    }


def test_card_type_that_is_known_is_not_told_over(shop: Shop) -> None:
    card = shop.card("4393420000002680")

    shop.ask(card)

    assert shop.shown(card)["card_type"] == "HSA_FSA"


def test_raw_is_for_everybody_who_sees_the_card(shop: Shop) -> None:
    made = shop.ask(shop.card()).json()
    merchant = ApiClient(make_merchant_login(shop.buyer))

    for client in (shop.partner, merchant, ApiClient(make_platform_login())):
        assert client.get(f"/verifications/{made['id']}").json() == made
        assert client.get(f"/payment_instruments/{made['payment_instrument']}/verifications").json()["_embedded"] == {
            "verifications": [made]
        }
    other = ApiClient(make_merchant_login(make_identity(shop.application)))
    assert other.get(f"/verifications/{made['id']}").status_code == 404
    assert other.get("/verifications").json()["_embedded"]["verifications"] == []
    assert merchant.post(f"/payment_instruments/{made['payment_instrument']}/verifications", {}).status_code == 403


@pytest.mark.parametrize("subject", ["payment_instrument", "instrument"])
def test_card_is_a_subject_beside_merchants(shop: Shop, subject: str) -> None:
    card = shop.card()

    made = shop.partner.post(
        "/verifications",
        {subject: card, "processor": "visa_v1", "tags": {"a": "b"}, "verify_payment_card": True, "country": "MEX"},
    )

    assert (made.status_code, made.json()["payment_instrument"], made.json()["tags"]) == (201, card, {"a": "b"})


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"processor": "DUMMY_V1"}, "processor"),
        ({"security_code": "12"}, "security_code"),
        ({"address": {"postal_code": "1"}}, "address.postal_code"),
        ({"country": "Mexico"}, "country"),
        ({"tags": 5}, "tags"),
    ],
)
def test_wrong_member_is_named(shop: Shop, body: dict[str, Any], field: str) -> None:
    card = shop.card()
    answers = [shop.ask(card, body), shop.partner.post("/verifications", {"instrument": card} | body)]

    assert [(answer.status_code, [error[0] for error in errors(answer)]) for answer in answers] == [(422, [field])] * 2
    with transaction(by=system()):
        assert not Verification.objects.exists()


def test_subject_is_named_once(shop: Shop) -> None:
    card, other = shop.card(), shop.card()
    merchant = "MUb37LGvcCV4sNdjyzuJZETx"

    answers = [
        shop.partner.post("/verifications", body)
        for body in (
            {"instrument": card, "merchant": merchant},
            {"instrument": card, "payment_instrument": other},
            {"instrument": "PIribJS8ojEP2Zvube3NkBVk"},
        )
    ]

    assert [errors(answer) for answer in answers] == [
        [("instrument", "Name either a merchant, an identity or a payment instrument")],
        [("instrument", "Says another thing than payment_instrument")],
        [("payment_instrument", "There is no such payment instrument.")],
    ]


def test_bank_account_and_missing_processor_are_refused(shop: Shop) -> None:
    account, card = make_bank_account(shop.buyer).public_id, shop.card()

    answer = shop.ask(account)
    assert (answer.status_code, errors(answer)) == (422, [(None, "Only a card can be verified.")])
    update_processor(processor=shop.visa, enabled=False, by=system(), at=shop.visa.created_at)
    answer = shop.ask(card)
    assert (answer.status_code, errors(answer)) == (
        422,
        [("processor", "VISA_V1 is not enabled for the application.")],
    )


def test_disabled_card_may_be_asked_about(shop: Shop) -> None:
    card = shop.card("4000000000000119")
    merchant = make_merchant(make_merchant_identity(shop.application), "DUMMY_V1")
    shop.partner.post("/transfers", {"merchant": merchant.public_id, "source": card, "amount": 100, "currency": "USD"})

    assert shop.shown(card)["enabled"] is False
    assert shop.ask(card).json()["state"] == "SUCCEEDED"


def test_key_asks_once(shop: Shop) -> None:
    card = shop.card()
    body = {"security_code": "112"}

    first = shop.ask(card, body, Idempotency_Key="one")
    again = shop.ask(card, body, Idempotency_Key="one")
    other = shop.ask(card, {}, Idempotency_Key="one")

    assert (first.json(), again["Idempotent-Replayed"]) == (again.json(), "true")
    assert other.json()["_embedded"]["errors"][0]["code"] == "IDEMPOTENCY_MISMATCH"
    with transaction(by=system()):
        assert Verification.objects.count() == 1


def test_question_that_was_not_carried_out_has_failed(shop: Shop) -> None:
    faults.arrange(application_id=shop.application.pk, kind=Fault.Kind.UNREACHABLE, operation="inquire_card")

    document = shop.ask(shop.card()).json()

    assert (document["state"], document["messages"]) == ("FAILED", ["The provider could not be reached."])
    assert document["raw"] is None
    assert "payment_instrument_verification_details" not in document


def test_lost_answer_is_looked_up(shop: Shop) -> None:
    card = shop.card(DOMESTIC)
    faults.arrange(application_id=shop.application.pk, kind=Fault.Kind.TIMEOUT_AFTER, operation="inquire_card")
    pending = shop.ask(card, {}, Idempotency_Key="one").json()
    repeated = shop.ask(card, {}, Idempotency_Key="one").json()
    faults.clear(shop.application.pk)
    assert (pending["state"], pending["raw"], repeated) == ("PENDING", None, pending)
    assert shop.shown(card)["fast_funds_indicator"] == "UNKNOWN"

    let_time_pass(shop.application, 0)

    decided = shop.partner.get(f"/verifications/{pending['id']}").json()
    assert (decided["state"], letters(decided)) == ("SUCCEEDED", ("I", "P"))
    assert shop.shown(card)["fast_funds_indicator"] == "D"
    assert shop.ask(card, {}, Idempotency_Key="one").json() == decided
    with transaction(by=system()):
        assert Attempt.objects.get(operation="inquiry").state == Attempt.State.ACCEPTED


def test_list_is_read_by_offset_in_every_version_and_the_slash_may_be_encoded(shop: Shop) -> None:
    card = shop.card()
    ids = [shop.ask(card).json()["id"] for _ in range(3)]
    path = f"/payment_instruments/{card}/verifications"

    listed = shop.partner.get(f"{path}?limit=2", Finix_Version="2022-02-01").json()
    encoded = Client(headers=shop.partner.headers).get(path.replace("/verifications", "%2Fverifications"))
    made = Client(headers=shop.partner.headers).post(
        path.replace("/verifications", "%2Fverifications"), "{}", content_type="application/json"
    )

    assert [row["id"] for row in listed["_embedded"]["verifications"]] == ids[:0:-1]
    assert listed["page"] == {"offset": 0, "limit": 2, "count": 3}
    assert (encoded.status_code, encoded.json()["page"]["count"], made.status_code) == (200, 3, 201)


def test_links_lead_both_ways(shop: Shop) -> None:
    card, account = shop.card(), make_bank_account(shop.buyer).public_id

    links = shop.ask(card).json()["_links"]
    of_card, of_account = shop.shown(card)["_links"], shop.shown(account)["_links"]

    assert set(links) == {"self", "application", "payment_instrument"}
    assert links["payment_instrument"]["href"].endswith(f"/payment_instruments/{card}")
    assert of_card["verifications"]["href"].endswith(f"/payment_instruments/{card}/verifications")
    assert of_card["updates"]["href"].endswith(f"/payment_instruments/{card}/updates")
    assert "verifications" in of_account
    assert "updates" not in of_account


def test_inquiry_leaves_two_histories(shop: Shop) -> None:
    card = shop.card()
    shop.ask(card)

    with transaction(by=system()):
        assert [event.kind for event in Event.objects.order_by("pk")][-3:] == [
            "verification.created",
            "payment_instrument.updated",
            "verification.updated",
        ]
        assert Audit.objects.order_by("-pk")[0].action == "verify_card"
        row = PaymentInstrument.objects.get(pk=PaymentInstrument.parse_id(card))
        assert (row.fast_funds_indicator, row.online_gambling_block_indicator) == ("D", "N")
