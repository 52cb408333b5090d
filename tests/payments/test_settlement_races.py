"""Two who settle the same money at the same moment: one of them wins, sums hold, and each is paid once."""

from collections import Counter
from datetime import timedelta
from functools import partial

import pytest

from onboarding.models import ReviewItem
from payments.models import Settlement, Transfer
from payments.services import NothingToSettle, NotInSettlement, create_reversal
from payments.services.accrual import accrue_all
from payments.services.funding import Part
from payments.services.settlements import NotAccruing, NotOpen
from resources import ids
from resources.errors import FieldError
from tenancy.actors import system
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_sale
from tests.payments.counter import at_once
from tests.payments.paydesk import RETURNING, Paydesk, kinds
from tests.stack import IS_LONG

pytestmark = pytest.mark.usefixtures("own_database")

ROUNDS = 25 if IS_LONG else 2
WIDTH = 8
DAY = timedelta(days=1)


@pytest.fixture
def desk() -> Paydesk:
    return Paydesk()


def test_many_who_approve_pay_once(desk: Paydesk) -> None:
    for number in range(ROUNDS):
        settlement = desk.closed(1000, 500)

        given = at_once([partial(desk.approve, settlement)] * WIDTH)

        assert kinds(given) == ["AlreadyDecided"] * (WIDTH - 1) + ["Settlement"]
        assert len(desk.deposits()) == number + 1
    desk.work()
    assert [one.state for one in desk.deposits()] == ["SUCCEEDED"] * ROUNDS
    assert (desk.balances(), desk.differences()) == ({}, [])


def test_approval_and_rejection_exclude_each_other(desk: Paydesk) -> None:
    paid = 0
    for _ in range(ROUNDS * 2):
        settlement = desk.closed(1000)

        given = at_once([partial(desk.approve, settlement), partial(desk.reject, settlement)] * 3)

        assert kinds(given) == ["AlreadyDecided"] * 5 + ["Settlement"]
        paid += desk.again(settlement).status == "APPROVED"
        assert len(desk.deposits()) == paid
        desk.ask()
    desk.work()
    assert desk.differences() == []


def test_what_is_removed_while_it_is_approved_is_not_paid(desk: Paydesk) -> None:
    """Whoever comes first: the deposit is the net of what is in it."""
    for _ in range(ROUNDS * 2):
        sales = desk.sell_all(1000, 500, 250)
        settlement = desk.close(desk.create())

        given = at_once(
            [partial(desk.approve, settlement), *(partial(desk.remove, settlement, sale) for sale in sales[:2])]
        )

        refused = [one for one in given if not isinstance(one, Settlement)]
        assert not isinstance(given[0], Exception)
        assert {type(one) for one in refused} <= {NotOpen}
        net = settlement.net_amount - sum(
            sale.amount for sale, one in zip(sales[:2], given[1:], strict=True) if one not in refused
        )
        assert (desk.again(settlement).net_amount, desk.deposits()[-1].amount) == (net, net)
        desk.accrue()
    desk.work()
    assert desk.differences() == []


def test_the_same_is_removed_once(desk: Paydesk) -> None:
    for _ in range(ROUNDS):
        sales = desk.sell_all(1000, 500)
        settlement = desk.close(desk.create())

        given = at_once([partial(desk.remove, settlement, sales[0])] * WIDTH)

        assert kinds(given) == ["NotInSettlement"] * (WIDTH - 1) + ["Settlement"]
        assert {type(one) for one in given} == {NotInSettlement, Settlement}
        assert desk.again(settlement).net_amount == settlement.net_amount - 1000
        assert desk.differences() == []
        desk.approve(settlement)
        desk.ask()
        desk.accrue()


def test_what_is_sold_while_it_closes_goes_with_it_or_with_the_next(desk: Paydesk) -> None:
    for _ in range(ROUNDS):
        desk.sell(100)
        settlement = desk.create()
        sales = [partial(desk.sell, 10) for _ in range(4)]

        given = at_once([*sales, desk.accrue, partial(desk.close, settlement), desk.accrue, desk.settle])
        desk.accrue()

        assert not [one for one in given if isinstance(one, Exception)]
        assert desk.again(settlement).status == "AWAITING_APPROVAL"
        assert set(Counter(desk.held()).values()) == {1}
        assert sum(one.entry_count for one in desk.settlements()) == len(desk.held())
        assert desk.differences() == []
    with transaction(by=system("test")):
        assert not Transfer.objects.filter(settlement=None).exists()


def test_schedule_and_hand_close_it_once(desk: Paydesk) -> None:
    for number in range(ROUNDS):
        desk.sell(1000)
        settlement = desk.create()
        desk.move_clock((number + 1) * DAY)

        given = at_once([desk.close_due, partial(desk.close, settlement), desk.settle] * 3)

        refused = [one for one in given if isinstance(one, Exception)]
        assert {type(one) for one in refused} <= {NotAccruing}
        by_hand = 3 - len(refused)
        assert by_hand + sum(one for one in given if isinstance(one, int)) <= 1
        with transaction(by=system("test")):
            assert ReviewItem.objects.filter(entity_id=settlement.pk).count() == 1
        assert (desk.again(settlement).status, desk.differences()) == ("AWAITING_APPROVAL", [])


def test_two_workers_and_refunds_take_each_transfer_once() -> None:
    """Refunds are real ones, with a claim, an answer and a verdict."""
    desk = Paydesk()
    card = make_card(make_identity(desk.application))
    for number in range(1, ROUNDS + 1):
        sales = [make_sale(desk.merchant, card, 1000, fee=10) for _ in range(4)]
        let_time_pass(desk.application, 10)
        desk.hear()
        refunds = [
            partial(create_reversal, transfer=sale, amount=300, by=system("test"), at=sale.created_at) for sale in sales
        ]
        moment = desk.application.created_at + DAY

        given = at_once([*refunds, *[partial(accrue_all, by=system("test"), at=moment)] * 3, desk.accrue])
        let_time_pass(desk.application, 10)
        desk.hear()
        let_time_pass(desk.application, 10)
        accrue_all(by=system("test"), at=moment)

        assert not [one for one in given if isinstance(one, Exception)]
        (settlement,) = desk.settlements()
        assert (settlement.entry_count, settlement.total_amount) == (8 * number, 4 * 700 * number)
        assert settlement.total_fee == 40 * number
        assert desk.differences() == []


def test_parts_never_exceed_the_net(desk: Paydesk) -> None:
    """Of 1000 one is paid with the approval, and three times 300 of what is left, however many ask for it."""
    for _ in range(ROUNDS):
        settlement = desk.closed(1000)
        desk.decide(settlement, part=Part(ids.new_id(), 1))

        given = at_once([partial(desk.fund, settlement, 300)] * WIDTH)

        assert kinds(given) == ["FieldError"] * (WIDTH - 3) + ["Transfer"] * 3
        assert desk.again(settlement).funded_amount == 901
        desk.fund(settlement, 99)
        with pytest.raises(FieldError, match="At most 0"):
            desk.fund(settlement, 1)
    desk.work()
    assert (desk.balances(), desk.differences()) == ({}, [])


@pytest.mark.parametrize("number", range(5 if IS_LONG else 1))
def test_what_comes_back_while_it_is_paid_again_is_paid_once(number: int) -> None:
    """Several hear of the return, and several pay again; before it is heard of nothing is left to be paid."""
    desk = Paydesk(account=RETURNING, sandbox_profile="finix-2026")
    settlement = desk.approve(desk.closed(1000, 500))
    desk.ask()
    let_time_pass(desk.application, 4)
    other = make_bank_account(desk.identity, account_number="123456")
    let_time_pass(desk.application, 10)
    again = partial(desk.fund, settlement, 1500, other.pk)

    at_once([desk.hear])
    let_time_pass(desk.application, 10)
    given = at_once([desk.hear, *[again] * (2 + number % 2), desk.hear, *[again] * 2])
    desk.work()

    paid = [one for one in given if isinstance(one, Transfer)]
    assert len(paid) <= 1
    assert {type(one) for one in given if isinstance(one, Exception)} <= {FieldError}
    if not paid:
        again()
    desk.work()
    assert [one.state for one in desk.deposits()] == ["SUCCEEDED"] * 2
    assert [one.returned_at is None for one in desk.deposits()] == [False, True]
    assert (desk.again(settlement).funded_amount, desk.differences()) == (1500, [])


def test_asking_for_one_beside_the_worker_gives_the_one(desk: Paydesk) -> None:
    for number in range(ROUNDS):
        desk.sell_all(1000, 500)

        given = at_once([desk.create, desk.settle] * 4)

        made = {one.pk for one in given if isinstance(one, Settlement)}
        assert len(made) == 1
        assert {type(one) for one in given if isinstance(one, Exception)} <= {NothingToSettle}
        (settlement,) = [one for one in desk.settlements() if one.status == "PENDING"]
        assert ({settlement.pk}, settlement.entry_count, len(desk.settlements())) == (made, 2, number + 1)
        desk.close(settlement)
    assert desk.differences() == []


def test_rejection_beside_the_closing_of_the_next_waits_for_nobody_in_a_ring(desk: Paydesk) -> None:
    """Both post to the same accounts, and both want the settlement that accrues."""
    for _ in range(ROUNDS * 3):
        rejected = desk.closed(1000, 500)
        desk.sell(70)
        following = desk.create()

        given = at_once([partial(desk.reject, rejected), partial(desk.close, following), desk.accrue])

        assert not [one for one in given if isinstance(one, Exception)]
        assert desk.again(rejected).status == "CANCELLED"
        desk.reject(following)
        desk.accrue()
        assert desk.differences() == []
        desk.approve(desk.close(desk.settlements()[-1]))
        desk.ask()


def test_what_is_lacking_is_carried_once(desk: Paydesk) -> None:
    """While the negative one is approved, the next is opened, closed and rejected."""
    for _ in range(ROUNDS * 2):
        (sale,) = desk.sell_all(1000)
        desk.approve(desk.close(desk.create()))
        desk.give_back(sale, 400)
        lacking = desk.close(desk.create())
        desk.sell(900)

        given = at_once([partial(desk.approve, lacking), desk.accrue, desk.accrue])
        following = desk.close(desk.create())

        assert not [one for one in given if isinstance(one, Exception)]
        assert (desk.again(lacking).net_amount, desk.again(following).net_amount) == (-400, 500)
        desk.reject(following)
        desk.sell(1)
        assert desk.create().net_amount == 501
        desk.approve(desk.close(desk.settlements()[-1]))
        desk.ask()
        assert (desk.unsettled(), desk.differences()) == (0, [])
