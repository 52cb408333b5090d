"""What an attacker tried on sales, each as a test."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django import forms
from django.db import IntegrityError
from django.utils import timezone

from events.models import Audit
from payments.forms.amounts import UnitsField
from payments.models import Transfer
from payments.services.sales import SELL
from providers import attempts
from providers.models import Attempt
from tenancy.actors import system
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.payments.test_transfers_api import Shop, errors
from tests.providers.scripted import Till, accepted, make_till, run_due_jobs, stand_behind_processors

pytestmark = pytest.mark.django_db


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def till(monkeypatch: pytest.MonkeyPatch) -> Till:
    till = make_till()
    stand_behind_processors(till.provider, monkeypatch)
    return till


def test_caller_that_wakes_after_its_lease_sends_nothing(till: Till) -> None:
    """By then the resolver may have called the sale off, and somebody may have been told to charge again."""
    with time_machine.travel(timezone.now(), tick=False) as clock:
        till.sell_and_die()
        till.provider.asked.clear()
        attempt, transfer = till.attempt, till.transfer
        with transaction(by=system("test")):
            act = attempts.operation_of(attempt).rebuild(attempt, system("test"))
        assert act is not None
        clock.shift(attempts.SPARE + timedelta(seconds=1))

        account = attempts.port.Account(till.application.pk)
        given = attempts.carry_out(attempt, act, account=account, by=system("test"), claimed=transfer)

        assert (given, till.provider.asked, till.attempt.state) == (transfer, [], Attempt.State.CLAIMED)
        till.provider.answers[:] = [accepted]
        clock.shift(timedelta(seconds=20))
        run_due_jobs(timezone.now())
        assert (till.transfer.state, till.journals, len(till.provider.asked)) == ("SUCCEEDED", 1, 1)


@pytest.mark.parametrize("written", ["5,00", "1e3", "1_0", "١٢", "1,2,3", "0x10", "1 000", "--5", "NaN"])
def test_amount_is_never_guessed(written: str) -> None:
    with pytest.raises(forms.ValidationError, match="Enter an amount"):
        UnitsField().clean(written)


@pytest.mark.parametrize(("written", "meant"), [("12.50", "12.50"), ("$1,250.00", "1250.00"), (" 7 ", "7")])
def test_amount_is_read_as_people_write_it(written: str, meant: str) -> None:
    assert str(UnitsField().clean(written)) == meant


def test_key_of_somebody_with_more_rights_opens_nothing(shop: Shop) -> None:
    path, body = f"/merchants/{shop.merchant.public_id}", {"processing_enabled": True}
    assert shop.admin.put(path, body, Idempotency_Key="K").status_code == 200

    answer = shop.partner.put(path, body, Idempotency_Key="K")

    assert (answer.status_code, "Idempotent-Replayed" in answer.headers) == (403, False)
    with transaction(by=system("test")):
        assert Audit.objects.filter(result=Audit.Result.DENIED, reason__contains="merchants.manage").count() == 1


def test_nobody_sells_for_an_application_that_is_switched_off(shop: Shop) -> None:
    update_application(application=shop.application, values={"enabled": False}, by=system("test"), at=timezone.now())

    answer = shop.admin.post("/transfers", shop.body())

    assert (answer.status_code, errors(answer)[0]["message"]) == (
        422,
        "Processing is switched off for the application.",
    )


def test_processor_beside_a_merchant_has_to_be_its_own(shop: Shop) -> None:
    answer = shop.post(processor="VISA_V1")

    assert (answer.status_code, errors(answer)[0]["field"]) == (422, "processor")
    assert shop.sale(processor="dummy_v1")["state"] == "SUCCEEDED"


@pytest.mark.parametrize("key", [1, 1.5, True, " ", ""])
def test_key_is_text_and_says_something(shop: Shop, key: Any) -> None:
    answer = shop.post(idempotency_id=key)

    assert (answer.status_code, errors(answer)[0]["field"]) == (422, "idempotency_id")


@pytest.mark.parametrize(("column", "value"), [("amount", 1), ("currency", "EUR"), ("fee", 1), ("type", "CREDIT")])
def test_money_of_a_transfer_is_frozen(shop: Shop, column: str, value: Any) -> None:
    shop.sale()

    with pytest.raises(IntegrityError, match="never change"), transaction(by=system("test")):
        Transfer.objects.update(**{column: value})


@pytest.mark.parametrize(("column", "value"), [("amount", 1), ("currency", "EUR"), ("reference", "x")])
def test_money_of_an_attempt_is_frozen(shop: Shop, column: str, value: Any) -> None:
    shop.sale()

    with pytest.raises(IntegrityError, match="never change"), transaction(by=system("test")):
        Attempt.objects.filter(operation=SELL).update(**{column: value})
