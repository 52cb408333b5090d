"""Adjustments: what the platform credits to a merchant or debits from it, from the call to the deposit."""

from typing import Any

import pytest
from django.db import IntegrityError
from django.db import transaction as database
from django.http import HttpResponse
from django.utils import timezone

from payments.models import Posting, SettlementEntry, Transfer
from payments.services import NotRefundable, create_reversal
from payments.services.check import check_ledger
from tenancy.actors import system
from tenancy.models import Processor
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.payments.card_data import PURCHASE, proof
from tests.payments.settlement_shop import Shop, document, errors

pytestmark = pytest.mark.django_db

CREDIT, DEBIT = "MERCHANT_CREDIT_ADJUSTMENT", "MERCHANT_DEBIT_ADJUSTMENT"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def adjust(
    shop: Shop, key: str = CREDIT, amount: Any = 700, *, by: ApiClient | None = None, **more: Any
) -> HttpResponse:
    headers = {"Idempotency_Key": more.pop("idempotency_key")} if "idempotency_key" in more else {}
    told = {"operation_key": key, "merchant": shop.merchant.public_id, "amount": amount, "currency": "USD"} | more
    body = {name: value for name, value in told.items() if value is not ...}
    return (by or shop.admin).request("POST", "/transfers", body, **headers)


def adjusted(shop: Shop, key: str = CREDIT, amount: int = 700, **more: Any) -> dict[str, Any]:
    return document(adjust(shop, key, amount, **more), 201)


def legs_of(adjustment: dict[str, Any]) -> dict[str, int]:
    with transaction(by=system("test")):
        postings = Posting.objects.filter(journal__resource_id=Transfer.parse_id(adjustment["id"]))
        return {posting.account.kind: posting.amount for posting in postings.select_related("account")}


def count_of_transfers(shop: Shop) -> int:
    with transaction(by=system("test")):
        return Transfer.objects.filter(application=shop.application).count()


@pytest.mark.parametrize(("key", "sign"), [(CREDIT, 1), (DEBIT, -1)])
def test_adjustment_is_a_transfer_without_an_instrument_that_is_ready_at_once(shop: Shop, key: str, sign: int) -> None:
    made = adjusted(shop, key, 700, tags={"ticket": "17"})

    told = {name: made[name] for name in ("type", "subtype", "operation_key", "state", "amount", "fee", "tags")}
    assert told == {
        "type": "ADJUSTMENT", "subtype": key, "operation_key": key, "state": "SUCCEEDED", "amount": 700, "fee": 0,
        "tags": {"ticket": "17"},
    }  # fmt: skip
    assert (made["source"], made["destination"], made["merchant"]) == (None, None, shop.merchant.public_id)
    assert made["ready_to_settle_at"] == made["created_at"]
    assert legs_of(made) == {"OPERATING_FUNDS": sign * 700, "MERCHANT_BALANCE": -sign * 700}
    assert document(shop.partner.get(f"/transfers/{made['id']}")) == made
    assert document(shop.owner.get(f"/transfers/{made['id']}")) == made
    instruments = document(shop.partner.get(f"/transfers/{made['id']}/payment_instruments"))
    assert instruments["page"]["count"] == 0
    assert document(shop.partner.get(f"/transfers?type=ADJUSTMENT&operation_key={key}"))["page"]["count"] == 1
    assert check_ledger(by=system()).broken == ()


def test_adjustments_go_with_the_next_settlement_and_its_deposit(shop: Shop) -> None:
    adjusted(shop, CREDIT, 700)
    debit = adjusted(shop, DEBIT, 250)

    settlement = shop.approved()

    assert (settlement["total_amount"], settlement["net_amount"]) == (12_550 + 700 - 250, 12_250 + 700 - 250)
    assert debit["id"] in shop.below(settlement, "transfers")
    shop.work()
    assert [deposit.amount for deposit in shop.deposits()] == [12_700]
    with transaction(by=system("test")):
        entries = SettlementEntry.objects.filter(application=shop.application, kind="ADJUSTMENT")
        assert sorted(entries.values_list("amount", flat=True)) == [-250, 700]
    assert check_ledger(by=system()).broken == ()


def test_debit_above_what_is_owed_is_carried_over(shop: Shop) -> None:
    adjusted(shop, DEBIT, 20_000)
    lacking = shop.approved()
    assert lacking["net_amount"] == 12_250 - 20_000
    shop.sell(30_000)

    following = shop.approved()

    assert following["net_amount"] == 30_000 + lacking["net_amount"]
    assert check_ledger(by=system()).broken == ()


def test_one_that_was_taken_out_waits_for_the_next_settlement(shop: Shop) -> None:
    debit = adjusted(shop, DEBIT, 250)
    settlement = shop.closed()

    assert shop.remove(settlement, debit["id"]).status_code == 204

    assert shop.now(settlement)["net_amount"] == 12_250
    shop.sell(1_000)
    assert shop.accrued()["net_amount"] == 750
    assert check_ledger(by=system()).broken == ()


@pytest.mark.parametrize("who", ["partner", "owner"])
def test_only_the_platform_adjusts(shop: Shop, who: str) -> None:
    before = count_of_transfers(shop)

    answer = adjust(shop, by=getattr(shop, who))

    assert answer.status_code == 403
    assert count_of_transfers(shop) == before


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"merchant": ...}, "merchant"),
        ({"merchant": "MUnone"}, "merchant"),
        ({"amount": 0}, "amount"),
        ({"amount": -700}, "amount"),
        ({"amount": "7.00"}, "amount"),
        ({"amount": 10**12}, "amount"),
        ({"currency": "CAD"}, "currency"),
        ({"currency": ...}, "currency"),
        ({"fee": 10}, "fee"),
        ({"statement_descriptor": "GIFT"}, "statement_descriptor"),
        ({"security_code": "123"}, "security_code"),
        (proof(), "3d_secure_authentication"),
        ({"additional_purchase_data": PURCHASE}, "additional_purchase_data"),
        ({"processor": "VISA_V1"}, "processor"),
        ({"split_transfers": [{"amount": 1}]}, "split_transfers"),
        ({"operation_key": "MERCHANT_ADJUSTMENT"}, "operation_key"),
        ({"tags": {"a": 1}}, "tags.a"),
    ],
)
def test_what_makes_no_sense_is_refused(shop: Shop, changes: dict[str, Any], field: str) -> None:
    before = count_of_transfers(shop)
    told = dict(changes)

    answer = adjust(shop, told.pop("operation_key", CREDIT), told.pop("amount", 700), **told)

    assert answer.status_code in {400, 422}, answer.content
    assert field in {named for _, named, _ in errors(answer)}
    assert count_of_transfers(shop) == before


@pytest.mark.parametrize("end", ["source", "destination"])
def test_card_is_no_part_of_it(shop: Shop, end: str) -> None:
    answer = adjust(shop, **{end: shop.card.public_id})

    assert (answer.status_code, errors(answer)[0][1:]) == (422, (end, "Is not offered here"))


def test_merchant_at_visa_v1_is_not_adjusted(shop: Shop) -> None:
    make_processor(shop.application, Processor.Name.VISA_V1)
    owner = make_identity(shop.application)
    make_card(owner)
    recipient = make_merchant(owner, processor=Processor.Name.VISA_V1)

    answer = adjust(shop, merchant=recipient.public_id)

    assert errors(answer) == [
        ("INVALID_FIELD", "merchant", "A merchant at VISA_V1 is never settled, so there is nothing to adjust.")
    ]


def test_what_is_owed_is_adjusted_also_while_processing_is_off(shop: Shop) -> None:
    update_application(
        application=shop.application, values={"processing_enabled": False}, by=system(), at=timezone.now()
    )

    assert adjusted(shop)["state"] == "SUCCEEDED"


def test_the_same_key_adjusts_once(shop: Shop) -> None:
    first = adjust(shop, idempotency_key="once")
    again = adjust(shop, idempotency_key="once")
    other = adjust(shop, amount=701, idempotency_key="once")

    assert (first.status_code, again.status_code, again.json()) == (201, 201, first.json())
    assert again["Idempotent-Replayed"] == "true"
    assert (other.status_code, errors(other)[0][0]) == (422, "IDEMPOTENCY_MISMATCH")
    assert legs_of(first.json()) == {"OPERATING_FUNDS": 700, "MERCHANT_BALANCE": -700}


def test_adjustment_is_not_refunded(shop: Shop) -> None:
    made = adjusted(shop)

    answer = shop.admin.post(f"/transfers/{made['id']}/reversals", {"refund_amount": 700})

    assert answer.status_code == 422
    with transaction(by=system("test")):
        row = Transfer.objects.get(pk=Transfer.parse_id(made["id"]))
    with pytest.raises(NotRefundable, match="Only a charge"):
        create_reversal(transfer=row, amount=700, by=system(), at=timezone.now())


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ({"type": "ADJUSTMENT", "subtype": CREDIT}, "transfer_has_its_instrument"),
        ({"type": "ADJUSTMENT"}, "transfer_adjusts_one_way"),
        ({"subtype": CREDIT}, "transfer_adjusts_one_way"),
        ({"instrument_type": None}, "transfer_has_its_instrument"),
        ({"instrument_last_four": None}, "transfer_has_its_instrument"),
    ],
)
def test_sale_with_the_looks_of_an_adjustment_is_refused_by_the_database(
    shop: Shop, changes: dict[str, Any], constraint: str
) -> None:
    with transaction(by=system("test")):
        sale = Transfer.objects.get(pk=shop.sales[0].pk)
        sale.pk, sale.idempotency_id = Transfer(id=None).pk, None
        for name, value in changes.items():
            setattr(sale, name, value)
        with pytest.raises(IntegrityError, match=constraint), database.atomic():
            sale.save(force_insert=True)
