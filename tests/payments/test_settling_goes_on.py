"""What stands in the way of one merchant's settlement stands in nobody else's."""

import pytest
from django.db import OperationalError, connections
from django.db import transaction as database

from payments import tasks
from payments.models import Settlement
from payments.services import accrual
from tests.factories.payments import let_time_pass
from tests.payments.paydesk import Paydesk

DAY_AND_A_HALF = 86_400 * 1.5


@pytest.mark.usefixtures("own_database")
def test_settlement_that_is_locked_does_not_hold_up_another() -> None:
    held, other = Paydesk("Held"), Paydesk("Other")
    for desk in (held, other):
        desk.sell_all(100)
        desk.create()
        let_time_pass(desk.application, DAY_AND_A_HALF)
    held.sell_all(200)
    (settlement,) = held.settlements()

    with database.atomic(using="owner"):
        with connections["owner"].cursor() as cursor:
            cursor.execute("SELECT FROM settlement WHERE id = %s FOR UPDATE", [settlement.pk])
        tasks.settle()

        assert [one.status for one in other.settlements()] == [Settlement.Status.AWAITING_APPROVAL]
    tasks.settle()
    assert [one.net_amount for one in held.settlements()] == [300]


@pytest.mark.django_db
def test_what_is_due_closes_though_nothing_accrued(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Paydesk()
    desk.sell_all(100)
    desk.create()
    let_time_pass(desk.application, DAY_AND_A_HALF)
    monkeypatch.setattr(accrual, "_WAITING", "SELECT 1 / 0, %s")

    with pytest.raises(Exception, match="division by zero"):
        tasks.settle()

    assert [one.status for one in desk.settlements()] == [Settlement.Status.AWAITING_APPROVAL]


def test_database_that_is_gone_ends_it() -> None:
    with pytest.raises(OperationalError), accrual.going_on("accrual_failed", accrual.uuid.uuid4()):
        raise OperationalError("the connection is lost")
