"""Reports: from one day to another, both included, with totals of exactly the rows that are taken."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from payments.models import Transfer
from tenancy.actors import system
from tenancy.roles import PERMISSIONS, Permission, Role
from tenancy.transactions import transaction
from tests.exports.patience import locked, patience
from tests.factories.payments import make_sale
from tests.portal.exports import taken
from tests.portal.pages import browser, text_of
from tests.portal.settled import SettledShop
from tests.portal.test_exports import Shop
from tests.portal.test_home_pages import copy_of

PAGE = "/dashboard/reports/"
BUDGET = 16


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop("Own")


def made_at(moment: datetime, shop: Shop, amount: int = 100) -> Transfer:
    sale = make_sale(shop.merchant, shop.card, amount=amount)
    with transaction(by=system()):
        Transfer.objects.filter(pk=sale.pk).update(created_at=moment)
    return sale


def of(start: date, end: date) -> str:
    return f"start_date={start}&end_date={end}"


def test_both_days_are_in_it_as_days_of_utc(shop: Shop) -> None:
    day = date(2026, 3, 10)
    first = datetime(2026, 3, 10, tzinfo=UTC)
    inside = [made_at(first, shop), made_at(first + timedelta(days=2, microseconds=-1), shop)]
    made_at(first - timedelta(microseconds=1), shop)
    made_at(first + timedelta(days=2), shop)

    found = taken(shop.browser(Role.PARTNER), "transactions", of(day, day + timedelta(days=1)))

    assert {row["Id"] for row in found} == {sale.public_id for sale in inside}


def test_totals_are_those_of_the_rows(shop: Shop) -> None:
    foreign = Shop("Foreign")
    make_sale(shop.merchant, shop.card, amount=250)
    make_sale(shop.merchant, shop.card, amount=102)  # declined by the sandbox
    make_sale(foreign.merchant, foreign.card, amount=999)
    today = shop.sale.created_at.date()

    page = shop.browser(Role.MERCHANT).get(f"{PAGE}?{of(today, today)}")

    totals = [(row["count"], str(row["amount"])) for row in page.context["totals"]]
    words = text_of(page)
    assert [count for count, _ in totals] == ["1", "2"]
    assert "1.02" in totals[0][1]
    assert "15.00" in totals[1][1]
    assert "Debit" in words
    assert "9.99" not in words


@pytest.mark.django_db
def test_what_is_settled_and_what_never_is_stand_apart() -> None:
    """Sales and pulls are both debits; returned debits and returned deposits are both reversals by a bank."""
    shop = SettledShop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    shop.paid(10_000)
    shop.pass_time()  # and the deposit comes back
    sale = shop.sale(250)
    copy_of(sale, operation_key="PULL_FROM_CARD", ready_to_settle_upon=None, ready_to_settle_at=None)
    today = datetime.now(UTC).date()

    page = shop.browser(Role.MERCHANT).get(f"{PAGE}?{of(today - timedelta(days=9), today + timedelta(days=9))}")

    words = text_of(page)
    assert "Credit Deposit Never Succeeded 1 100.00 USD" in words
    assert "Debit Asked for Never Succeeded 1 2.50 USD" in words
    assert "Debit Asked for In settlements Succeeded 2 102.50 USD" in words
    assert "Reversal By a bank Never Succeeded 1 100.00 USD" in words


def test_report_leads_to_its_file(shop: Shop) -> None:
    client = shop.browser(Role.PARTNER)
    page = client.get(PAGE)  # of this month, unless told otherwise

    menu = page.context["export"]

    assert menu["listing"] == "transactions"
    assert [row["Id"] for row in taken(client, menu["listing"], menu["query"])] == [shop.sale.public_id]


@pytest.mark.parametrize(
    ("query", "field", "told"),
    [
        ("start_date=2026-03-10&end_date=2026-03-09", "end_date", "The end lies before the start."),
        ("start_date=2025-01-01&end_date=2026-03-09", "end_date", "At most 366 days."),
        ("start_date=soon&end_date=2026-03-09", "start_date", "Enter a valid date."),
        ("start_date=&end_date=2026-03-09", "start_date", "This field is required."),
        ("start_date=9999-12-31&end_date=9999-12-31", "end_date", "Choose a day of the years 1970 to 2199."),
        ("start_date=0001-01-01&end_date=0001-01-01", "start_date", "Choose a day of the years 1970 to 2199."),
    ],
)
def test_period_that_is_none_is_told(shop: Shop, query: str, field: str, told: str) -> None:
    client = shop.browser(Role.PARTNER)

    page = client.get(f"{PAGE}?{query}")
    refused = client.post(
        "/dashboard/exports/new/", {"listing": "transactions", "query": query, "format": "CSV"}, follow=True
    )

    assert page.context["form"].errors[field] == [told]
    assert (page.context["totals"], page.context["export"]) == (None, None)
    assert "A filter of this list cannot be read." in text_of(refused)


def test_only_kinds_that_one_may_take_are_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    client = shop.browser(Role.PARTNER)
    before = [kind["label"] for kind in client.get(PAGE).context["kinds"]]
    monkeypatch.setitem(PERMISSIONS, Role.PARTNER, PERMISSIONS[Role.PARTNER] - {Permission.VIEW_TRANSFERS})

    after = [kind["label"] for kind in client.get(PAGE).context["kinds"]]

    assert "Transactions" in before
    assert after == [label for label in before if label != "Transactions"]


@pytest.mark.usefixtures("own_database")
def test_report_whose_totals_take_too_long_can_still_be_taken() -> None:
    """The statement waits for a lock here until its time is over, as a sum of too many rows would."""
    shop = Shop("Own")
    client = shop.browser(Role.PARTNER)

    with locked("transfer"), patience(statement_timeout="300ms", lock_timeout="0"):
        page = client.get(PAGE)

    assert page.context["totals"] is None
    assert page.context["export"]["listing"] == "transactions"
    assert "too much in this period" in text_of(page)


@pytest.mark.usefixtures("own_database")
def test_database_that_fails_otherwise_is_no_advice() -> None:
    shop = Shop("Own")
    client = shop.browser(Role.PARTNER)

    with locked("transfer"), patience(lock_timeout="200ms"), pytest.raises(OperationalError):
        client.get(PAGE)


@pytest.mark.parametrize("count", [1, 3])
def test_page_costs_the_same_however_much_happened(shop: Shop, count: int) -> None:
    for _ in range(count - 1):
        make_sale(shop.merchant, shop.card)
    client = browser(Role.ADMIN)
    client.get(PAGE)  # what is asked once per process

    with CaptureQueriesContext(connection) as queries:
        client.get(PAGE)

    assert len(queries) == BUDGET
