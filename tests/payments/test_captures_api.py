"""What becomes of a hold: captured whole or in part, voided, or released by time; and what a repeat is told."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from payments.models import Authorization, Transfer
from payments.services.expiry import release_expired
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass
from tests.payments.hold_shop import HoldShop, document, errors
from tests.payments.test_authorizations_api import AMOUNTS

pytestmark = pytest.mark.django_db

DAY = 24 * 60 * 60
CAPTURED = "The authorization was captured already."
VOID = "The authorization is void."
EXPIRED = "The authorization has expired, and its hold was released."


@pytest.fixture
def shop() -> HoldShop:
    return HoldShop()


def refusal(shop: HoldShop, held: dict[str, Any], **body: Any) -> tuple[int, str]:
    answer = shop.put(held, **body)
    return answer.status_code, errors(answer)[0]["message"]


def test_capture_answers_the_authorization_with_its_transfer(shop: HoldShop) -> None:
    held = shop.hold(fee=100, tags={"order": "7"})

    captured = shop.capture(held, 2500, fee="10")

    told = {"transfer": captured["transfer"], "capture_amount": 2500, "updated_at": captured["updated_at"]}
    link = {"transfer": {"href": f"http://testserver/transfers/{captured['transfer']}"}}
    assert captured == held | told | {"_links": held["_links"] | link}
    assert shop.now(held) == captured
    transfer = shop.transfer(captured["transfer"])
    assert {name: transfer[name] for name in ("type", "subtype", "state", "amount", "fee", "source", "tags")} == {
        "type": "DEBIT", "subtype": "API", "state": "SUCCEEDED", "amount": 2500, "fee": 10,
        "source": shop.card.public_id, "tags": {"order": "7"},
    }  # fmt: skip
    assert shop.postings(captured["transfer"]) == {
        "PROCESSOR_CLEARING": 2500, "MERCHANT_BALANCE": -2490, "PARTNER_FEES": -10,
    }  # fmt: skip
    assert shop.transfers() == [captured["transfer"]]


@pytest.mark.parametrize(("told", "fee"), [({}, 100), ({"fee": 0}, 0), ({"fee": 1}, 1)])
def test_part_is_taken_with_the_fee_of_the_hold_unless_one_is_told(
    shop: HoldShop, told: dict[str, int], fee: int
) -> None:
    held = shop.hold(fee=100)

    captured = shop.capture(held, 1000, **told)

    assert (captured["amount"], captured["capture_amount"], captured["fee"]) == (2500, 1000, 100)
    transfer = shop.transfer(captured["transfer"])
    assert (transfer["amount"], transfer["fee"]) == (1000, fee)
    assert shop.postings(transfer["id"])["PROCESSOR_CLEARING"] == 1000
    assert refusal(shop, held, capture_amount=1500) == (422, CAPTURED)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"capture_amount": 2501}, "capture_amount"), ({"capture_amount": 0}, "capture_amount"),
        ({"capture_amount": -1}, "capture_amount"), ({"capture_amount": 10.5}, "capture_amount"),
        ({"capture_amount": "all"}, "capture_amount"), ({"fee": 10}, "capture_amount"),
        ({"fee": 10, "capture_amount": None}, "capture_amount"), ({"capture_amount": 100, "fee": 101}, "fee"),
        ({"capture_amount": 100, "fee": -1}, "fee"), ({"capture_amount": 100, "void_me": True}, "void_me"),
        ({"fee": 100, "void_me": True}, "void_me"), ({"void_me": "true"}, "void_me"), ({"void_me": 1}, "void_me"),
        ({"capture_amount": 100, "tags": {}}, "tags"), ({"void_me": True, "tags": {"a": "b"}}, "tags"),
        ({"capture_amount": 1, "additional_purchase_data": {"customer_reference_number": "A", "sales_tax": 1}},
         "additional_purchase_data"),
        ({"capture_amount": 100, "split_transfers": [{"amount": 1}]}, "split_transfers"),
        ({"capture_amount": 100, "tip_amount": 5}, "tip_amount"), ({"device": "DVx", "void_me": True}, "device"),
        ({"tags": {"a": None}}, "tags.a"), ({"capture_amount": 1, "idempotency_id": ""}, "idempotency_id"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_changes(shop: HoldShop, body: dict[str, Any], field: str) -> None:
    held = shop.hold()

    answer = shop.put(held, **body)

    assert answer.status_code == 422
    assert [(error["code"], error["field"]) for error in errors(answer)] == [("INVALID_FIELD", field)]
    assert shop.now(held) == held
    assert shop.transfers() == []


@pytest.mark.parametrize(("amount", "code"), AMOUNTS.items())
def test_declined_capture_is_402_and_the_hold_is_free_again(shop: HoldShop, amount: int, code: str) -> None:
    held = shop.hold(amount=900_000)

    answer = shop.put(held, capture_amount=amount)

    (error,) = errors(answer)
    (public_id,) = shop.transfers()
    failed = shop.transfer(public_id)
    assert answer.status_code == 402
    assert error == {
        "code": "PAYMENT_DECLINED", "message": failed["failure_message"], "failure_code": code,
        "failure_message": failed["failure_message"], "transfer": public_id, "authorization": held["id"],
    }  # fmt: skip
    assert (failed["state"], failed["amount"], shop.postings(public_id)) == ("FAILED", amount, {})
    assert shop.now(held) == held | {"updated_at": shop.now(held)["updated_at"]}
    again = shop.capture(held, 900_000)
    assert (again["capture_amount"], shop.transfers()) == (900_000, [again["transfer"], public_id])


def test_capture_that_was_not_sent_is_402_and_no_decline(shop: HoldShop) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind="UNREACHABLE", operation="capture", times=2)

    answer = shop.put(held, capture_amount=2500)

    (error,) = errors(answer)
    assert (answer.status_code, error["code"]) == (402, "UPSTREAM_PROCESSOR_ERROR")
    assert (error["failure_code"], error["authorization"]) == ("PROVIDER_UNREACHABLE", held["id"])
    assert shop.transfer(error["transfer"])["state"] == "FAILED"
    assert shop.capture(held, 2500)["capture_amount"] == 2500


@pytest.mark.parametrize("kind", ["TIMEOUT_AFTER", "MALFORMED"])
def test_lost_answer_to_a_capture_keeps_it_reserved(shop: HoldShop, kind: str) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="capture", times=1)

    captured = shop.capture(held, 1000)
    before = shop.transfer(captured["transfer"])["state"]
    refused = [refusal(shop, held, capture_amount=1), refusal(shop, held, void_me=True)]
    let_time_pass(shop.application, 0)

    assert (captured["capture_amount"], before, refused) == (1000, "PENDING", [(422, CAPTURED)] * 2)
    assert shop.transfer(captured["transfer"])["state"] == "SUCCEEDED"
    assert shop.postings(captured["transfer"]) == {"PROCESSOR_CLEARING": 1000, "MERCHANT_BALANCE": -1000}


def test_capture_in_a_batch_is_pending_until_it_is_submitted() -> None:
    shop = HoldShop(card_sale_submission_method="batch")

    captured = shop.capture(shop.hold(), 2500)
    before = shop.transfer(captured["transfer"])["state"]
    let_time_pass(shop.application, 6)

    assert (before, shop.transfer(captured["transfer"])["state"]) == ("PENDING", "SUCCEEDED")
    assert shop.now(captured) == captured


# --- voids ------------------------------------------------------------------------------------------------------------


def test_void_is_pending_then_through_and_nothing_can_be_taken(shop: HoldShop) -> None:
    held = shop.hold()

    asked = shop.void(held)
    refused = [refusal(shop, held, capture_amount=1), refusal(shop, held, void_me=True)]
    let_time_pass(shop.application, 2)
    through = shop.now(held)

    assert asked == held | {"is_void": True, "void_state": "PENDING", "updated_at": asked["updated_at"]}
    assert through == asked | {"void_state": "SUCCEEDED", "updated_at": through["updated_at"]}
    assert [*refused, refusal(shop, held, capture_amount=1)] == [(422, VOID)] * 3
    assert shop.transfers() == []


def test_captured_one_cannot_be_voided(shop: HoldShop) -> None:
    captured = shop.capture(shop.hold(), 1000)

    assert refusal(shop, captured, void_me=True) == (422, CAPTURED)
    assert shop.now(captured) == captured


@pytest.mark.parametrize(
    ("kind", "failure_code", "code"),
    [
        ("REFUSED", "GENERIC_DECLINE", "DECLINED"),
        ("UNREACHABLE", "PROVIDER_UNREACHABLE", "UPSTREAM_PROCESSOR_ERROR"),
    ],
)
def test_void_that_does_not_come_about_is_402_and_it_is_held_still(
    shop: HoldShop, kind: str, failure_code: str, code: str
) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind=kind, operation="void", times=2)

    answer = shop.put(held, void_me=True)
    faults.clear(shop.application.pk)

    now = shop.now(held)
    (error,) = errors(answer)
    assert answer.status_code == 402
    assert error == {
        "code": code, "message": now["messages"][1], "failure_code": failure_code,
        "failure_message": now["messages"][1], "authorization": held["id"],
    }  # fmt: skip
    assert now == held | {
        "void_state": "FAILED", "messages": [failure_code, error["message"]], "updated_at": now["updated_at"],
    }  # fmt: skip
    again = shop.void(held)
    assert (again["is_void"], again["void_state"]) == (True, "PENDING")
    let_time_pass(shop.application, 2)
    assert shop.now(held)["void_state"] == "SUCCEEDED"


def test_refused_void_can_be_captured(shop: HoldShop) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind="REFUSED", operation="void", times=1)

    assert shop.put(held, void_me=True).status_code == 402
    assert shop.capture(held, 2500)["capture_amount"] == 2500


def test_lost_answer_to_a_void_is_pending_until_somebody_asks(shop: HoldShop) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="void", times=1)

    asked = shop.void(held)
    for _ in range(2):  # the first time the provider says that it is not through yet
        let_time_pass(shop.application, 2)

    assert (asked["is_void"], asked["void_state"]) == (True, "PENDING")
    assert shop.now(held)["void_state"] == "SUCCEEDED"


# --- time -------------------------------------------------------------------------------------------------------------


def test_hold_is_released_after_seven_days_of_business_time(shop: HoldShop) -> None:
    held, captured = shop.hold(), shop.hold()
    let_time_pass(shop.application, 7 * DAY - 60)
    assert release_expired(by=system("test"), at=timezone.now()) == 0
    captured = shop.capture(captured, 2500)

    let_time_pass(shop.application, 120)
    late = [refusal(shop, held, capture_amount=1), refusal(shop, held, void_me=True)]
    released = release_expired(by=system("test"), at=timezone.now())

    assert released == 1
    assert release_expired(by=system("test"), at=timezone.now()) == 0
    with transaction(by=shop.login.actor):
        row = Authorization.objects.get(pk=Authorization.parse_id(held["id"]))
    assert row.released_at == row.expires_at == row.created_at + timedelta(days=7)
    assert [*late, refusal(shop, held, capture_amount=1)] == [(422, EXPIRED)] * 3
    assert shop.now(held) == held | {"updated_at": held["expires_at"]}
    assert shop.history(held)[-1][0] == "authorization.updated"
    assert shop.now(captured) == captured


# --- repeats ----------------------------------------------------------------------------------------------------------


def test_repeated_hold_is_the_first_one(shop: HoldShop) -> None:
    first, again = (shop.post(idempotency_id="K") for _ in range(2))
    other = shop.post(idempotency_id="K", amount=2501)
    shop.capture(first.json(), 2500)

    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (201, "true", first.content)
    assert (other.status_code, errors(other)[0]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert shop.post(idempotency_id="K").content == first.content
    assert shop.listed("?idempotency_id=K") == [first.json()["id"]]


def test_repeated_decline_is_the_first_one(shop: HoldShop) -> None:
    first, again = (shop.post(idempotency_id="K", amount=193) for _ in range(2))

    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (402, "true", first.content)
    assert len(shop.listed()) == 1


def test_repeat_of_an_unknown_hold_shows_it_as_it_is(shop: HoldShop) -> None:
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="authorise", times=1)

    answers = [shop.post(idempotency_id="K") for _ in range(2)]
    let_time_pass(shop.application, 0)
    answers.append(shop.post(idempotency_id="K"))

    assert [answer.json()["state"] for answer in answers] == ["PENDING", "PENDING", "SUCCEEDED"]
    assert [answer.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert len(shop.listed()) == 1


def test_key_of_a_transfer_and_of_an_authorization_are_two_keys(shop: HoldShop) -> None:
    held = shop.hold(idempotency_id="K")
    sale = shop.partner.post("/transfers", shop.body(idempotency_id="K"))

    assert (sale.status_code, sale.json()["idempotency_id"], held["idempotency_id"]) == (201, "K", "K")


@pytest.mark.parametrize("carrier", ["idempotency_id", "Idempotency-Key"])
def test_repeated_capture_takes_once(shop: HoldShop, carrier: str) -> None:
    held = shop.hold()
    path, body = f"/authorizations/{held['id']}", {"capture_amount": 1000, "fee": 10}

    def capture(**changes: Any) -> Any:
        if carrier == "idempotency_id":
            return shop.partner.put(path, body | {"idempotency_id": "K"} | changes)
        return shop.partner.put(path, body | changes, Idempotency_Key="K")

    first, again, other = capture(), capture(), capture(capture_amount=1001)

    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (200, "true", first.content)
    assert first.json()["capture_amount"] == 1000
    assert (other.status_code, errors(other)[0]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert shop.transfers() == [first.json()["transfer"]]


def test_key_of_a_capture_belongs_to_its_authorization(shop: HoldShop) -> None:
    one, other = shop.hold(), shop.hold()
    shop.capture(one, 1000, idempotency_id="K")

    answer = shop.put(other, capture_amount=1000, idempotency_id="K")

    assert (answer.status_code, errors(answer)[0]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert shop.now(other) == other


def test_repeated_decline_of_a_capture_is_the_first_one_even_after_another(shop: HoldShop) -> None:
    held = shop.hold()
    first = shop.put(held, capture_amount=193, idempotency_id="K")
    captured = shop.capture(held, 2500, idempotency_id="L")

    again = shop.put(held, capture_amount=193, idempotency_id="K")

    assert (again.status_code, again["Idempotent-Replayed"], again.content) == (402, "true", first.content)
    assert shop.transfers() == [captured["transfer"], errors(first)[0]["transfer"]]


def test_repeat_of_an_unknown_capture_tells_how_it_ended(shop: HoldShop) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind="TIMEOUT_AFTER", operation="capture", times=1)

    first, early = (shop.put(held, capture_amount=193, idempotency_id="K") for _ in range(2))
    let_time_pass(shop.application, 0)
    late = [shop.put(held, capture_amount=193, idempotency_id="K") for _ in range(2)]

    assert [answer.status_code for answer in (first, early, *late)] == [200, 200, 402, 402]
    assert early.content == first.content
    assert late[0].content == late[1].content
    (error,) = errors(late[0])
    assert (error["transfer"], error["failure_code"]) == (first.json()["transfer"], "INSUFFICIENT_FUNDS")
    assert shop.now(held)["transfer"] is None


def test_repeated_void_shows_it_as_it_is(shop: HoldShop) -> None:
    held = shop.hold()

    answers = [shop.put(held, void_me=True, idempotency_id="K") for _ in range(2)]
    let_time_pass(shop.application, 2)
    answers.append(shop.put(held, void_me=True, idempotency_id="K"))

    assert [(answer.status_code, answer.json()["void_state"]) for answer in answers] == [
        (200, "PENDING"), (200, "PENDING"), (200, "SUCCEEDED"),
    ]  # fmt: skip
    assert [answer.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]


def test_repeated_refusal_of_a_void_is_the_first_one(shop: HoldShop) -> None:
    held = shop.hold()
    faults.arrange(application_id=shop.application.pk, kind="REFUSED", operation="void", times=1)

    first, again = (shop.put(held, void_me=True, idempotency_id="K") for _ in range(2))

    assert (first.status_code, again.status_code, again.content) == (402, 402, first.content)
    assert shop.now(held)["void_state"] == "FAILED"


def test_repeat_is_refused_where_the_application_wants_that_and_names_what_was_made(shop: HoldShop) -> None:
    path = f"/applications/{shop.application.public_id}"
    document(shop.admin.put(path, {"idempotency_mode": "EXCEPTION"}))
    captured = shop.capture(shop.hold(idempotency_id="K"), 1000, idempotency_id="K")

    answers = [shop.post(idempotency_id="K"), shop.put(captured, capture_amount=1000, idempotency_id="K")]

    assert [(answer.status_code, errors(answer)[0]["message"]) for answer in answers] == [
        (422, f"This idempotency key was used before, for {public_id}.")
        for public_id in (captured["id"], captured["transfer"])
    ]


def test_tags_under_a_key_are_written_once(shop: HoldShop) -> None:
    held = shop.hold()
    first = shop.put(held, tags={"a": "1"}, idempotency_id="K")
    shop.put(held, tags={"a": "2"})

    again = shop.put(held, tags={"a": "1"}, idempotency_id="K")

    assert (again.status_code, again.content) == (200, first.content)
    assert shop.now(held)["tags"] == {"a": "2"}


def test_what_a_capture_made_is_one_transfer_of_the_authorization(shop: HoldShop) -> None:
    captured = shop.capture(shop.hold(), 1000)

    with transaction(by=shop.login.actor):
        transfer = Transfer.objects.get()
    assert (transfer.public_id, transfer.authorization_id) == (
        captured["transfer"], Authorization.parse_id(captured["id"]),
    )  # fmt: skip
    assert shop.listed(f"?id={captured['transfer']}") == [captured["id"]]
