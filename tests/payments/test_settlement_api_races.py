"""Several requests pay, decide or ask for the same settlement at the same moment."""

from functools import partial

import pytest

from payments.services.check import check_ledger
from tenancy.actors import system
from tests.payments.counter import at_once
from tests.payments.settlement_shop import Shop, document

pytestmark = pytest.mark.usefixtures("own_database")

WIDTH = 6


def test_payments_at_once_never_come_to_more_than_the_net() -> None:
    shop = Shop()
    settlement = shop.closed()
    document(shop.fund(settlement, 250), 201)

    answers = at_once([partial(shop.fund, settlement, 7_000)] * WIDTH)

    assert sorted(answer.status_code for answer in answers) == [201, *[422] * (WIDTH - 1)]
    assert sorted(deposit.amount for deposit in shop.deposits()) == [250, 7_000]


def test_first_payments_at_once_under_one_key_are_one() -> None:
    shop = Shop()
    settlement = shop.closed()

    answers = at_once([partial(shop.fund, settlement, 5_000, key="once")] * WIDTH)

    (deposit,) = shop.deposits()
    assert {(answer.status_code, answer.json()["id"]) for answer in answers} == {(201, deposit.public_id)}


def test_approvals_and_rejections_at_once_are_one_word() -> None:
    shop = Shop()
    settlement = shop.closed()
    approve = partial(shop.put, settlement, destination=shop.account.public_id)
    reject = partial(shop.decide, settlement, outcome="REJECTED", reason="No.")

    answers = at_once([approve, reject] * (WIDTH // 2))

    assert sorted(answer.status_code for answer in answers) == [200, *[422] * (WIDTH - 1)]
    is_approved = shop.now(settlement)["status"] == "APPROVED"
    assert len(shop.deposits()) == int(is_approved)
    assert check_ledger(by=system("test")).broken == ()


def test_askings_at_once_give_one_settlement() -> None:
    shop = Shop()
    shop.pass_time()

    answers = at_once([partial(shop.ask)] * WIDTH)

    assert {answer.status_code for answer in answers} == {201}
    (settlement,) = {answer.json()["id"] for answer in answers}
    assert shop.listed() == [settlement]
    assert shop.now({"id": settlement})["total_amount"] == 12_550
