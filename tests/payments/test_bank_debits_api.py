"""Debits of bank accounts in the API: batches, readiness, returns of every kind, refunds around them, the ledger."""

from typing import Any

import pytest

from payments.models import Transfer, TransferBatch
from providers.sandbox.scenarios import PACE
from resources.timestamps import format_moment
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account, make_card, make_merchant
from tests.payments.api_shop import Shop, errors

pytestmark = pytest.mark.django_db

RETURNS = {
    "123120006": ("R01", "There is not enough money on the account."),
    "123120007": ("R02", "The bank account is closed."),
    "123120008": ("R03", "The bank account was not found."),
    "123120009": ("R04", "No bank account has this number."),
}
BATCH, READINESS, RETURN = 6, 4, 10
"""Seconds after which each is certain to have happened; of a return the feed tells a little later."""


class Utility(Shop):
    """Its processor debits bank accounts, and plays the values of finix-2026."""

    def __init__(self, name: str = "Acme", **config: Any) -> None:
        super().__init__(name, can_debit_bank_account=True, sandbox_profile="finix-2026", **config)
        self.account = make_bank_account(self.buyer)

    def let_bank_return(self) -> None:
        self.let_time_pass(RETURN)
        self.let_time_pass(READINESS)

    def batch_of(self, transfer: dict[str, Any]) -> TransferBatch | None:
        with transaction(by=self.login.actor):
            return Transfer.objects.select_related("batch").get(pk=Transfer.parse_id(transfer["id"])).batch

    def debit(self, number: str | None = None, **members: Any) -> dict[str, Any]:
        account = make_bank_account(self.buyer, account_number=number) if number else self.account
        return self.sale(source=account.public_id, **members)


@pytest.fixture
def shop() -> Utility:
    return Utility()


def test_debit_waits_for_its_batch_and_is_ready_after_it(shop: Utility) -> None:
    debit = shop.debit(fee=100)
    posted = shop.postings(debit)
    shop.let_time_pass(BATCH)
    submitted = shop.again(debit)
    shop.let_time_pass(READINESS)
    ready = shop.again(debit)

    batch = shop.batch_of(debit)
    assert batch is not None
    assert (debit["state"], debit["type"], debit["operation_key"], posted) == ("PENDING", "DEBIT", None, {})
    assert (debit["source"], debit["address_verification"]) == (shop.account.public_id, None)
    assert submitted["state"] == "SUCCEEDED"
    assert ready["ready_to_settle_at"] == format_moment(batch.due_at + PACE.readiness)
    assert {name for name in ready if ready[name] != debit[name]} == {"state", "ready_to_settle_at", "updated_at"}
    assert shop.balances() == {"PROCESSOR_CLEARING": 2500, "MERCHANT_BALANCE": -2400, "PARTNER_FEES": -100}


def test_debits_of_one_time_share_a_batch_and_cards_are_charged_at_once(shop: Utility) -> None:
    first, second, card = shop.debit(), shop.debit(), shop.sale()
    shop.let_time_pass(BATCH)
    third = shop.debit()

    batches = [shop.batch_of(debit) for debit in (first, second, third)]
    assert batches[0] == batches[1] != batches[2]
    assert [batch and batch.state for batch in batches] == ["SUBMITTED", "SUBMITTED", "OPEN"]
    assert (card["state"], shop.batch_of(card)) == ("SUCCEEDED", None)


def test_settling_policy_of_the_merchant_does_not_hasten_a_debit(shop: Utility) -> None:
    shop.admin.put(f"/merchants/{shop.merchant.public_id}", {"ready_to_settle_upon": "SUCCESSFUL_CAPTURE"})
    debit, card = shop.debit(), shop.sale()
    shop.let_time_pass(BATCH)
    shop.let_time_pass(READINESS)

    batch = shop.batch_of(debit)
    assert batch is not None
    assert card["ready_to_settle_at"] == card["updated_at"]
    assert shop.again(debit)["ready_to_settle_at"] == format_moment(batch.due_at + PACE.readiness)


def test_sale_by_card_is_ready_once_the_processor_says_so(shop: Utility) -> None:
    sale = shop.sale()
    shop.let_time_pass(READINESS)

    assert (sale["state"], sale["ready_to_settle_at"]) == ("SUCCEEDED", None)
    assert shop.again(sale)["ready_to_settle_at"] > sale["created_at"]


@pytest.mark.parametrize("number", RETURNS)
def test_bank_returns_the_whole_debit(shop: Utility, number: str) -> None:
    debit = shop.debit(number, fee=100)
    shop.let_time_pass(BATCH)
    before = shop.again(debit)
    shop.let_bank_return()

    (returned,) = shop.reversals(debit)
    told = {
        "amount": 2500, "destination": debit["source"], "failure_code": None, "fee": 0, "idempotency_id": None,
        "messages": list(RETURNS[number]), "parent_transfer": debit["id"],
        "parent_transfer_trace_id": before["trace_id"], "source": None, "state": "SUCCEEDED", "subtype": "SYSTEM",
        "type": "REVERSAL",
    }  # fmt: skip
    assert {name: returned[name] for name in told} == told
    assert (before["state"], shop.again(debit)["state"]) == ("SUCCEEDED", "SUCCEEDED")
    assert shop.listed("?type=REFUNDS&state=SUCCEEDED&amount=2500") == [returned["id"]]
    assert shop.balances() == {"PROCESSOR_CLEARING": 0, "MERCHANT_BALANCE": 100, "PARTNER_FEES": -100}


def test_return_is_taken_once_however_often_it_is_told(shop: Utility) -> None:
    debit = shop.debit("123120006")
    for _ in range(3):
        shop.let_bank_return()

    assert len(shop.reversals(debit)) == 1
    assert shop.balances() == {"PROCESSOR_CLEARING": 0, "MERCHANT_BALANCE": 0}


def test_returned_debit_is_not_refunded(shop: Utility) -> None:
    debit = shop.debit("123120006")
    shop.let_time_pass(BATCH)
    shop.let_bank_return()

    answer = shop.refund(debit, 100)

    assert (answer.status_code, errors(answer)[0]["message"]) == (422, "The bank has taken the charge back already.")
    assert len(shop.reversals(debit)) == 1


def test_refund_to_a_bank_account_goes_with_the_next_batch(shop: Utility) -> None:
    debit = shop.debit()
    early = shop.refund(debit, 700)
    shop.let_time_pass(BATCH)
    reversal = shop.refunded(debit, 700)
    more = shop.refund(debit, 1801)
    shop.let_time_pass(BATCH)

    assert (early.status_code, errors(early)[0]["message"]) == (422, "The charge has not succeeded yet.")
    assert (reversal["state"], reversal["destination"]) == ("PENDING", shop.account.public_id)
    assert errors(more)[0]["message"] == "At most 1800 of it can still be refunded"
    assert shop.again(reversal)["state"] == "SUCCEEDED"
    assert shop.balances() == {"PROCESSOR_CLEARING": 1800, "MERCHANT_BALANCE": -1800}


def test_return_after_a_partial_refund_takes_the_whole(shop: Utility) -> None:
    """The bank gives the buyer everything back, whatever the merchant gave before: the merchant owes the part."""
    debit = shop.debit("123120007")
    shop.let_time_pass(5.5)  # the batch is through, its return is not due yet
    part = shop.refunded(debit, 700)
    shop.let_bank_return()

    assert [(row["subtype"], row["amount"], row["state"]) for row in shop.reversals(debit)] == [
        ("SYSTEM", 2500, "SUCCEEDED"), ("API", 700, "SUCCEEDED"),
    ]  # fmt: skip
    assert shop.again(part)["state"] == "SUCCEEDED"
    assert shop.balances() == {"PROCESSOR_CLEARING": -700, "MERCHANT_BALANCE": 700}


def test_account_numbers_return_nothing_elsewhere() -> None:
    shop = Shop(can_debit_bank_account=True)
    account = make_bank_account(shop.buyer, account_number="123120006")
    debit = shop.sale(source=account.public_id)
    shop.let_time_pass(BATCH)
    shop.let_time_pass(RETURN)

    assert (shop.again(debit)["state"], shop.reversals(debit)) == ("SUCCEEDED", [])


def test_decline_of_a_debit_is_told_at_once(shop: Utility) -> None:
    error, failed = shop.declined(source=shop.account.public_id, amount=193)

    assert (error["failure_code"], failed["state"], failed["source"]) == (
        "INSUFFICIENT_FUNDS", "FAILED", shop.account.public_id,
    )  # fmt: skip


def test_repeat_shows_the_debit_as_it_is_by_then(shop: Utility) -> None:
    first = shop.debit(idempotency_id="one")
    again = shop.debit(idempotency_id="one")
    shop.let_time_pass(BATCH)
    later = shop.debit(idempotency_id="one")

    assert (again, later["state"], later["id"]) == (first, "SUCCEEDED", first["id"])


def test_filters_find_debits_by_their_account_and_batch(shop: Utility) -> None:
    other = make_merchant(shop.identity)
    debit, sale = shop.debit(tags={"plan": "gold"}), shop.sale()
    elsewhere = shop.debit(merchant=other.public_id, amount=700)
    shop.let_time_pass(BATCH)
    late = shop.debit()
    batch = getattr(shop.batch_of(debit), "public_id", "")

    assert shop.listed("?instrument_type=BANK_ACCOUNT&state=PENDING") == [late["id"]]
    assert shop.listed(f"?batch_id={batch}") == [elsewhere["id"], debit["id"]]
    assert shop.listed(f"?batch_id={batch}&amount.lt=2500") == [elsewhere["id"]]
    assert shop.listed("?instrument_account_last4=0016&tags.key=plan&type=DEBIT") == [debit["id"]]
    assert shop.listed("?instrument_card_last4=0006") == [sale["id"]]
    assert shop.listed(f"?merchant_id={other.public_id}&instrument_type=BANK_ACCOUNT&amount.gte=700") == [
        elsewhere["id"]
    ]


def test_readiness_is_found_by_its_day(shop: Utility) -> None:
    sale = shop.sale(source=make_card(shop.buyer).public_id)
    waiting = shop.debit()
    shop.let_time_pass(READINESS)

    assert shop.listed("?ready_to_settle_at.gte=2019-06-15&state=SUCCEEDED") == [sale["id"]]
    assert shop.listed("?ready_to_settle_at.lte=2019-06-15") == []
    assert shop.listed("?state=PENDING&instrument_type=BANK_ACCOUNT") == [waiting["id"]]
