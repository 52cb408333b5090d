"""Refunds of the API: parts and the whole of a sale, what cannot be given back, declines, unknown outcomes, repeats."""

from typing import Any

import pytest

from events.models import Event
from payments.models import Transfer
from providers.sandbox import faults
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity, make_merchant_login
from tests.factories.payments import let_time_pass, make_card, make_merchant, make_processor
from tests.payments.api_shop import Shop, errors

pytestmark = pytest.mark.django_db

REFUND_FAILS = "4000000000000135"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_reversal_answers_the_whole_transfer(shop: Shop) -> None:
    sale = shop.sale(fee=100, statement_descriptor="BOBS*7")

    document = shop.refunded(sale, 700, tags={"why": "scratched"}, idempotency_id="one")

    told = {
        "amount": 700, "amount_requested": 700, "application": shop.application.public_id, "currency": "USD",
        "destination": shop.card.public_id, "failure_code": None, "failure_message": None, "fee": 0,
        "idempotency_id": "one", "merchant": shop.merchant.public_id, "merchant_identity": shop.identity.public_id,
        "messages": [], "operation_key": None, "parent_transfer": sale["id"],
        "parent_transfer_trace_id": sale["trace_id"], "source": None, "state": "SUCCEEDED",
        "statement_descriptor": "BOBS*7", "subtype": "API", "tags": {"why": "scratched"}, "type": "REVERSAL",
    }  # fmt: skip
    assert {name: document[name] for name in told} == told
    assert document.keys() == sale.keys()
    assert document["trace_id"] not in {None, sale["trace_id"]}
    assert shop.again(document) == document
    assert shop.postings(document) == {"MERCHANT_BALANCE": 700, "PROCESSOR_CLEARING": -700}


def test_links_lead_to_what_is_given_back_and_to_whom(shop: Shop) -> None:
    sale = shop.sale()
    document = shop.refunded(sale, 700)

    links = {rel: link["href"].removeprefix("http://testserver") for rel, link in document["_links"].items()}

    assert links == {
        "self": f"/transfers/{document['id']}",
        "application": f"/applications/{shop.application.public_id}",
        "merchant_identity": f"/identities/{shop.identity.public_id}",
        "merchant": f"/merchants/{shop.merchant.public_id}",
        "payment_instruments": f"/transfers/{document['id']}/payment_instruments",
        "reversals": f"/transfers/{document['id']}/reversals",
        "destination": f"/payment_instruments/{shop.card.public_id}",
        "parent": f"/transfers/{sale['id']}",
    }
    assert {shop.partner.get(path).status_code for path in links.values()} == {200}
    given = shop.partner.get(links["payment_instruments"]).json()["_embedded"]["payment_instruments"]
    assert [row["id"] for row in given] == [shop.card.public_id]
    assert "parent" not in sale["_links"]


def test_parts_add_up_to_the_sale_and_not_beyond(shop: Shop) -> None:
    sale = shop.sale(fee=100)

    shop.refunded(sale, 700)
    too_much = shop.refund(sale, 1801)
    shop.refunded(sale, 1800)
    nothing_left = shop.refund(sale, 1)

    assert [(error["code"], error["field"], error["message"]) for error in errors(too_much)] == [
        ("UNPROCESSABLE_ENTITY", "refund_amount", "At most 1800 of it can still be refunded")
    ]
    assert [(error["code"], error["message"]) for error in errors(nothing_left)] == [
        ("UNPROCESSABLE_ENTITY", "All of it was refunded, or is being refunded.")
    ]
    assert (too_much.status_code, nothing_left.status_code) == (422, 422)
    assert [row["amount"] for row in shop.reversals(sale)] == [1800, 700]
    assert shop.balances() == {"PROCESSOR_CLEARING": 0, "MERCHANT_BALANCE": 100, "PARTNER_FEES": -100}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "refund_amount"), ({"refund_amount": 0}, "refund_amount"), ({"refund_amount": -1}, "refund_amount"),
        ({"refund_amount": 10.5}, "refund_amount"), ({"refund_amount": None}, "refund_amount"),
        ({"refund_amount": "all"}, "refund_amount"), ({"refund_amount": 1, "tip_amount": 1}, "tip_amount"),
        ({"refund_amount": 1, "tags": {"a": None}}, "tags.a"), ({"refund_amount": 1, "device": "DVx"}, "device"),
        ({"refund_amount": 1, "operation_key": "CARD_PRESENT_UNREFERENCED_REFUND"}, "operation_key"),
        ({"refund_amount": 1, "idempotency_id": "x" * 256}, "idempotency_id"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_is_kept(shop: Shop, body: dict[str, Any], field: str) -> None:
    sale = shop.sale()

    answer = shop.partner.post(f"/transfers/{sale['id']}/reversals", body)

    assert answer.status_code == 422
    assert [(error["code"], error["field"]) for error in errors(answer)] == [("INVALID_FIELD", field)]
    assert shop.listed() == [sale["id"]]


def test_sale_that_took_no_money_is_not_refunded(shop: Shop) -> None:
    _, failed = shop.declined(amount=102)

    answer = shop.refund(failed, 100)

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "The charge took no money.")


def test_sale_that_is_not_through_is_not_refunded() -> None:
    shop = Shop(card_sale_submission_method="batch")
    sale = shop.sale()

    early = shop.refund(sale, 100)
    shop.let_time_pass(6)

    assert (early.status_code, errors(early)[0]["message"]) == (422, "The charge has not succeeded yet.")
    assert shop.refunded(sale, 100)["state"] == "SUCCEEDED"


def test_reversal_is_not_reversed(shop: Shop) -> None:
    answer = shop.refund(shop.refunded(shop.sale(), 700), 700)

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "Only a charge can be refunded.")


def test_switched_off_merchant_still_gives_back(shop: Shop) -> None:
    sale = shop.sale()
    shop.admin.put(f"/merchants/{shop.merchant.public_id}", {"processing_enabled": False})

    assert shop.refunded(sale, 700)["state"] == "SUCCEEDED"


def test_decline_is_402_with_the_reversals_id_and_frees_its_part(shop: Shop) -> None:
    card = make_card(shop.buyer, number=REFUND_FAILS)
    sale = shop.sale(source=card.public_id)

    answer = shop.refund(sale, 2500)

    (error,) = errors(answer)
    failed = shop.partner.get(f"/transfers/{error['transfer']}").json()
    assert (answer.status_code, error["code"], error["failure_code"]) == (402, "PAYMENT_DECLINED", "GENERIC_DECLINE")
    assert error["_links"]["source"]["href"] == f"http://testserver/transfers/{sale['id']}/reversals"
    assert (failed["state"], failed["type"], failed["parent_transfer"]) == ("FAILED", "REVERSAL", sale["id"])
    assert shop.postings(failed) == {}
    assert shop.refund(sale, 2500).status_code == 402  # its part is free again
    assert [row["state"] for row in shop.reversals(sale)] == ["FAILED", "FAILED"]


def test_provider_that_cannot_be_reached_is_402_and_no_decline(shop: Shop) -> None:
    sale = shop.sale()
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="refund", times=2)

    (error,) = errors(shop.refund(sale, 2500))

    assert (error["code"], error["failure_code"]) == ("UPSTREAM_PROCESSOR_ERROR", "PROVIDER_UNREACHABLE")
    assert shop.refunded(sale, 2500)["state"] == "SUCCEEDED"


@pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "ERROR_AFTER", "MALFORMED"])
def test_lost_answer_is_pending_and_holds_its_part_until_somebody_asks(shop: Shop, kind: str) -> None:
    sale = shop.sale()
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="refund", times=1)

    document = shop.refunded(sale, 2000, idempotency_id="one")
    meanwhile = shop.refund(sale, 501)
    let_time_pass(shop.application, 0)
    repeated = shop.refund(sale, 2000, idempotency_id="one")

    assert (document["state"], document["parent_transfer_trace_id"]) == ("PENDING", sale["trace_id"])
    assert [error["message"] for error in errors(meanwhile)] == ["At most 500 of it can still be refunded"]
    assert shop.again(document)["state"] == "SUCCEEDED"
    assert (repeated.status_code, repeated.json()) == (201, shop.again(document))
    assert shop.balances()["MERCHANT_BALANCE"] == 2000 - 2500


@pytest.mark.parametrize("by_header", [True, False])
def test_repeat_is_told_the_same_also_once_nothing_is_left(shop: Shop, *, by_header: bool) -> None:
    sale = shop.sale()
    path, body = f"/transfers/{sale['id']}/reversals", {"refund_amount": 2500}
    key = {"Idempotency_Key": "one"} if by_header else {}
    body |= {} if by_header else {"idempotency_id": "one"}

    first, again = (shop.partner.post(path, body, **key) for _ in range(2))

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert (again["Idempotent-Replayed"], first.json()["idempotency_id"]) == ("true", "one")
    assert len(shop.reversals(sale)) == 1


def test_repeated_decline_is_the_first_one(shop: Shop) -> None:
    sale = shop.sale(source=make_card(shop.buyer, number=REFUND_FAILS).public_id)

    first, again = (shop.refund(sale, 100, idempotency_id="one") for _ in range(2))

    assert (first.status_code, again.status_code, again.json()) == (402, 402, first.json())
    assert len(shop.reversals(sale)) == 1


def test_key_holds_for_one_sale_and_amount_and_not_for_sales(shop: Shop) -> None:
    sale, other = shop.sale(idempotency_id="one"), shop.sale()
    shop.refunded(sale, 700, idempotency_id="one")

    for answer in (shop.refund(sale, 701, idempotency_id="one"), shop.refund(other, 700, idempotency_id="one")):
        assert (answer.status_code, errors(answer)[0]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert (len(shop.reversals(sale)), shop.reversals(other)) == (1, [])


def test_lists_of_reversals_and_of_what_is_below_them(shop: Shop) -> None:
    sale, other = shop.sale(), shop.sale()
    first, second = shop.refunded(sale, 100), shop.refunded(sale, 200)
    third = shop.refunded(other, 300)

    def listed(path: str) -> list[str]:
        return [row["id"] for row in shop.partner.get(path).json()["_embedded"]["transfers"]]

    assert shop.reversals(sale) == [second, first]
    assert listed(f"/transfers/{sale['id']}/reversals?amount.gt=100") == [second["id"]]
    assert listed(f"/transfers/{first['id']}/reversals") == []
    assert listed(f"/applications/{shop.application.public_id}/reversals") == [third["id"], second["id"], first["id"]]
    assert listed("/transfers?type=refunds&amount.lte=200") == [second["id"], first["id"]]
    everything = [third["id"], second["id"], first["id"], other["id"], sale["id"]]
    assert listed(f"/payment_instruments/{shop.card.public_id}/transfers") == everything
    assert listed(f"/identities/{shop.identity.public_id}/transfers?type=DEBIT") == [other["id"], sale["id"]]


def test_merchants_login_sees_its_reversals_and_makes_none(shop: Shop) -> None:
    sibling = make_merchant(make_merchant_identity(shop.application))
    own, theirs = shop.sale(), shop.sale(merchant=sibling.public_id)
    given, hidden = shop.refunded(own, 100), shop.refunded(theirs, 100)
    client = ApiClient(make_merchant_login(shop.identity))

    seen = client.get(f"/transfers/{own['id']}/reversals").json()["_embedded"]["transfers"]

    assert seen == [given]
    assert client.get(f"/transfers/{theirs['id']}/reversals").status_code == 404
    assert client.get(f"/transfers/{hidden['id']}").status_code == 404
    assert client.post(f"/transfers/{own['id']}/reversals", {"refund_amount": 1}).status_code == 403


def test_foreign_sale_is_as_absent(shop: Shop) -> None:
    foreign = Shop("Other")
    theirs = foreign.sale()

    for public_id in (theirs["id"], "TRgdKwVqSZMHDPo8PJ1XLZ4s"):
        assert shop.partner.get(f"/transfers/{public_id}/reversals").status_code == 404
        assert shop.partner.post(f"/transfers/{public_id}/reversals", {"refund_amount": 1}).status_code == 404
    assert foreign.reversals(theirs) == []


def test_tags_of_a_reversal_are_replaced(shop: Shop) -> None:
    document = shop.refunded(shop.sale(), 100)

    answer = shop.partner.put(f"/transfers/{document['id']}", {"tags": {"seen": "yes"}})

    assert (answer.status_code, answer.json()["tags"]) == (200, {"seen": "yes"})
    assert answer.json()["parent_transfer_trace_id"] == document["parent_transfer_trace_id"]
    assert shop.again(document) == answer.json()


def test_history_tells_creation_and_verdict(shop: Shop) -> None:
    document = shop.refunded(shop.sale(), 100)

    with transaction(by=shop.login.actor):
        events = Event.objects.filter(resource_id=Transfer.parse_id(document["id"])).order_by("sequence")
        told = [(event.kind, event.changes.get("state")) for event in events]
    assert told == [("transfer.created", None), ("transfer.updated", ["PENDING", "SUCCEEDED"])]


def test_pull_goes_back_by_a_push(shop: Shop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    make_merchant(shop.buyer, "VISA_V1")
    pull = shop.sale(merchant=..., operation_key="PULL_FROM_CARD")

    answer = shop.refund(pull, 100)

    assert (answer.status_code, errors(answer)[0]["message"]) == (
        422, "Money that was pulled from a card goes back by a push to it.",
    )  # fmt: skip
