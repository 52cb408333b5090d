"""Refunds of one charge, many at once over real connections: never more than was taken, and all of it if asked for."""

import random
from collections import Counter as Tally
from datetime import timedelta
from functools import partial

import pytest

from payments.models import LedgerAccount, Transfer
from payments.services import NotRefundable
from payments.services.reversals import AboveTheRest
from providers import feeds
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass
from tests.payments.counter import Counter, again, at_once, make_counter, make_returning_account
from tests.stack import IS_LONG

pytestmark = pytest.mark.usefixtures("own_database")

WIDTH = 40
ROUNDS = 50 if IS_LONG else 3


@pytest.fixture
def counter() -> Counter:
    return make_counter()


def test_equal_parts_never_exceed_the_charge(counter: Counter) -> None:
    """Of 1000, three times 300 may be given back, however many ask for it."""
    successes = 0
    for _ in range(ROUNDS):
        sale = counter.sell(1000)

        given = at_once([partial(counter.refund, sale, 300)] * WIDTH)

        refunds = [one for one in given if isinstance(one, Transfer)]
        assert {one.state for one in refunds} == {"SUCCEEDED"}
        assert {type(one) for one in given} == {Transfer, AboveTheRest}
        assert again(sale).refunded_amount == 300 * len(refunds) <= 1000
        assert counter.calls("refund") == successes + len(refunds)
        successes += len(refunds)
    assert successes >= 0.95 * 3 * ROUNDS
    assert (counter.differences(), _balance(counter)) == ([], 300 * successes - 1000 * ROUNDS)


def test_what_is_left_is_given_back_whatever_the_parts(counter: Counter) -> None:
    """A refusal tells of parts that were too big for what was left; the smallest ones find room in the end."""
    dice = random.Random(3)
    for _ in range(ROUNDS):
        sale = counter.sell(1000)
        parts = [dice.choice([1, 40, 130, 333, 700, 1000]) for _ in range(WIDTH)]

        given = at_once(partial(counter.refund, sale, part) for part in parts)

        taken = [part for part, one in zip(parts, given, strict=True) if isinstance(one, Transfer)]
        refused = [part for part, one in zip(parts, given, strict=True) if not isinstance(one, Transfer)]
        assert again(sale).refunded_amount == sum(taken) <= 1000
        assert all(part > 1000 - sum(taken) for part in refused)
    assert counter.differences() == []


def test_parts_that_the_provider_declines_are_free_again(counter: Counter) -> None:
    """While they are asked for they are reserved, so who comes meanwhile may be refused; then nothing is lost."""
    sale = counter.sell(1000)
    faults.arrange(application_id=counter.application.pk, kind="REFUSED", operation="refund", times=5)

    given = at_once([partial(counter.refund, sale, 100)] * 12)

    tally = Tally(one.state for one in given if isinstance(one, Transfer))
    assert tally["FAILED"] == 5
    assert (
        tally["SUCCEEDED"] + tally["FAILED"] + sum(isinstance(one, AboveTheRest | NotRefundable) for one in given) == 12
    )
    assert again(sale).refunded_amount == 100 * tally["SUCCEEDED"]
    while again(sale).refundable_amount:
        assert counter.refund(sale, 100).state == "SUCCEEDED"
    with pytest.raises(NotRefundable, match=r"All of it was refunded, or is being refunded\."):
        counter.refund(sale, 100)
    assert counter.differences() == []


@pytest.mark.parametrize("is_returned", [True, False], ids=["returned before", "returned meanwhile"])
@pytest.mark.parametrize("number", range(10 if IS_LONG else 2))
def test_return_by_the_bank_beside_refunds_is_noted_once(number: int, is_returned: bool) -> None:
    """Two hear of it at the same moment, while others give back parts; who comes after the return is refused."""
    counter = make_counter(sandbox_profile="finix-2026", can_debit_bank_account=True)
    debit = counter.sell(1000, make_returning_account(counter))
    let_time_pass(counter.application, 6)
    assert again(debit).state == "SUCCEEDED"
    hear = partial(feeds.hear, counter.application.pk, "DUMMY_V1")
    counter.move_clock(timedelta(seconds=60))
    if is_returned:
        hear()  # the bank has it back; that is told a moment later
        counter.move_clock(timedelta(seconds=70))
    refund = partial(counter.refund, debit, 100)

    given = at_once([hear, *[refund] * (2 + number % 3), hear, *[refund] * 6])
    for _ in range(3):
        let_time_pass(counter.application, 20)
        hear()

    debit, reversals = again(debit), counter.reversals(debit)
    (returned,) = [one for one in reversals if one.subtype == "SYSTEM"]
    assert (returned.amount, returned.state, returned.messages[0]) == (1000, "SUCCEEDED", "R01")
    assert debit.returned_at == returned.created_at
    assert debit.refunded_amount == 100 * sum(one.subtype == "API" and one.has_succeeded for one in reversals)
    assert not (is_returned and debit.refunded_amount)
    assert all(isinstance(one, int | Transfer | NotRefundable | AboveTheRest) for one in given)
    with pytest.raises(NotRefundable, match=r"The bank has taken the charge back already\."):
        counter.refund(debit, 1)
    assert counter.differences() == []


def _balance(counter: Counter) -> int:
    with transaction(by=system("test")):
        account = LedgerAccount.objects.get(merchant=counter.merchant, kind=LedgerAccount.Kind.MERCHANT_BALANCE)
    return account.balance
