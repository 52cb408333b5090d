"""Settlements of the API: what may be asked, by whom, in which order, and what is answered to a second asking."""

from typing import Any

import pytest
from django.utils import timezone

from jobs.models import IdempotencyKey
from payments.models import SettlementEntry
from payments.services.check import check_ledger
from tenancy.actors import system
from tenancy.services import update_application
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_bank_account, make_card, make_merchant, make_sale
from tests.payments.settlement_shop import Shop, document, error_of, errors

pytestmark = pytest.mark.django_db

BASE = "http://testserver"


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_what_is_ready_is_taken_into_a_whole_settlement(shop: Shop) -> None:
    shop.pass_time()

    made = document(shop.ask(tags={"month": "may"}), 201)

    own = f"{BASE}/settlements/{made['id']}"
    assert {name: value for name, value in made.items() if name not in {"created_at", "updated_at"}} == {
        "id": made["id"], "application": shop.application.public_id, "identity": shop.identity.public_id,
        "merchant_id": shop.merchant.public_id, "currency": "USD", "processor": "DUMMY_V1", "total_amount": 12_550,
        "total_fee": 300, "total_fees": 300, "net_amount": 12_250, "destination": None, "status": "PENDING",
        "type": "MERCHANT_REVENUE", "funds_flow": None, "payment_type": None, "tags": {"month": "may"},
        "_links": {
            "self": {"href": own},
            "application": {"href": f"{BASE}/applications/{shop.application.public_id}"},
            "identity": {"href": f"{BASE}/identities/{shop.identity.public_id}"},
            "transfers": {"href": f"{own}/transfers"},
            "funding_transfers": {"href": f"{own}/funding_transfers"},
            "fees": {"href": f"{own}/transfers?type=fee"},
            "reversals": {"href": f"{own}/transfers?type=reverse"},
            "credits": {"href": f"{own}/transfers?type=credit"},
            "debits": {"href": f"{own}/transfers?type=debit"},
            "disputes": {"href": f"{own}/transfers?type=dispute"},
        },
    }  # fmt: skip
    assert made["id"].startswith("ST")
    assert shop.now(made) == made
    assert shop.below(made, "transfers") == [sale.public_id for sale in reversed(shop.sales)]
    assert shop.below(made, "funding_transfers") == []


def test_second_asking_gives_the_one_that_accrues(shop: Shop) -> None:
    first = shop.accrued()
    shop.sell(1_000)

    again = shop.accrued()

    assert (again["id"], first["total_amount"], again["total_amount"]) == (first["id"], 12_550, 13_550)
    assert shop.listed() == [first["id"]]


def test_nothing_ready_is_refused(shop: Shop) -> None:
    answer = shop.ask()

    assert answer.status_code == 422
    assert errors(answer) == [
        ("UNPROCESSABLE_ENTITY", None, "There are no unsettled SUCCEEDED transfers to be settled.")
    ]
    assert shop.listed() == []


@pytest.mark.parametrize("whose", ["merchants", "applications"])
def test_settlement_switched_off_is_refused(shop: Shop, whose: str) -> None:
    shop.pass_time()
    row = shop.merchant if whose == "merchants" else shop.application
    document(shop.admin.put(f"/{whose}/{row.public_id}", {"settlement_enabled": False}))

    answer = shop.ask()

    assert error_of(answer) == (422, "UNPROCESSABLE_ENTITY", None)
    assert shop.listed() == []


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"currency": ...}, "currency"), ({"currency": 5}, "currency"), ({"currency": "DOLLARS"}, "currency"),
        ({"processor": "NOBODY"}, "processor"), ({"processor": 7}, "processor"),
        ({"merchant_id": "nonsense"}, "merchant_id"), ({"merchant_id": 5}, "merchant_id"),
        ({"merchant_id": "MUmMpVqaad7Va1YQR2soR3tq"}, "merchant_id"),
        ({"merchant_id": "IDpHEprvRCz6Sp4BGTEgsyKk"}, "merchant_id"),
        ({"processor": "VISA_V1"}, "processor"), ({"tags": {"a": None}}, "tags.a"),
    ],
)  # fmt: skip
def test_refused_member_is_named_and_nothing_accrues(shop: Shop, changes: dict[str, Any], field: str) -> None:
    shop.pass_time()

    answer = shop.ask(**changes)

    assert error_of(answer) == (422, "INVALID_FIELD", field)
    assert shop.listed() == []


def test_identity_with_several_merchants_needs_one_named(shop: Shop) -> None:
    other = make_merchant(shop.identity)
    shop.pass_time()

    unnamed, own = shop.ask(), shop.ask(merchant_id=shop.identity.public_id)
    idle = shop.ask(merchant_id=other.public_id)
    wrong = shop.ask(merchant_id=shop.merchant.public_id, processor="VISA_V1")
    named = document(shop.ask(merchant_id=shop.merchant.public_id, processor="dummy_v1"), 201)

    needed = f"Name the merchant: {shop.merchant.public_id}, {other.public_id}"
    assert [errors(answer) for answer in (unnamed, own)] == [[("INVALID_FIELD", "merchant_id", needed)]] * 2
    assert error_of(idle) == (422, "UNPROCESSABLE_ENTITY", None)
    assert error_of(wrong) == (422, "INVALID_FIELD", "processor")
    assert named["merchant_id"] == shop.merchant.public_id


def test_identity_stands_for_its_one_merchant(shop: Shop) -> None:
    shop.pass_time()

    assert document(shop.ask(merchant_id=shop.identity.public_id), 201)["merchant_id"] == shop.merchant.public_id


def test_foreign_merchant_is_nobody(shop: Shop) -> None:
    foreign = Shop("Foreign")
    settlement = foreign.accrued()
    answers = [
        shop.ask(merchant_id=foreign.merchant.public_id),
        shop.put(settlement, shop.partner, tags={}),
        shop.remove(settlement, foreign.sales[0].public_id),
        shop.partner.get(f"/settlements/{settlement['id']}"),
        shop.partner.get(f"/settlements/{settlement['id']}/transfers"),
        shop.partner.get(f"/settlements/{settlement['id']}/funding_transfers"),
        shop.partner.get(f"/identities/{foreign.identity.public_id}/settlements"),
        shop.partner.get(f"/applications/{foreign.application.public_id}/settlements"),
    ]

    assert [answer.status_code for answer in answers] == [422, *[404] * 7]
    assert shop.listed() == []
    assert foreign.now(settlement) == settlement


def test_merchant_sees_its_own_settlements_and_changes_none(shop: Shop) -> None:
    sibling = make_merchant_identity(shop.application)
    make_sale(make_merchant(sibling), shop.card, 4_000)
    own = shop.accrued()
    path = f"/identities/{sibling.public_id}/settlements"
    theirs = document(shop.partner.post(path, {"currency": "USD"}), 201)

    assert sorted(shop.listed()) == sorted([own["id"], theirs["id"]])
    assert shop.listed(client=shop.owner) == [own["id"]]
    assert shop.listed(path=f"/applications/{shop.application.public_id}/settlements", client=shop.owner) == [own["id"]]
    assert shop.owner.get(f"/settlements/{own['id']}/transfers").json()["page"]["count"] == 2
    unseen = [f"/settlements/{theirs['id']}{tail}" for tail in ("", "/transfers", "/funding_transfers")]
    assert [shop.owner.get(path).status_code for path in (*unseen, path)] == [404] * 4
    refused = [
        shop.ask(shop.owner), shop.put(own, shop.owner, tags={}), shop.fund(own, 1, client=shop.owner),
        shop.remove(own, shop.sales[0].public_id, client=shop.owner),
    ]  # fmt: skip
    assert [answer.status_code for answer in refused] == [403] * 4


def test_partner_neither_closes_nor_pays(shop: Shop) -> None:
    settlement = shop.accrued()

    refused = [
        shop.put(settlement, shop.partner, action="STOP_ACCRUAL"),
        shop.put(settlement, shop.partner, destination=shop.account.public_id),
        shop.fund(settlement, 100, client=shop.partner),
        shop.fund(settlement, 100, "", client=shop.partner),
    ]

    assert [error_of(answer)[:2] for answer in refused] == [(403, "FORBIDDEN")] * 4
    assert shop.now(settlement)["status"] == "PENDING"
    assert document(shop.put(settlement, shop.partner, tags={"a": "b"}))["tags"] == {"a": "b"}
    assert document(shop.put(settlement, shop.partner))["tags"] == {"a": "b"}


def test_transfers_are_listed_by_what_they_are(shop: Shop) -> None:
    shop.accrued()
    sale = shop.sales[0].public_id
    refund = document(shop.partner.post(f"/transfers/{sale}/reversals", {"refund_amount": 1_000}), 201)
    settlement = shop.accrued()
    sales = [one.public_id for one in reversed(shop.sales)]

    found = {
        kind: shop.below(settlement, f"transfers?type={kind}")
        for kind in ("debit", "DEBIT", "Reverse", "REVERSAL", "credit", "fee", "DISPUTE", "settlement", "all")
    }

    assert found == {
        "debit": sales, "DEBIT": sales, "Reverse": [refund["id"]], "REVERSAL": [refund["id"]], "credit": [],
        "fee": [], "DISPUTE": [], "settlement": [], "all": [refund["id"], *sales],
    }  # fmt: skip
    assert (settlement["total_amount"], settlement["net_amount"]) == (11_550, 11_250)
    wrong = shop.partner.get(f"/settlements/{settlement['id']}/transfers?type=nonsense")
    assert error_of(wrong) == (400, "BAD_REQUEST", "type")


def test_removed_transfer_waits_for_the_next_settlement(shop: Shop) -> None:
    settlement = shop.accrued()
    dear, cheap = (sale.public_id for sale in shop.sales)

    answer = shop.remove(settlement, dear)

    assert (answer.status_code, answer.content) == (204, b"")
    left = shop.now(settlement)
    assert (left["total_amount"], left["total_fee"], left["net_amount"]) == (2_550, 0, 2_550)
    assert shop.accrued()["total_amount"] == 2_550
    assert shop.below(settlement, "transfers") == [cheap]
    document(shop.put(settlement, action="STOP_ACCRUAL"))
    following = shop.accrued()
    assert (following["id"] != settlement["id"], shop.below(following, "transfers")) == (True, [dear])
    assert check_ledger(by=system("test")).broken == ()


def test_nothing_goes_where_one_is_not_in_it(shop: Shop) -> None:
    settlement, foreign = shop.accrued(), Shop("Foreign")
    foreign.accrued()
    (elsewhere, absent) = foreign.sales[0].public_id, "TRr61njQxaa7AJf6E1C3QwCc"

    answer = shop.remove(settlement, shop.sales[0].public_id, elsewhere, absent)

    named = ", ".join(sorted([elsewhere, absent]))
    message = f"Unable to process request. Entries [{named}] not found in settlement {settlement['id']}"
    assert (answer.status_code, errors(answer)) == (409, [("CONFLICT", None, message)])
    assert shop.now(settlement)["total_amount"] == 12_550
    assert len(shop.below(settlement, "transfers")) == 2


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "transfers"), ({"transfers": []}, "transfers"), ({"transfers": "TRr61njQxaa7AJf6E1C3QwCc"}, "transfers"),
        ({"transfers": None}, "transfers"), ({"transfers": ["nonsense"]}, "transfers.0"),
        ({"transfers": [7]}, "transfers.0"), ({"transfers": ["MUmMpVqaad7Va1YQR2soR3tq"]}, "transfers.0"),
    ],
)  # fmt: skip
def test_removal_needs_ids(shop: Shop, body: dict[str, Any], field: str) -> None:
    settlement = shop.accrued()

    answer = shop.partner.request("DELETE", f"/settlements/{settlement['id']}/transfers", body)

    assert error_of(answer) == (422, "INVALID_FIELD", field)
    assert shop.now(settlement)["total_amount"] == 12_550


def test_nothing_leaves_an_approved_settlement(shop: Shop) -> None:
    settlement = shop.approved()

    answer = shop.remove(settlement, shop.sales[0].public_id)

    assert error_of(answer) == (422, "UNPROCESSABLE_ENTITY", None)
    assert len(shop.below(settlement, "transfers")) == 2


def test_emptied_settlement_is_neither_asked_for_nor_closed(shop: Shop) -> None:
    settlement = shop.accrued()
    shop.remove(settlement, *(sale.public_id for sale in shop.sales))

    assert error_of(shop.ask()) == (422, "UNPROCESSABLE_ENTITY", None)
    assert error_of(shop.put(settlement, action="STOP_ACCRUAL")) == (422, "UNPROCESSABLE_ENTITY", None)
    assert shop.now(settlement)["status"] == "PENDING"


def test_closed_settlement_is_approved_and_paid_to_the_named_account(shop: Shop) -> None:
    make_bank_account(shop.identity, account_number="987654321")  # the newest is not the one that is named
    closed = shop.closed()

    approved = document(shop.put(closed, destination=shop.account.public_id))

    assert (closed["status"], closed["destination"]) == ("AWAITING_APPROVAL", None)
    assert (approved["status"], approved["destination"]) == ("APPROVED", shop.account.public_id)
    (deposit,) = shop.deposits()
    assert shop.below(closed, "funding_transfers") == [deposit.public_id]
    assert (deposit.state, deposit.amount, deposit.subtype) == ("PENDING", 12_250, "SETTLEMENT_MERCHANT")
    shop.work()
    paid = document(shop.partner.get(f"/transfers/{deposit.public_id}"))
    assert (paid["state"], paid["type"], paid["destination"]) == ("SUCCEEDED", "CREDIT", shop.account.public_id)
    assert shop.item(closed)["outcome"] == "ACCEPTED"
    assert shop.listed(f"?funding_transfer_id={deposit.public_id}") == [closed["id"]]
    assert check_ledger(by=system("test")).broken == ()


def test_deposits_are_the_transfers_of_type_settlement(shop: Shop) -> None:
    shop.approved()
    (deposit,) = shop.deposits()

    found = shop.partner.get("/transfers?type=SETTLEMENT").json()["_embedded"]["transfers"]

    assert [row["id"] for row in found] == [deposit.public_id]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"action": "START"}, "action"), ({"action": None}, "action"), ({"destination": "nonsense"}, "destination"),
        ({"destination": None}, "destination"), ({"destination": 5}, "destination"), ({"tags": ["a"]}, "tags"),
        ({"destination": "PIqf952xmeuiF179wdMiPXrW"}, "destination"),
        ({"action": "STOP_ACCRUAL", "destination": "PIqf952xmeuiF179wdMiPXrW"}, "destination"),
        ({"action": "STOP_ACCRUAL", "tags": {}}, "tags"),
        ({"destination": "PIqf952xmeuiF179wdMiPXrW", "tags": {}}, "tags"),
        ({"type": "EXPLICIT_AMOUNTS"}, "type"), ({"data": [{}]}, "data"),
    ],
)  # fmt: skip
def test_refused_change_is_named_and_changes_nothing(shop: Shop, body: dict[str, Any], field: str) -> None:
    settlement = shop.closed()

    answer = shop.put(settlement, **body)

    assert error_of(answer) == (422, "INVALID_FIELD", field)
    assert shop.now(settlement) == settlement


def test_accounts_of_others_and_cards_are_no_destination(shop: Shop) -> None:
    foreign, settlement = Shop("Foreign"), shop.closed()
    wrong = [foreign.account, make_card(shop.identity), make_bank_account(make_identity(shop.application))]

    answers = [shop.put(settlement, destination=one.public_id) for one in wrong]
    answers += [shop.fund(settlement, 100, destination=one.public_id) for one in wrong]

    assert [error_of(answer) for answer in answers] == [(422, "INVALID_FIELD", "destination")] * 6
    assert (shop.now(settlement)["status"], shop.deposits()) == ("AWAITING_APPROVAL", [])


def test_acts_out_of_order_are_refused(shop: Shop) -> None:
    settlement, to = shop.accrued(), {"destination": shop.account.public_id}
    early = [shop.put(settlement, **to), shop.fund(settlement, 100)]
    document(shop.put(settlement, action="STOP_ACCRUAL"))
    twice = shop.put(settlement, action="STOP_ACCRUAL")
    document(shop.put(settlement, **to))
    late = [shop.put(settlement, **to), shop.put(settlement, action="stop_accrual"), shop.fund(settlement, 1)]

    assert [error_of(answer) for answer in (*early, twice, *late)] == [
        *[(422, "UNPROCESSABLE_ENTITY", None)] * 5,
        (422, "INVALID_FIELD", "amount"),
    ]
    assert len(shop.deposits()) == 1


def test_first_part_approves_and_the_parts_come_to_the_net(shop: Shop) -> None:
    settlement = shop.closed()
    too_much = shop.fund(settlement, 12_251)

    first = document(shop.fund(settlement, 5_000, tags={"part": "1"}), 201)
    beyond = shop.fund(settlement, 7_251)
    second = document(shop.fund(settlement, 7_250, ""), 201)

    assert [error_of(answer) for answer in (too_much, beyond)] == [(422, "INVALID_FIELD", "amount")] * 2
    assert shop.now(settlement)["status"] == "APPROVED"
    assert [(part["subtype"], part["type"], part["state"], part["amount"]) for part in (first, second)] == [
        ("SPLIT_PAYOUT", "CREDIT", "PENDING", 5_000), ("SPLIT_PAYOUT", "CREDIT", "PENDING", 7_250),
    ]  # fmt: skip
    assert (first["tags"], first["destination"]) == ({"part": "1"}, shop.account.public_id)
    assert shop.below(settlement, "funding_transfers") == [second["id"], first["id"]]
    shop.work()
    assert [deposit.state for deposit in shop.deposits()] == ["SUCCEEDED", "SUCCEEDED"]
    assert error_of(shop.fund(settlement, 1)) == (422, "INVALID_FIELD", "amount")
    assert check_ledger(by=system("test")).broken == ()


def test_too_much_at_first_approves_nothing(shop: Shop) -> None:
    settlement = shop.closed()

    answer = shop.fund(settlement, 12_251)

    assert error_of(answer) == (422, "INVALID_FIELD", "amount")
    assert (shop.now(settlement), shop.deposits()) == (settlement, [])
    assert shop.item(settlement)["outcome"] == "PENDING"


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": 0}, "amount"), ({"amount": -1}, "amount"), ({"amount": 10.5}, "amount"),
        ({"amount": ...}, "amount"), ({"amount": True}, "amount"), ({"currency": ...}, "currency"),
        ({"currency": "CAD"}, "currency"), ({"destination": ...}, "destination"),
        ({"destination": "nonsense"}, "destination"), ({"destination": "PIqf952xmeuiF179wdMiPXrW"}, "destination"),
        ({"tags": {"a": 1.5}}, "tags.a"),
    ],
)  # fmt: skip
def test_refused_member_of_a_payment_is_named(shop: Shop, changes: dict[str, Any], field: str) -> None:
    settlement = shop.closed()

    answer = shop.fund(settlement, **({"amount": 100} | changes))

    assert error_of(answer) == (422, "INVALID_FIELD", field)
    assert (shop.now(settlement)["status"], shop.deposits()) == ("AWAITING_APPROVAL", [])


def test_returned_deposit_is_paid_again_elsewhere() -> None:
    shop = Shop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    settlement = shop.approved()
    shop.work()
    shop.pass_time()
    other = make_bank_account(shop.identity, account_number="123456")

    again = document(shop.fund(settlement, 12_250, destination=other.public_id), 201)
    shop.work()

    assert document(shop.partner.get(f"/transfers/{again['id']}"))["state"] == "SUCCEEDED"
    assert again["subtype"] == "SETTLEMENT_MERCHANT"
    assert error_of(shop.fund(settlement, 1)) == (422, "INVALID_FIELD", "amount")


def test_repeated_requests_are_done_once(shop: Shop) -> None:
    shop.pass_time()
    made = [shop.ask(key="make") for _ in range(2)]
    settlement = document(made[0], 201)
    closed = [shop.put(settlement, action="STOP_ACCRUAL", key="close") for _ in range(2)]
    parts = [shop.fund(settlement, 1_000, key="part-1") for _ in range(2)]
    parts += [shop.fund(settlement, 2_000, key="part-2") for _ in range(2)]

    for first, again in ((made[0], made[1]), (closed[0], closed[1]), (parts[0], parts[1]), (parts[2], parts[3])):
        assert first.status_code in {200, 201}
        assert (again.status_code, again.json()) == (first.status_code, first.json())
        assert again["Idempotent-Replayed"] == "true"
    assert [deposit.amount for deposit in shop.deposits()] == [1_000, 2_000]
    shop.work()
    later = shop.fund(settlement, 1_000, key="part-1")
    assert (later.status_code, later.json()["id"], later.json()["state"]) == (201, parts[0].json()["id"], "SUCCEEDED")
    assert error_of(shop.fund(settlement, 1_001, key="part-1")) == (422, "IDEMPOTENCY_MISMATCH", None)


def test_answers_that_were_never_kept_are_made_from_what_is(shop: Shop) -> None:
    """As after a process that died between its commit and its answer."""
    shop.pass_time()
    settlement = document(shop.ask(key="make"), 201)
    document(shop.put(settlement, action="STOP_ACCRUAL", key="close"))
    first = document(shop.fund(settlement, 1_000, key="first"), 201)
    second = document(shop.fund(settlement, 2_000, key="second"), 201)
    with transaction(by=system("test")):
        IdempotencyKey.objects.filter(application_id=shop.application.pk).update(status=None, body=None, is_final=False)

    answers = [
        document(shop.ask(key="make"), 201), document(shop.put(settlement, action="STOP_ACCRUAL", key="close")),
        document(shop.fund(settlement, 1_000, key="first"), 201),
        document(shop.fund(settlement, 2_000, key="second"), 201),
    ]  # fmt: skip

    assert [answer["id"] for answer in answers] == [settlement["id"], settlement["id"], first["id"], second["id"]]
    assert len(shop.deposits()) == 2


def test_lost_answer_to_an_approval_is_the_settlement(shop: Shop) -> None:
    settlement = shop.closed()
    to = {"destination": shop.account.public_id, "key": "approve"}
    approved = document(shop.put(settlement, **to))
    with transaction(by=system("test")):
        IdempotencyKey.objects.filter(application_id=shop.application.pk).update(status=None, body=None, is_final=False)

    again = document(shop.put(settlement, **to))

    assert (again["id"], again["status"]) == (approved["id"], "APPROVED")
    assert len(shop.deposits()) == 1


@pytest.mark.parametrize("outcome", ["ACCEPTED", "approved"])
def test_word_in_the_review_queue_pays(shop: Shop, outcome: str) -> None:
    settlement = shop.closed()

    item = document(shop.decide(settlement, outcome=outcome))

    assert (item["entity_type"], item["entity_id"]) == ("SETTLEMENT", settlement["id"])
    assert (item["outcome"], item["processor_type"], item["completed_at"] is not None) == ("ACCEPTED", "DUMMY_V1", True)
    assert item["_links"]["entity"]["href"] == f"{BASE}/settlements/{settlement['id']}"
    assert (shop.now(settlement)["status"], len(shop.deposits())) == ("APPROVED", 1)
    assert error_of(shop.decide(settlement, outcome="REJECTED", reason="No.")) == (422, "UNPROCESSABLE_ENTITY", None)


def test_rejection_needs_a_reason_and_frees_the_transfers(shop: Shop) -> None:
    settlement = shop.closed()
    wordless = shop.decide(settlement, outcome="REJECTED")

    item = document(shop.decide(settlement, outcome="REJECTED", reason="The shop is closed."))

    assert error_of(wordless) == (422, "INVALID_FIELD", "reason")
    assert (item["outcome"], item["reason"]) == ("REJECTED", "The shop is closed.")
    assert (shop.now(settlement)["status"], shop.deposits()) == ("CANCELLED", [])
    assert shop.below(settlement, "transfers") == []
    assert error_of(shop.fund(settlement, 100)) == (422, "UNPROCESSABLE_ENTITY", None)
    assert error_of(shop.put(settlement, destination=shop.account.public_id))[:2] == (422, "UNPROCESSABLE_ENTITY")
    assert shop.accrued()["total_amount"] == 12_550


def test_settlement_without_a_bank_account_is_not_approved(shop: Shop) -> None:
    settlement = shop.closed()
    document(shop.partner.put(f"/payment_instruments/{shop.account.public_id}", {"enabled": False}))

    answer = shop.decide(settlement, outcome="ACCEPTED")

    assert error_of(answer) == (422, "UNPROCESSABLE_ENTITY", None)
    assert (shop.now(settlement)["status"], shop.item(settlement)["outcome"]) == ("AWAITING_APPROVAL", "PENDING")


def test_where_two_people_are_asked_for_no_key_pays(shop: Shop) -> None:
    settlement = shop.closed()
    values = {"maker_checker_enabled": True}
    update_application(application=shop.application, values=values, by=system("test"), at=timezone.now())

    answers = [
        shop.decide(settlement, outcome="ACCEPTED"),
        shop.put(settlement, destination=shop.account.public_id),
        shop.fund(settlement, 100),
    ]

    assert [error_of(answer) for answer in answers] == [(422, "UNPROCESSABLE_ENTITY", None)] * 3
    assert "settlement" in errors(answers[0])[0][2]
    assert (shop.now(settlement)["status"], shop.deposits()) == ("AWAITING_APPROVAL", [])


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("?entity_type=settlement", True), ("?entity_type=MERCHANT", False), ("?entity_id={settlement}", True),
        ("?entity_id={merchant}", False), ("?entity_id=STmCc8GbjjX33SdymwNhb9Et", False),
        ("?entity_id=nonsense", False),
        ("?outcome=pending", True), ("?outcome=ACCEPTED", False), ("?processor_type=dummy_v1", True),
        ("?processor_type=LITLE_v1", False), ("?processor_type=VANTIV_V1", False),
        ("?created_at.gte=2019-06-15&created_at.erlte=2099-06-15", True),
        ("?created_at.gte=2019-06-15&created_at.erlte=2019-06-15", False), ("?created_at.lte=2019-06-15", False),
    ],
)  # fmt: skip
def test_documented_filters_of_the_review_queue(shop: Shop, query: str, *, is_found: bool) -> None:
    settlement = shop.closed()
    path = f"/review_queue{query.format(settlement=settlement['id'], merchant=shop.merchant.public_id)}"

    items = shop.admin.get(path).json()["_embedded"]["review_queue_items"]

    assert [item["entity_id"] for item in items] == [settlement["id"]] * is_found


@pytest.mark.parametrize(
    ("query", "is_found"),
    [
        ("amount=12550", True), ("amount=12551", False), ("amount.gt=12549", True), ("amount.gt=12550", False),
        ("gte=12550", True), ("lt=12550", False), ("amount.lte=12550", True), ("status=PENDING", True),
        ("status=pending", True), ("status=APPROVED", False), ("status=ALL", True), ("currency=usd", True),
        ("currency=CAD", False), ("processor=dummy_v1", True), ("processor=VISA_V1", False),
        ("merchant_id={shop.merchant.public_id}", True), ("identity_id={shop.identity.public_id}", True),
        ("identity_id={shop.merchant.public_id}", False), ("application_id={shop.application.public_id}", True),
        ("transfer_id={shop.sales[0].public_id}", True), ("transfer_id=TRr61njQxaa7AJf6E1C3QwCc", False),
        ("funding_transfer_id={shop.sales[0].public_id}", False), ("transfer_id=nonsense", False),
        ("tags.key=month", True), ("tags.key=month&tags.value=june", False),
        ("created_at.created_at.gte=2019-06-15&created_at.lte=2019-06-15", False),
        ("created_at.gte=2019-06-15", True),
    ],
)  # fmt: skip
def test_documented_filters_of_settlements(shop: Shop, query: str, *, is_found: bool) -> None:
    shop.pass_time()
    settlement = document(shop.ask(tags={"month": "may"}), 201)

    assert shop.listed(f"?{query.format(shop=shop)}") == [settlement["id"]] * is_found


@pytest.mark.parametrize("query", ["amount=100.00", "status=OPEN", "amount.gte=-1", "created_at.gte=yesterday"])
def test_wrong_filters_are_refused(shop: Shop, query: str) -> None:
    answer = shop.partner.get(f"/settlements?{query}")

    assert error_of(answer) == (400, "BAD_REQUEST", query.partition("=")[0])


def test_removal_and_entry_leave_a_trace(shop: Shop) -> None:
    settlement = shop.accrued()

    shop.remove(settlement, shop.sales[0].public_id)

    with transaction(by=system("test")):
        entries = SettlementEntry.objects.filter(transfer=shop.sales[0])
        assert [(entry.amount, entry.fee, entry.released_at is not None) for entry in entries] == [(10_000, 300, True)]
