"""What banks send back: deposits, pushes and pulls, which are never settled, and returns that come to nothing."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.utils import timezone

from payments import services
from payments.models import LedgerAccount, Transfer
from payments.services.check import check_ledger
from providers import copying, port
from providers.port import Account
from resources import ids
from tenancy.actors import system
from tenancy.transactions import outcome, transaction
from tests.factories.payments import make_bank_account
from tests.payments.counter import again, make_counter
from tests.payments.paydesk import RETURNING
from tests.payments.test_settlements import Shop
from tests.tenancy.conftest import in_sight_of, refused, run

pytestmark = pytest.mark.django_db


def returned(parent: Transfer, state: str = "SUCCEEDED", **changes: Any) -> port.Transfer:
    """News of its return."""
    now = timezone.now()
    members: dict[str, Any] = {
        "id": ids.new_id(), "version": "1", "created_at": now, "updated_at": now, "raw": {}, "tags": {},
        "merchant_id": parent.merchant_id, "state": state, "amount": parent.amount, "currency": parent.currency,
        "trace_id": "R", "idempotency_id": None, "type": "REVERSAL", "subtype": "SYSTEM",
        "destination_id": parent.instrument_id, "parent_id": parent.pk,
    }  # fmt: skip
    return port.Transfer(**members | changes)


def hear(parent: Transfer, *words: port.Transfer) -> None:
    for news in words:
        with outcome(by=system("test"), at=timezone.now()) as current:
            copying.copy(current, Account(parent.application_id), "sandbox", news)


def pending_and_failed(parent: Transfer) -> None:
    key = ids.new_id()
    hear(
        parent,
        returned(parent, "PENDING", id=key),
        returned(parent, "FAILED", id=key, version="2", failure_code="ERROR"),
    )


def broken() -> tuple[str, ...]:
    return check_ledger(by=system("test")).broken


# --- of deposits ------------------------------------------------------------------------------------------------------


def test_returned_deposit_is_paid_again_and_never_settled() -> None:
    shop = Shop(account=RETURNING, sandbox_profile="finix-2026")
    settlement = shop.paid()
    shop.pass_time()
    (deposit,) = shop.deposits()
    with transaction(by=system("test")):
        back = Transfer.objects.get(parent=deposit)
    assert (back.state, back.ready_to_settle_upon, back.ready_to_settle_at) == ("SUCCEEDED", None, None)
    assert shop.again(settlement).unfunded_amount == 12_250

    other = make_bank_account(shop.identity, account_number="123456")
    services.fund_settlement(
        settlement=settlement, amount=12_250, destination_id=other.pk, by=system("test"), at=timezone.now()
    )
    shop.work()
    shop.sell(20_000)
    following = shop.accrued()

    assert (following.total_amount, following.entry_count) == (20_000, 1)
    assert (shop.balances()["MERCHANT_BALANCE"], shop.balances()["SETTLEMENT_PAYABLE"]) == (-20_000, 0)
    assert broken() == ()


def test_no_word_makes_a_deposit_or_its_return_ready() -> None:
    shop = Shop()
    shop.paid()
    (deposit,) = shop.deposits()
    now = timezone.now()
    back = returned(deposit, ready_to_settle_at=now)

    hear(
        deposit,
        returned(
            deposit, id=deposit.pk, version="9" * 9, type="CREDIT", subtype=deposit.subtype, parent_id=None,
            ready_to_settle_at=now,
        ),
        back,
    )  # fmt: skip

    with transaction(by=system("test")):
        found = Transfer.objects.filter(pk__in=[deposit.pk, back.id]).values_list("trace_id", "ready_to_settle_at")
        assert list(found) == [("R", None)] * 2


@pytest.mark.parametrize("which", ["deposit", "return"])
@pytest.mark.parametrize(
    "assignment", ["ready_to_settle_at = now()", "ready_to_settle_upon = 'RECONCILIATION', ready_to_settle_at = now()"]
)
def test_database_refuses_to_make_a_deposit_or_its_return_ready(which: str, assignment: str) -> None:
    shop = Shop()
    shop.paid()
    (deposit,) = shop.deposits()
    back = returned(deposit)
    hear(deposit, back)

    key = deposit.pk if which == "deposit" else back.id
    with in_sight_of(shop.application.pk), refused(IntegrityError, r"never settled|transfer_settled_or_never"):
        run(f"UPDATE transfer SET {assignment} WHERE id = %s", key)


def test_return_of_a_deposit_that_fails_frees_nothing() -> None:
    shop = Shop()
    settlement = shop.paid()
    (deposit,) = shop.deposits()

    pending_and_failed(deposit)

    assert shop.again(settlement).unfunded_amount == 0
    assert (again(deposit).returned_at, broken()) == (None, ())
    hear(deposit, returned(deposit))
    assert shop.again(settlement).unfunded_amount == 12_250
    assert (again(deposit).returned_at is None, broken()) == (False, ())


# --- of other money ---------------------------------------------------------------------------------------------------


def test_return_of_a_sale_that_fails_leaves_it_refundable() -> None:
    counter = make_counter()
    sale = counter.sell(1000)

    pending_and_failed(sale)

    assert (again(sale).returned_at, counter.refund(sale, 100).state) == (None, "SUCCEEDED")
    hear(sale, returned(sale))
    with pytest.raises(services.NotRefundable):
        counter.refund(sale, 100)
    assert broken() == ()


@pytest.mark.parametrize("which", ["push", "pull"])
def test_return_of_a_push_or_pull_is_the_operators(which: str) -> None:
    counter = make_counter()
    parent: Transfer = getattr(counter, which)(1000)

    hear(parent, returned(parent))

    with transaction(by=system("test")):
        accounts = dict(LedgerAccount.objects.filter(merchant=counter.receiver).values_list("kind", "balance"))
    assert accounts == {"OPERATING_FUNDS": 0, "PROCESSOR_CLEARING": 0}
    assert broken() == ()
