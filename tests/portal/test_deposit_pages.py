"""Pages of deposits: where each is, what made it up, and what to do when it came back."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from onboarding.services import update_payment_instrument
from payments import services
from payments.models import Settlement, Transfer
from payments.portal.deposit_filters import DepositPanel
from payments.portal.deposit_states import standing_of
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.payments import make_bank_account
from tests.portal.exports import ask, taken
from tests.portal.pages import text_of
from tests.portal.settled import SettledShop
from tests.portal.settled import page_of as page_of_settlement
from tests.portal.shop import TRANSFERS

pytestmark = pytest.mark.django_db

LIST = "/dashboard/deposits/"
MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH} None"
LIST_BUDGET, PAGE_BUDGET = 19, 21
DAY = timedelta(days=1).total_seconds()


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


@pytest.fixture
def closed_account() -> SettledShop:
    """Its bank returns every deposit: the account was closed."""
    shop = SettledShop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    shop.paid(10_000)
    shop.pass_time()
    return shop


def page_of(deposit: Transfer) -> str:
    return f"{LIST}{deposit.public_id}/"


def listed(shop: SettledShop, query: str = "", role: Role = Role.MERCHANT) -> list[Any]:
    return [row.pk for row in shop.browser(role).get(f"{LIST}{query}").context["resources"]]


def test_deposit_is_on_its_way_until_the_day_it_is_expected(shop: SettledShop) -> None:
    settlement = shop.paid(10_000, fee=300)
    (deposit,) = shop.deposits()
    client = shop.browser(Role.MERCHANT)

    before = text_of(client.get(page_of(deposit)))
    shop.pass_time(5 * DAY)
    after = text_of(client.get(page_of(deposit)))

    assert "Deposit of 97.00 USD On its way" in before
    assert f"The bank should have it on {deposit.expected_on:%A}" in before
    assert "Deposit of 97.00 USD Paid" in after
    assert f"Trace id {deposit.trace_id}" in after
    assert f"Descriptor at the bank {deposit.statement_descriptor}" in after
    assert f"/dashboard/settlements/{settlement.public_id}/" in client.get(page_of(deposit)).content.decode()


def test_page_adds_up_what_made_it(shop: SettledShop) -> None:
    sale = shop.sale(10_000, fee=300)
    shop.refund(sale, 1_000)
    settlement = shop.paid(2_000)
    (deposit,) = shop.deposits()

    answer = shop.browser(Role.MERCHANT).get(page_of(deposit))

    told = [(part.label, part.count, text_of_money(part.amount)) for part in answer.context["lines"]]
    assert told == [
        ("Sales", 2, "120.00 USD"),
        ("Refunds and bank returns", 1, "\N{MINUS SIGN}10.00 USD"),
        ("Before fees", 3, "110.00 USD"),
        ("Fees", None, "\N{MINUS SIGN}3.00 USD"),
        ("Net", None, "107.00 USD"),
    ]
    assert deposit.amount == settlement.net_amount == 10_700
    assert {part.url for part in answer.context["lines"]} == {""}


def test_parts_of_a_settlement_tell_of_each_other(shop: SettledShop) -> None:
    settlement = shop.closed(10_000)
    for amount in (6_000, 4_000):
        services.pay_part(
            settlement=settlement,
            amount=amount,
            destination_id=shop.bank_account.pk,
            by=system("test"),
            at=timezone.now(),
        )
        shop.work()
    first, second = shop.deposits()

    answer = shop.browser(Role.MERCHANT).get(page_of(second))

    words = text_of(answer)
    assert "A part of a settlement of 100.00 USD" in words
    assert "\N{MINUS SIGN}60.00 USD This deposit 40.00 USD" in words
    assert "Still to be paid" not in words
    *_, other = answer.context["lines"]
    assert (other.label, other.url) == ("Paid by another deposit", page_of(first))


def test_what_is_still_to_be_paid_is_a_part(shop: SettledShop) -> None:
    settlement = shop.closed(10_000)
    services.pay_part(
        settlement=settlement,
        amount=4_000,
        destination_id=shop.bank_account.pk,
        by=system("test"),
        at=timezone.now(),
    )
    shop.work()
    (deposit,) = shop.deposits()

    words = text_of(shop.browser(Role.MERCHANT).get(page_of(deposit)))

    assert f"Net {NONE} 100.00 USD Still to be paid {NONE} {MINUS}60.00 USD This deposit 40.00 USD" in words


def test_returned_deposit_pays_nothing(closed_account: SettledShop) -> None:
    shop = closed_account
    (returned,) = shop.deposits()
    client = shop.browser(Role.MERCHANT)

    alone = text_of(client.get(page_of(returned)))
    again = services.fund_settlement(
        settlement=settlement_of(returned),
        amount=10_000,
        destination_id=make_bank_account(shop.identity, account_number="123456").pk,
        by=system("test"),
        at=timezone.now(),
    )
    shop.work()
    replaced, other = (text_of(client.get(page_of(deposit))) for deposit in (returned, again))

    assert f"Net {NONE} 100.00 USD Still to be paid {NONE} {MINUS}100.00 USD This deposit 0.00 USD" in alone
    assert f"Net {NONE} 100.00 USD Paid by another deposit {NONE} {MINUS}100.00 USD This deposit 0.00 USD" in replaced
    assert f"Net {NONE} 100.00 USD This deposit 100.00 USD" in other


def test_returned_deposit_tells_why_and_what_to_do(closed_account: SettledShop) -> None:
    (deposit,) = closed_account.deposits()

    merchant = text_of(closed_account.browser(Role.MERCHANT).get(page_of(deposit)))
    platform = text_of(closed_account.browser(Role.PLATFORM).get(page_of(deposit)))

    assert "Deposit of 100.00 USD Returned" in merchant
    assert "R02: " in merchant
    assert "Add another bank account: this one cannot be paid. The platform then pays it again." in merchant
    assert "Then pay what is left of the settlement again." in platform


def test_deposit_that_failed_says_that_nothing_was_paid(shop: SettledShop) -> None:
    settlement = shop.closed(10_000)
    services.pay_part(
        settlement=settlement,
        amount=10_000,
        destination_id=shop.bank_account.pk,
        by=system("test"),
        at=timezone.now(),
    )
    freeze(shop)
    shop.work()
    (deposit,) = shop.deposits()

    words = text_of(shop.browser(Role.MERCHANT).get(page_of(deposit)))

    assert deposit.state == "FAILED"
    assert "Failed: nothing was paid" in words
    assert listed(shop, "?state=FAILED") == [deposit.pk]
    assert [listed(shop, f"?state={state}") for state in ("ON_ITS_WAY", "PAID", "ON_ITS_WAY_OR_PAID")] == [[]] * 3


@pytest.mark.parametrize("days", [0, 5])
def test_transfers_tell_the_state_of_a_deposit_as_deposits_do(shop: SettledShop, days: int) -> None:
    shop.paid(10_000)
    shop.pass_time(days * DAY)
    (deposit,) = shop.deposits()
    client = shop.browser(Role.MERCHANT)

    page = client.get(f"{TRANSFERS}{deposit.public_id}/")

    standing = "Paid" if days else "On its way"
    assert f"Deposit of 100.00 USD {standing} TR" in text_of(page)
    assert f"{MINUS}100.00 USD {standing} Deposit" in text_of(client.get(TRANSFERS))
    assert page.context["document"]["state"] == "SUCCEEDED"


def test_timelines_of_a_returned_deposit_end_with_the_return(closed_account: SettledShop) -> None:
    (deposit,) = closed_account.deposits()
    client = closed_account.browser(Role.MERCHANT)

    for page in (page_of(deposit), f"{TRANSFERS}{deposit.public_id}/"):
        newest, *others = client.get(page).context["timeline"]
        assert newest["title"] == "Returned by the bank"
        assert newest["detail"].startswith("R02: ")
        assert client.get(newest["url"]).status_code == 200
        assert "Pending → Succeeded" in "".join(entry["detail"] for entry in others)
    listed_words = text_of(client.get(TRANSFERS))
    assert f"{MINUS}100.00 USD Returned Deposit Own Bakery" in listed_words


def test_deposit_that_was_taken_without_a_day_is_not_asked_for(shop: SettledShop) -> None:
    shop.paid(10_000)
    (deposit,) = shop.deposits()
    with transaction(by=system("test")):
        Transfer.objects.filter(pk=deposit.pk).update(expected_on=None)

    words = text_of(shop.browser(Role.MERCHANT).get(page_of(deposit)))

    assert "On its way The bank has taken it. It has not told on which day it should be there." in words


def test_filters_narrow_the_list(closed_account: SettledShop) -> None:
    shop = closed_account
    other = make_bank_account(shop.identity, account_number="123456")
    (returned,) = shop.deposits()
    settlement = settlement_of(returned)
    again = services.fund_settlement(
        settlement=settlement, amount=10_000, destination_id=other.pk, by=system("test"), at=timezone.now()
    )
    shop.work()
    today = again.created_at.date()

    assert listed(shop) == [again.pk, returned.pk]
    for query, found in {
        "state=RETURNED": [returned.pk],
        "state=ON_ITS_WAY": [again.pk],
        "state=PAID": [],
        "state=ON_ITS_WAY_OR_PAID": [again.pk],
        f"q={again.public_id}": [again.pk],
        f"q={returned.trace_id}": [returned.pk],
        "q=3456": [again.pk],
        "q=nothing": [],
        "amount=100.00": [again.pk, returned.pk],
        "amount.gte=100.01": [],
        f"settlement_id={settlement.public_id}": [again.pk, returned.pk],
        "settlement_id=STnonsense": [],
        f"merchant_id={shop.merchant.public_id}&created_at.gte={today}": [again.pk, returned.pk],
    }.items():
        assert (query, listed(shop, f"?{query}")) == (query, found)


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    form = DepositPanel(queryset=Transfer.objects.none()).form

    assert all(field.label for field in form.fields.values())
    assert {name for name, field in form.fields.items() if name.endswith("_id")} <= {
        name for name, field in form.fields.items() if field.help_text.startswith("Begins with")
    }


def test_only_deposits_are_listed_and_opened(shop: SettledShop) -> None:
    shop.paid(10_000)
    sale = shop.sale(500)
    (deposit,) = shop.deposits()

    assert listed(shop) == [deposit.pk]
    assert shop.browser(Role.MERCHANT).get(page_of(sale)).status_code == 404


@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_their_own_alone(shop: SettledShop, role: Role) -> None:
    beside, foreign = SettledShop.beside(shop), SettledShop("Foreign")
    for each in (shop, beside, foreign):
        each.paid(1_000)
    deposits = {row.merchant_id: row for each in (shop, foreign) for row in each.deposits()}
    own, other, theirs = (deposits[each.merchant.pk] for each in (shop, beside, foreign))
    seen = {Role.MERCHANT: {own.pk}, Role.PARTNER: {own.pk, other.pk}}.get(role, {own.pk, other.pk, theirs.pk})
    client = shop.browser(role)

    opened = {row.pk: client.get(page_of(row)).status_code for row in (own, other, theirs)}

    assert opened == {row.pk: 200 if row.pk in seen else 404 for row in (own, other, theirs)}
    assert {row.pk for row in client.get(LIST).context["resources"]} == seen


def test_list_and_report_are_taken_as_files(closed_account: SettledShop) -> None:
    SettledShop("Foreign").paid(500)
    (deposit,) = closed_account.deposits()
    client = closed_account.browser(Role.MERCHANT)
    today = deposit.created_at.date()

    (row,) = taken(client, "deposit-list")
    (reported,) = taken(client, "deposits", f"start_date={today}&end_date={today}")
    page = client.get(f"/dashboard/reports/?report=deposits&start_date={today}&end_date={today}")

    assert row == reported
    assert (row["Id"], row["Amount"], row["Currency"]) == (deposit.public_id, "100.00", "USD")
    assert row["Expected"] == f"{deposit.expected_on}"
    assert (row["State"], row["Returned"][-1]) == ("RETURNED", "Z")
    assert [total["count"] for total in page.context["totals"]] == ["1"]
    assert "Returned 1 100.00 USD" in text_of(page)
    assert ask(client, "deposits", f"start_date={today}&end_date={today}", "XLSX").status_code == 200


def test_files_and_pages_tell_the_same_of_a_deposit(shop: SettledShop) -> None:
    ahead = SettledShop("Ahead")
    for each in (shop, ahead):
        each.paid(1_000)
    ahead.pass_time(5 * DAY)
    for changes in ({"state": "FAILED", "failure_code": "LOST"}, {"returned_at": timezone.now()}):
        if "returned_at" in changes:
            shop.paid(2_000)
        else:
            shop.decided(shop.closed(3_000), "ACCEPTED")
        *_, deposit = shop.deposits()
        with transaction(by=system("test")):
            Transfer.objects.filter(pk=deposit.pk).update(**changes)
    deposits = [*shop.deposits(), *ahead.deposits()]
    client = shop.browser(Role.PLATFORM)
    pages = {page.pk: page for page in client.get(LIST).context["resources"]}

    exported = {row["Id"]: row["State"] for row in taken(client, "deposit-list")}

    told = [exported[deposit.public_id] for deposit in deposits]
    assert told == ["ON_ITS_WAY", "FAILED", "RETURNED", "PAID"]
    assert told == [standing_of(pages[deposit.pk]).value for deposit in deposits]
    for deposit, state in zip(deposits, told, strict=True):
        assert listed(shop, f"?state={state}", Role.PLATFORM) == [deposit.pk]
        assert [row["Id"] for row in taken(client, "deposit-list", f"state={state}")] == [deposit.public_id]
    today = timezone.now().date()
    report = client.get(f"/dashboard/reports/?report=deposits&start_date={today}&end_date={today + timedelta(days=9)}")
    assert [total["count"] for total in report.context["totals"]] == ["1"] * 4


def test_cost_does_not_grow_with_rows(shop: SettledShop) -> None:
    client = shop.browser(Role.ADMIN)
    shop.paid(1_000)
    (deposit,) = shop.deposits()
    costs = []
    for _ in range(2):
        for address in (LIST, page_of(deposit)):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            costs.append(len(queries))
        shop.paid(1_000, 2_000)
        SettledShop(f"Birch {len(costs)}").paid(500)

    assert costs == [LIST_BUDGET, PAGE_BUDGET] * 2


def test_empty_list_teaches(shop: SettledShop) -> None:
    assert "No deposit yet" in text_of(shop.browser(Role.MERCHANT).get(LIST))


def test_page_follows_a_deposit_until_it_is_sent(shop: SettledShop) -> None:
    shop.decided(shop.closed(1_000), "ACCEPTED")
    (deposit,) = shop.deposits()
    client = shop.browser(Role.MERCHANT)
    moving = client.get(page_of(deposit))

    shown = client.get(moving.context["following"]["url"], headers={"HX-Request": "true"})
    shop.work()
    later = client.get(moving.context["following"]["url"], headers={"HX-Request": "true"})

    assert (shown.status_code, later.status_code) == (204, 200)
    assert "the day on which it should be there is told a moment later" in text_of(moving)
    assert later.context["following"] is None
    assert page_of_settlement(settlement_of(deposit)) in later.content.decode()


def settlement_of(deposit: Transfer) -> Settlement:
    with transaction(by=system("test")):
        return Settlement.objects.select_related("application").get(pk=deposit.settlement_id)


def text_of_money(amount: str) -> str:
    return amount.replace('<span class="money">', "").replace('<span class="currency">', "").replace("</span>", "")


def freeze(shop: SettledShop) -> None:
    """Let the sandbox find the account disabled when it is to be paid."""
    update_payment_instrument(
        instrument=shop.bank_account, values={"enabled": False}, by=system("test"), at=timezone.now()
    )
