"""The start page: what waits for whoever signs in, and what was sold and paid by day."""

import re
from copy import copy
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from payments import services
from payments.models import Transfer
from portal.charts import Series, bar_chart
from resources import ids
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_merchant
from tests.portal.pages import browser, rows, text_of
from tests.portal.settled import SettledShop, page_of

pytestmark = pytest.mark.django_db

HOME = "/dashboard/"
BUDGET = {Role.MERCHANT: 22, Role.PARTNER: 14, Role.ADMIN: 24}


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


def home(client: Client, query: str = "") -> Any:
    answer = client.get(f"{HOME}{query}")
    assert answer.status_code == 200
    return answer


def volume_of(answer: Any) -> Any:
    (found,) = [card["content"] for card in answer.context["cards"] if card["template"].endswith("home_volume.html")]
    return found


def totals_of(chart: Any) -> dict[str, str]:
    return {key["label"]: re.sub(r"<[^>]+>", "", key["total"]) for key in chart["keys"]}


def copy_of(transfer: Transfer, **values: Any) -> None:
    """Another row that is like it but for these values."""
    row = copy(transfer)
    row.pk = ids.new_id()
    for name, value in values.items():
        setattr(row, name, value)
    with transaction(by=system("test")):
        row.save(force_insert=True)


def backdate(transfer: Transfer, days: int) -> None:
    with transaction(by=system("test")):
        rows = Transfer.objects.filter(pk=transfer.pk)
        rows.update(created_at=transfer.created_at - timedelta(days=days))


@pytest.mark.parametrize("role", list(Role))
def test_everybody_has_a_home(shop: SettledShop, role: Role) -> None:
    page = home(shop.browser(role))

    assert "Home" in text_of(page)
    (entry,) = page.context["navigation"][0]["entries"]
    assert (entry["label"], entry["url"], entry["is_current"]) == ("Home", HOME, True)


def test_stranger_signs_in_first() -> None:
    assert "/account/" in Client().get(HOME)["Location"]


def test_merchant_sees_what_is_owed_comes_and_came(shop: SettledShop) -> None:
    shop.paid(10_000, fee=300)
    shop.accrued(2_500)

    words = text_of(home(shop.browser(Role.MERCHANT)))

    assert "Your balance 25.00 USD" in words
    assert "Next deposit 25.00 USD Closes" in words
    assert "Last deposit 97.00 USD Expected" in words
    assert "to be paid" not in words


def test_closed_settlement_is_what_comes_next_until_it_is_paid(shop: SettledShop) -> None:
    settlement = shop.closed(10_000, fee=300)
    shop.accrued(2_500)
    client = shop.browser(Role.MERCHANT)

    waiting = text_of(home(client))
    shop.decided(settlement, "ACCEPTED")
    shop.work()
    paid = text_of(home(client))

    assert "Your balance 25.00 USD Closed, to be paid 97.00 USD Next deposit 97.00 USD Waits for approval" in waiting
    assert "Your balance 25.00 USD Next deposit 25.00 USD Closes" in paid


def test_settlement_that_pays_nothing_does_not_come_next(shop: SettledShop) -> None:
    shop.paid(10_000)
    shop.refund(rows(Transfer)[0], 4_000)
    shop.closed()

    assert "Next deposit Nothing yet" in text_of(home(shop.browser(Role.MERCHANT)))


def test_nothing_sold_yet_teaches(shop: SettledShop) -> None:
    merchant, partner = (text_of(home(shop.browser(role))) for role in (Role.MERCHANT, Role.PARTNER))

    assert "Your balance 0.00 USD" in merchant
    assert "Nothing sold in these days" in merchant
    assert "New sale" not in merchant
    assert "New sale" in partner


def test_charts_tell_the_sums_of_the_rows(shop: SettledShop) -> None:
    sale = shop.sale(10_000)
    shop.sale(102)  # declined by the sandbox
    shop.refund(sale, 1_500)
    backdate(shop.sale(700), 8)

    month, week = (volume_of(home(shop.browser(Role.MERCHANT), query)) for query in ("", "?days=7"))

    assert totals_of(month["sales"]) == {"Sales": "107.00 USD", "Refunds and bank returns": "15.00 USD"}
    assert totals_of(week["sales"]) == {"Sales": "100.00 USD", "Refunds and bank returns": "15.00 USD"}
    assert (len(month["sales"]["rows"]), len(week["sales"]["rows"])) == (30, 7)
    assert len(volume_of(home(shop.browser(Role.MERCHANT), "?days=soon"))["sales"]["rows"]) == 30


def test_row_of_a_day_leads_to_its_transfers(shop: SettledShop) -> None:
    sale, older = shop.sale(10_000), shop.sale(700)
    backdate(older, 3)
    client = shop.browser(Role.MERCHANT)
    today, *_ = volume_of(home(client))["sales"]["rows"]

    answer = client.get(today["cells"][0]["url"])

    assert [row.pk for row in answer.context["resources"]] == [sale.pk]
    assert today["cells"][1]["url"] == ""


def test_links_lead_to_what_was_counted_and_nothing_else(shop: SettledShop) -> None:
    sale, failed = shop.sale(10_000), [shop.sale(102) for _ in range(5)]  # declined by the sandbox
    pulled = {"operation_key": "PULL_FROM_CARD", "ready_to_settle_upon": None, "ready_to_settle_at": None}
    given_back = {"type": "REVERSAL", "parent": sale, "source": None, "destination": shop.card}
    for row, values in ((sale, pulled), (failed[0], pulled), (failed[0], given_back), (failed[0], {"currency": "EUR"})):
        copy_of(row, **values)
    client = shop.browser(Role.MERCHANT)
    found = volume_of(home(client))
    today, *_ = found["sales"]["rows"]

    listed = [
        {row.pk for row in client.get(url).context["resources"]}
        for url in (today["cells"][0]["url"], found["failing"]["url"])
    ]

    assert listed == [{sale.pk}, {row.pk for row in failed}]


def test_deposit_stands_in_its_chart_and_not_among_sales(shop: SettledShop) -> None:
    shop.paid(10_000, fee=300)
    client = shop.browser(Role.MERCHANT)

    found = volume_of(home(client))

    assert totals_of(found["deposits"]) == {"Deposits": "97.00 USD"}
    assert totals_of(found["sales"]) == {"Sales": "100.00 USD", "Refunds and bank returns": "0.00 USD"}
    linked = [cell["url"] for row in found["deposits"]["rows"] for cell in row["cells"] if cell["url"]]
    (listed,) = client.get(linked[0]).context["resources"]
    assert listed.pk == shop.deposits()[0].pk


def test_returned_deposit_needs_attention_and_counts_nowhere() -> None:
    shop = SettledShop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    shop.paid(10_000)
    shop.pass_time()

    answer = home(shop.browser(Role.MERCHANT))

    assert "The bank returned the deposit: 100.00 USD is to be paid R02: " in text_of(answer)
    assert "Closed, to be paid 100.00 USD" in text_of(answer)
    assert "Last deposit 100.00 USD" in text_of(answer)
    assert volume_of(answer)["deposits"]["has_values"] is False
    assert totals_of(volume_of(answer)["sales"])["Refunds and bank returns"] == "0.00 USD"


def test_part_that_was_paid_is_no_alarm(shop: SettledShop) -> None:
    settlement = shop.closed(10_000)
    services.pay_part(
        settlement=settlement,
        amount=4_000,
        destination_id=shop.bank_account.pk,
        by=system("test"),
        at=timezone.now(),
    )
    shop.work()

    answer = home(shop.browser(Role.MERCHANT))

    told = "60.00 USD is still to be paid The rest of it was paid or is under way."
    assert told in text_of(answer)
    (notice,) = [
        notice
        for card in answer.context["cards"]
        for notice in card["content"].get("notices", ())
        if "60.00" in notice["title"]
    ]
    assert notice["level"] == "warning"
    assert notice["url"] == page_of(settlement)


def test_negative_balance_and_failing_sales_need_attention(shop: SettledShop) -> None:
    sale = shop.sale(1_250)
    for _ in range(5):
        shop.sale(102)  # declined by the sandbox
    shop.pass_time()
    shop.paid()
    shop.refund(sale, 1_250)

    answer = home(shop.browser(Role.MERCHANT))

    assert "Your balance is \N{MINUS SIGN}12.50 USD" in text_of(answer)
    assert "5 of 6 sales failed" in text_of(answer)


def test_merchant_sees_its_own_alone(shop: SettledShop) -> None:
    beside, foreign = SettledShop.beside(shop), SettledShop("Foreign")
    beside.paid(9_900)
    foreign.paid(7_700)
    shop.sale(500)

    answer = home(shop.browser(Role.MERCHANT))

    assert totals_of(volume_of(answer)["sales"])["Sales"] == "5.00 USD"
    assert "Last deposit None yet" in text_of(answer)
    assert totals_of(volume_of(home(shop.browser(Role.PARTNER)))["sales"])["Sales"] == "104.00 USD"
    assert totals_of(volume_of(home(shop.browser(Role.ADMIN)))["sales"])["Sales"] == "181.00 USD"


def test_currency_is_chosen(shop: SettledShop) -> None:
    shop.sale(500)
    shop.sale(600)
    in_euro = shop.sale(900)  # the sandbox sells in one currency
    with transaction(by=system("test")):
        in_euro.pk, in_euro.currency = ids.new_id(), "EUR"
        in_euro.save(force_insert=True)
    client = shop.browser(Role.MERCHANT)

    first, other = (volume_of(home(client, query)) for query in ("", "?currency=EUR"))

    assert [choice["label"] for choice in first["currencies"]] == ["USD", "EUR"]
    assert totals_of(first["sales"])["Sales"] == "20.00 USD"
    assert totals_of(other["sales"])["Sales"] == "9.00 EUR"


def test_tasks_come_first_for_those_who_may_do_them(shop: SettledShop) -> None:
    shop.closed(10_000)
    make_merchant(make_merchant_identity(shop.application, first_name="REVIEW", last_name="MERCHANT"))

    pages = {role: home(shop.browser(role)) for role in Role}

    told = {(task["count"], task["label"]): task["url"] for task in pages[Role.PLATFORM].context["tasks"]}
    assert told[1, "settlement waits for a decision"] == "/dashboard/review/settlements/"
    assert all(pages[Role.PLATFORM].client.get(url).status_code == 200 for url in told.values())
    assert pages[Role.MERCHANT].context["has_tasks"] is False
    assert pages[Role.PARTNER].context["tasks"] == []
    assert "Nothing waits for you." in text_of(pages[Role.PARTNER])


@pytest.mark.parametrize("role", list(BUDGET))
def test_cost_does_not_grow_with_rows(shop: SettledShop, role: Role) -> None:
    shop.paid(1_000)
    shop.closed(2_000)
    counts = []
    for _ in range(2):
        client = shop.browser(role)
        client.get(HOME)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            home(client)
        counts.append(len(queries))
        shop.closed(1_100, 1_200, 1_300)
        shop.accrued(900)

    assert counts == [BUDGET[role]] * 2


# --- the chart itself


def test_bars_fill_the_plot_and_hang_from_one_line() -> None:
    day = timezone.now().date()
    chart = bar_chart(
        "Both",
        [day - timedelta(days=1), day],
        [Series("Up", [300, 0], ["", ""]), Series("Down", [0, 100], ["", ""])],
        shown=str,
        told=str,
    )

    up, down = (bar for column in chart["columns"] for bar in column["bars"])
    assert (up["y"], up["height"], chart["baseline"]) == ("0.00", "75.00", "75.00")
    assert (down["y"], down["height"]) == ("75.00", "25.00")
    assert [row["cells"][0]["value"] for row in chart["rows"]] == ["0", "300"]


def test_chart_of_nothing_is_drawn() -> None:
    chart = bar_chart("None", [timezone.now().date()], [Series("Up", [0], [""])], shown=str, told=str)

    assert (chart["has_values"], chart["columns"][0]["bars"]) == (False, [])


def test_home_counts_by_the_clock_of_the_application(shop: SettledShop) -> None:
    shop.pass_time(timedelta(days=40).total_seconds())
    with transaction(by=system("test")):
        shop.application = Application.objects.get(pk=shop.application.pk)
    shop.sale(500)

    assert totals_of(volume_of(home(shop.browser(Role.MERCHANT)))["sales"])["Sales"] == "5.00 USD"
    assert browser(Role.ADMIN).get(HOME).status_code == 200
