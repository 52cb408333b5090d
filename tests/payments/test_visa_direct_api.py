"""Money to and from cards in the API: the documented cards, whose merchant it is, what is refused, repeats, ledger."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.http import HttpResponse

from onboarding.models import PaymentInstrument
from payments.models import LedgerAccount
from payments.services.check import check_ledger
from providers import failures
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_merchant, make_processor
from tests.payments.api_shop import Shop, errors
from tests.payments.card_data import PURCHASE, proof

pytestmark = pytest.mark.django_db

CONTRACT = Path(__file__).resolve().parents[1] / "contract"
CARDS = json.loads((CONTRACT / "test_data.json").read_text())["push_to_card_cards"]
MESSAGES = {
    row["code"]: row["message"]
    for row in json.loads((CONTRACT / "errors.json").read_text())["finix_push_to_card_messages"]
}
NO_PUSH = "4000001000000109"
KEYS = {"destination": "PUSH_TO_CARD", "source": "PULL_FROM_CARD"}
ways = pytest.mark.parametrize("side", KEYS)


class Wallet(Shop):
    """The buyer is a merchant at VISA_V1 as well, so that money may go to the buyer's cards and come from them."""

    def __init__(self, name: str = "Acme") -> None:
        super().__init__(name)
        make_processor(self.application, Processor.Name.VISA_V1)
        self.recipient = make_merchant(self.buyer, "VISA_V1")

    def ask(self, side: str, card: PaymentInstrument | None = None, **members: Any) -> HttpResponse:
        """A push or a pull, as the guides ask for it."""
        body = {side: (card or self.card).public_id, "amount": 1510, "currency": "USD"} | members
        if side == "source":
            body = {"operation_key": "PULL_FROM_CARD"} | body
        return self.partner.post("/transfers", body)

    def done(self, side: str, card: PaymentInstrument | None = None, **members: Any) -> dict[str, Any]:
        answer = self.ask(side, card, **members)
        assert answer.status_code == 201, answer.content
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture
def wallet() -> Wallet:
    return Wallet()


@ways
def test_answer_is_the_whole_transfer(wallet: Wallet, side: str) -> None:
    document = wallet.done(side, tags={"order_number": "21DFASJSAKAS"})

    other = {"source": "destination", "destination": "source"}[side]
    told = {
        "amount": 1510, "currency": "USD", "fee": 0, "state": "SUCCEEDED", "subtype": "API", "messages": [],
        "merchant": wallet.recipient.public_id, "merchant_identity": wallet.buyer.public_id,
        "type": {"source": "DEBIT", "destination": "CREDIT"}[side], "operation_key": KEYS[side],
        side: wallet.card.public_id, other: None, "parent_transfer": None, "parent_transfer_trace_id": None,
        "ready_to_settle_at": None, "statement_descriptor": None, "tags": {"order_number": "21DFASJSAKAS"},
    }  # fmt: skip
    assert {name: document[name] for name in told} == told
    assert wallet.again(document) == document
    assert document["_links"][side]["href"].endswith(f"/payment_instruments/{wallet.card.public_id}")
    assert other not in document["_links"]
    below = wallet.partner.get(f"/transfers/{document['id']}/payment_instruments").json()["_embedded"]
    assert [row["id"] for row in below["payment_instruments"]] == [wallet.card.public_id]


@ways
@pytest.mark.parametrize("row", CARDS, ids=lambda row: row["number"])
def test_documented_card(wallet: Wallet, row: dict[str, Any], side: str) -> None:
    card = make_card(wallet.buyer, number=row["number"])

    answer = wallet.ask(side, card)

    if row["success"]:
        assert (answer.status_code, answer.json()["state"]) == (201, "SUCCEEDED")
        return
    (error,) = errors(answer)
    failed = wallet.partner.get(f"/transfers/{error['transfer']}").json()
    code, sentence = failures.normalise(row["code"])
    assert (answer.status_code, error["code"]) == (402, "PAYMENT_DECLINED")
    assert (error["failure_code"], error["failure_message"]) == (code, sentence)
    assert (failed["state"], failed["failure_code"], failed["operation_key"]) == ("FAILED", code, KEYS[side])
    assert failed["messages"] == [row["code"], MESSAGES[row["matching_message_code"]]]
    with transaction(by=wallet.login.actor):
        assert PaymentInstrument.objects.get(pk=card.pk).enabled is (code not in failures.DISABLING)


@pytest.mark.parametrize("row", [row for row in CARDS if not row["success"]], ids=lambda row: row["number"])
def test_card_that_takes_no_push_still_pays(wallet: Wallet, row: dict[str, Any]) -> None:
    card = make_card(wallet.buyer, number=row["number"])

    assert wallet.sale(source=card.public_id)["state"] == "SUCCEEDED"


def test_card_that_is_blocked_for_pushes_is_pulled_from(wallet: Wallet) -> None:
    card = make_card(wallet.buyer, number=NO_PUSH)

    (error,) = errors(wallet.ask("destination", card))

    assert error["failure_code"] == "TRANSACTION_NOT_PERMITTED"
    assert wallet.done("source", card)["state"] == "SUCCEEDED"


@ways
@pytest.mark.parametrize(("amount", "code"), [(102, "GENERIC_DECLINE"), (193, "INSUFFICIENT_FUNDS")])
def test_documented_amounts_fail_here_too(wallet: Wallet, side: str, amount: int, code: str) -> None:
    answer = wallet.ask(side, amount=amount)

    assert (answer.status_code, errors(answer)[0]["failure_code"]) == (402, code)


@ways
def test_money_is_the_operators_and_no_merchants(wallet: Wallet, side: str) -> None:
    document = wallet.done(side)

    sign = 1 if side == "source" else -1
    assert wallet.postings(document) == {"PROCESSOR_CLEARING": sign * 1510, "OPERATING_FUNDS": sign * -1510}
    assert check_ledger(by=system()).broken == ()
    with transaction(by=wallet.login.actor):
        kinds = set(LedgerAccount.objects.filter(merchant=wallet.recipient).values_list("kind", flat=True))
    assert kinds == {"PROCESSOR_CLEARING", "OPERATING_FUNDS"}


@ways
@pytest.mark.parametrize("named", ["operation_key", "merchant", "merchant_identity", "processor", "country", "fee"])
def test_what_may_be_named_and_need_not(wallet: Wallet, side: str, named: str) -> None:
    members = {
        "operation_key": KEYS[side].lower(), "merchant": wallet.recipient.public_id,
        "merchant_identity": wallet.buyer.public_id, "processor": "visa_v1", "country": "USA", "fee": 0,
    }  # fmt: skip

    document = wallet.done(side, **{named: members[named]})

    assert (document["merchant"], document["operation_key"]) == (wallet.recipient.public_id, KEYS[side])


@pytest.mark.parametrize("key", ["SALE", "sale", None])
def test_sale_may_be_named_as_such(wallet: Wallet, key: str | None) -> None:
    document = wallet.sale(operation_key=key)

    assert (document["type"], document["operation_key"]) == ("DEBIT", None)


@pytest.mark.parametrize(
    ("side", "members", "fields"),
    [
        ("destination", {"fee": 1}, ["fee"]), ("source", {"fee": 1}, ["fee"]),
        ("destination", {"statement_descriptor": "BOBS"}, ["statement_descriptor"]),
        ("source", {"security_code": "112"}, ["security_code"]),
        ("source", proof(), ["3d_secure_authentication"]), ("destination", proof(), ["3d_secure_authentication"]),
        ("source", {"additional_purchase_data": PURCHASE}, ["additional_purchase_data"]),
        ("destination", {"additional_purchase_data": PURCHASE}, ["additional_purchase_data"]),
        ("destination", {"operation_key": "PULL_FROM_CARD"}, ["operation_key"]),
        ("destination", {"operation_key": "SALE"}, ["operation_key"]),
        ("source", {"operation_key": "PUSH_TO_CARD"}, ["destination"]),
        ("destination", {"source": "PIqf952xmeuiF179wdMiPXrW"}, ["destination"]),
        ("destination", {"processor": "DUMMY_V1"}, ["processor"]),
        ("destination", {"destination": "PIqf952xmeuiF179wdMiPXrW"}, ["destination"]),
        ("source", {"source": "PIqf952xmeuiF179wdMiPXrW"}, ["source"]), ("source", {"source": None}, ["source"]),
        ("destination", {"amount": 0, "fee": 1}, ["amount", "fee"]), ("destination", {"currency": "EUR"}, ["currency"]),
        ("destination", {"merchant": "MUmMpVqaad7Va1YQR2soR3tq"}, ["merchant"]),
        ("destination", {"merchant_identity": "IDpHEprvRCz6Sp4BGTEgsyKk"}, ["merchant_identity"]),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_is_kept(
    wallet: Wallet, side: str, members: dict[str, Any], fields: list[str]
) -> None:
    answer = wallet.ask(side, **members)

    assert answer.status_code == 422
    assert sorted(error["field"] for error in errors(answer)) == fields
    assert wallet.listed() == []


@ways
def test_needs_a_merchant_at_visa(wallet: Wallet, side: str) -> None:
    answer = wallet.ask(side, merchant=wallet.merchant.public_id)

    assert [(error["field"], answer.status_code) for error in errors(answer)] == [("merchant", 422)]


@ways
def test_owner_without_a_merchant_at_visa_is_told(wallet: Wallet, side: str) -> None:
    stranger = make_card(make_identity(wallet.application))

    unknown = wallet.ask(side, stranger)
    named = wallet.done(side, stranger, merchant=wallet.recipient.public_id)

    assert [(error["field"], error["message"]) for error in errors(unknown)] == [
        (side, "Its owner has no merchant at VISA_V1 yet")
    ]
    assert (named["state"], named["merchant_identity"]) == ("SUCCEEDED", wallet.buyer.public_id)


@ways
def test_owner_with_two_merchants_has_to_name_one(wallet: Wallet, side: str) -> None:
    second = make_merchant(wallet.buyer, "VISA_V1")

    (error,) = errors(wallet.ask(side))

    assert error["field"] == "merchant"
    assert {wallet.recipient.public_id, second.public_id} <= set(error["message"].split("`"))
    assert wallet.done(side, merchant=second.public_id)["merchant"] == second.public_id


@ways
def test_bank_account_is_neither_pushed_to_nor_pulled_from(wallet: Wallet, side: str) -> None:
    (error,) = errors(wallet.ask(side, make_bank_account(wallet.buyer)))

    assert (error["field"], error["message"].endswith("needs a payment card")) == (side, True)


@ways
def test_foreign_card_is_as_absent(wallet: Wallet, side: str) -> None:
    foreign = Wallet("Other")

    answer = wallet.ask(side, foreign.card)

    assert [(error["field"], error["message"]) for error in errors(answer)] == [
        (side, f"`{foreign.card.public_id}` was not found")
    ]
    assert foreign.listed() == wallet.listed() == []


@ways
def test_switched_off_takes_and_gives_nothing(wallet: Wallet, side: str) -> None:
    wallet.admin.put(f"/merchants/{wallet.recipient.public_id}", {"processing_enabled": False})

    answer = wallet.ask(side)

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "Processing is switched off for the merchant.")


@ways
def test_platform_pushes_and_pulls_for_a_partner(wallet: Wallet, side: str) -> None:
    wallet.partner = wallet.admin

    assert wallet.done(side)["application"] == wallet.application.public_id


@ways
def test_repeat_is_the_first_one(wallet: Wallet, side: str) -> None:
    first, again = (wallet.done(side, idempotency_id="one") for _ in range(2))
    other = wallet.ask({"source": "destination", "destination": "source"}[side], idempotency_id="one")

    assert again == first
    assert (other.status_code, errors(other)[0]["code"]) == (422, "IDEMPOTENCY_MISMATCH")
    assert wallet.listed() == [first["id"]]


@ways
def test_repeated_decline_is_the_first_one(wallet: Wallet, side: str) -> None:
    first, again = (wallet.ask(side, amount=102, idempotency_id="one") for _ in range(2))

    assert (first.status_code, again.status_code, again.json()) == (402, 402, first.json())
    assert len(wallet.listed()) == 1


@pytest.mark.parametrize(("side", "operation"), [("destination", "push"), ("source", "pull")])
def test_lost_answer_is_pending_until_somebody_asks(wallet: Wallet, side: str, operation: str) -> None:
    faults.arrange(application_id=wallet.application.pk, kind="TIMEOUT_AFTER", operation=operation, times=1)

    document = wallet.done(side)
    let_time_pass(wallet.application, 0)

    assert (document["state"], wallet.again(document)["state"]) == ("PENDING", "SUCCEEDED")
    assert len(wallet.postings(document)) == 2


def test_lists_and_filters_tell_them_apart(wallet: Wallet) -> None:
    sale, push, pull = wallet.sale(), wallet.done("destination"), wallet.done("source")

    assert wallet.listed("?type=CREDIT") == wallet.listed("?type=credits") == [push["id"]]
    assert wallet.listed("?type=DEBITS&instrument_bin=489514") == [pull["id"], sale["id"]]
    assert wallet.listed(f"?merchant_id={wallet.recipient.public_id}&type=DEBIT") == [pull["id"]]
    assert wallet.listed(f"?instrument_fingerprint={wallet.card.fingerprint}&amount=1510") == [pull["id"], push["id"]]
    below = wallet.partner.get(f"/payment_instruments/{wallet.card.public_id}/transfers").json()["_embedded"]
    assert [row["id"] for row in below["transfers"]] == [pull["id"], push["id"], sale["id"]]
