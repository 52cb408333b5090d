"""Statements: every cent of what was owed and paid can be followed, on the page, as CSV and as PDF."""

import base64
import contextlib
import csv
import io
import random
import re
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from events.models import Audit
from payments import services
from payments.models import LedgerAccount, Settlement, Transfer
from payments.portal import statement_files
from payments.portal import statements as pages
from payments.portal.printable import printable
from payments.services import statements
from payments.services.statements import Line, Scope, Statement, Totals
from tenancy.actors import system
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.portal.pages import text_of
from tests.portal.settled import SettledShop

pytestmark = pytest.mark.django_db

PERIODS = "/dashboard/statements/"
PERIOD_BUDGET, SETTLEMENT_BUDGET = 27, 20


@pytest.fixture
def shop() -> SettledShop:
    return SettledShop()


def page_of(shop: SettledShop) -> str:
    return f"{PERIODS}{shop.merchant.public_id}/"


def of_settlement(settlement: Settlement) -> str:
    return f"/dashboard/settlements/{settlement.public_id}/statement/"


def scope(shop: SettledShop, settlement: Settlement | None = None, *, days: tuple[int, int] = (-400, 400)) -> Scope:
    with transaction(by=system("test")):
        merchant = type(shop.merchant).objects.select_related("application", "identity").get(pk=shop.merchant.pk)
    if settlement is not None:
        return Scope(merchant, settlement=settlement)
    today = datetime.now(UTC).date()
    return Scope(merchant, first=today + timedelta(days=days[0]), last=today + timedelta(days=days[1]))


def read(what: Scope) -> tuple[list[Line], dict[str, Totals]]:
    """All lines; the first of them come with the same balances, and with the totals of all."""
    statement, shortened = Statement(what, system("test")), Statement(what, system("test"))
    lines = list(statement.lines())
    assert shortened.first_lines(2) == lines[:2]
    assert shortened.totals == statement.totals
    return [line for line, _ in lines], statement.totals


def owed(shop: SettledShop) -> int:
    """What the ledger says that the merchant is owed, on its balance or in settlements that are to be paid."""
    with transaction(by=system("test")):
        accounts = LedgerAccount.objects.filter(
            merchant=shop.merchant, kind__in=["MERCHANT_BALANCE", "SETTLEMENT_PAYABLE"]
        )
        return -sum(account.balance for account in accounts)


def rows_of(answer: Any) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer
    return list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode(), newline="")))


def printed(pdf: bytes) -> str:
    """What stands on the pages, in the order in which it was drawn."""
    streams = re.findall(rb"stream\r?\n(.*?)\r?\n?endstream", pdf, re.DOTALL)
    told = b"\n".join(zlib.decompress(base64.a85decode(stream.strip(), adobe=False)) for stream in map(_bare, streams))
    words = [word.decode("latin-1") for word in re.findall(rb"\((.*?)(?<!\\)\) Tj", told)]
    return " ".join(re.sub(r"\\([()\\])", r"\1", word) for word in words)


def _bare(stream: bytes) -> bytes:
    return stream.removesuffix(b"~>")


def carried(shop: SettledShop) -> None:
    """A paid settlement, one that lacks 40.00, and one that starts with that."""
    sale = shop.sale(10_000, fee=300)
    shop.paid(2_500)
    shop.refund(sale, 4_000)
    shop.decided(shop.closed(), "ACCEPTED")
    shop.accrued(9_000)


# --- to the cent


def test_lines_of_a_settlement_are_its_totals(shop: SettledShop) -> None:
    shop.sale(10_000, fee=300)
    settlement = shop.paid(2_550)

    lines, totals = read(scope(shop, settlement))

    assert [(line.kind, line.amount, line.fee) for line in lines] == [
        ("Sale", 10_000, 300),
        ("Sale", 2_550, 0),
        ("Deposit", -12_250, 0),
    ]
    (usd,) = totals.values()
    assert (usd.amount, usd.fee, usd.earned) == (settlement.total_amount, settlement.total_fee, settlement.net_amount)
    assert (usd.opening, usd.deposits, usd.closing) == (0, -12_250, 0)


def test_what_is_carried_leaves_one_and_enters_the_other(shop: SettledShop) -> None:
    carried(shop)
    with transaction(by=system("test")):
        lacking, later = Settlement.objects.filter(merchant=shop.merchant).order_by("created_at")[1:]

    out, out_totals = read(scope(shop, lacking))
    into, into_totals = read(scope(shop, later))
    _, whole = read(scope(shop))

    assert [(line.kind, line.net) for line in out] == [("Refund", -4_000), (statements.CARRIED_OUT, 4_000)]
    assert [(line.kind, line.net) for line in into] == [("Sale", 9_000), (statements.CARRIED_IN, -4_000)]
    assert (out_totals["USD"].closing, into_totals["USD"].closing) == (0, later.net_amount)
    assert (whole["USD"].carried, whole["USD"].closing) == (0, owed(shop)) == (0, 5_000)


def test_returned_deposit_is_owed_again() -> None:
    shop = SettledShop(account={"account_number": "123120007"}, sandbox_profile="finix-2026")
    settlement = shop.paid(10_000)
    shop.pass_time()

    lines, totals = read(scope(shop, settlement))

    assert [(line.kind, line.net) for line in lines] == [
        ("Sale", 10_000),
        ("Deposit", -10_000),
        ("Deposit returned by the bank", 10_000),
    ]
    assert totals["USD"].closing == owed(shop) == 10_000


def test_rejected_settlement_counts_once(shop: SettledShop) -> None:
    shop.decided(shop.closed(10_000), "REJECTED", "The shop is closed.")
    shop.closed()

    lines, totals = read(scope(shop))

    assert [line.net for line in lines] == [10_000]
    assert totals["USD"].closing == owed(shop) == 10_000


@pytest.mark.parametrize("seed", range(8))
def test_lines_sum_to_the_ledger_and_periods_join(shop: SettledShop, seed: int) -> None:
    """Whatever happens: the last balance is what the ledger says, and two periods tell what the whole of them does."""
    chance = random.Random(seed)
    _live_through(shop, chance)
    cut = chance.randrange(0, 5)

    whole_lines, whole = read(scope(shop))
    before_lines, before = read(scope(shop, days=(-400, cut)))
    after_lines, after = read(scope(shop, days=(cut + 1, 400)))

    usd = whole["USD"]
    assert usd.closing == sum(line.net for line in whole_lines) == owed(shop)
    assert usd.count == len(whole_lines) == len(before_lines) + len(after_lines)
    assert before_lines + after_lines == whole_lines
    assert before.get("USD", Totals("USD")).closing == after["USD"].opening
    assert after["USD"].closing == usd.closing
    for settlement in settlements_of(shop):
        lines, _ = read(scope(shop, settlement))
        held = [line for line in lines if line.group == "earned" or line.kind == statements.CARRIED_IN]
        assert sum(line.amount for line in held) == settlement.total_amount
        assert sum(line.fee for line in held) == settlement.total_fee
        assert sum(line.net for line in lines) == settlement.unfunded_amount + _undecided(settlement)


def settlements_of(shop: SettledShop) -> list[Settlement]:
    with transaction(by=system("test")):
        return list(
            Settlement.objects.filter(merchant=shop.merchant).exclude(status="CANCELLED").order_by("created_at")
        )


def _undecided(settlement: Settlement) -> int:
    """What is not to be paid yet; what an approved one lacks goes into the next, and into none where none follows."""
    return 0 if settlement.status == "APPROVED" else settlement.net_amount


def _live_through(shop: SettledShop, chance: random.Random) -> None:
    """A few days of a shop, of which the last ends with everything accrued and nothing lacking."""
    for _ in range(12):
        chance.choice([_sell, _sell, _refund, _refund, _close, _decide, _decide, _sleep])(shop, chance)
    _decide_all(shop)
    shop.sale(90_000)
    shop.accrued()


def _sell(shop: SettledShop, chance: random.Random) -> None:
    shop.sale(chance.randrange(1_000, 9_000), fee=chance.randrange(0, 300))


def _refund(shop: SettledShop, chance: random.Random) -> None:
    with transaction(by=system("test")):
        sales = list(Transfer.objects.filter(merchant=shop.merchant, type="DEBIT").order_by("created_at"))
    left = [sale for sale in sales if sale.refundable_amount]
    if left:
        sale = chance.choice(left)
        shop.refund(sale, chance.randrange(1, sale.refundable_amount + 1))


def _close(shop: SettledShop, _: random.Random) -> None:
    shop.pass_time()
    with contextlib.suppress(services.NothingToSettle):
        shop.closed()


def _decide(shop: SettledShop, chance: random.Random) -> None:
    for settlement in settlements_of(shop):
        if settlement.status == "AWAITING_APPROVAL":
            outcome = chance.choice(["ACCEPTED", "ACCEPTED", "REJECTED"])
            shop.decided(settlement, outcome, "Not now." if outcome == "REJECTED" else "")
    shop.work()


def _decide_all(shop: SettledShop) -> None:
    for settlement in settlements_of(shop):
        if settlement.status == "AWAITING_APPROVAL":
            shop.decided(settlement, "ACCEPTED")
    shop.work()


def _sleep(shop: SettledShop, _: random.Random) -> None:
    shop.pass_time(timedelta(days=1).total_seconds())


def test_lines_are_read_page_by_page(shop: SettledShop, monkeypatch: pytest.MonkeyPatch) -> None:
    settlement = shop.accrued(*range(1_000, 1_007))
    whole, _ = read(scope(shop, settlement))
    monkeypatch.setattr(statements, "LINES_AT_A_TIME", 2)

    lines, _ = read(scope(shop, settlement))

    assert lines == whole
    assert sum(line.amount for line in lines) == settlement.total_amount


# --- pages and files


def test_page_of_a_period_tells_lines_and_sums(shop: SettledShop) -> None:
    shop.sale(10_000, fee=300)
    shop.paid(2_550)
    client = shop.browser(Role.MERCHANT)

    answer = client.get(page_of(shop))

    words = text_of(answer)
    (usd,) = answer.context["totals"]
    told = [(label, re.sub(r"<[^>]+>", "", value)) for label, value in usd["facts"]]
    assert told == [
        ("Opening balance", "0.00 USD"),
        ("Sales less refunds and bank returns", "125.50 USD"),
        ("Fees", "\N{MINUS SIGN}3.00 USD"),
        ("Deposits less those returned", "\N{MINUS SIGN}122.50 USD"),
        ("Closing balance", "0.00 USD"),
    ]
    assert len(answer.context["rows"]) == 3
    assert "So far" in words
    links = set(
        re.findall(r'href="(/dashboard/(?:transfers|deposits|settlements)/[A-Z]{2}\w+/)"', answer.content.decode())
    )
    assert {client.get(link).status_code for link in links} == {200}
    assert len(links) == 4


def test_earlier_month_begins_and_ends_with_what_was_owed(shop: SettledShop) -> None:
    shop.accrued(10_000)
    today = datetime.now(UTC).date()
    later = f"start_date={today + timedelta(days=3)}&end_date={today + timedelta(days=4)}"

    answer = shop.browser(Role.MERCHANT).get(f"{page_of(shop)}?{later}")

    assert "Opening balance 100.00 USD" in text_of(answer)
    assert "Closing balance 100.00 USD" in text_of(answer)
    assert "Nothing in this period" in text_of(answer)


def test_long_statement_shows_its_first_lines_and_all_sums(shop: SettledShop, monkeypatch: pytest.MonkeyPatch) -> None:
    settlement = shop.accrued(1_000, 1_001, 1_003)
    monkeypatch.setattr(pages, "SHOWN", 2)

    answer = shop.browser(Role.MERCHANT).get(of_settlement(settlement))

    assert (len(answer.context["rows"]), answer.context["rest"]) == (2, "1")
    assert "Closing balance 30.04 USD" in text_of(answer)


@pytest.mark.parametrize("sales", [3, 9])
def test_page_reads_no_more_than_it_shows(shop: SettledShop, monkeypatch: pytest.MonkeyPatch, sales: int) -> None:
    settlement = shop.accrued(*range(1_000, 1_000 + sales))
    monkeypatch.setattr(pages, "SHOWN", 2)
    monkeypatch.setattr(statements, "LINES_AT_A_TIME", 1)
    client = shop.browser(Role.MERCHANT)

    with CaptureQueriesContext(connection) as queries:
        answer = client.get(of_settlement(settlement))

    read = [query["sql"] for query in queries if "settlement_entry" in query["sql"] and "LIMIT" in query["sql"]]
    assert (len(read), answer.context["rest"]) == (1, str(sales - 2))


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("start_date=2026-03-10&end_date=2026-03-09", "The end lies before the start."),
        ("start_date=2025-01-01&end_date=2026-03-09", "At most 366 days."),
        ("start_date=2026-03-10", "Name both days, or a month."),
        ("month=soon", "There is no such month."),
        ("month=9999-12", "There is no such month."),
        ("month=0001-01", "There is no such month."),
        ("start_date=9999-12-31&end_date=9999-12-31", "Choose a day of the years 1970 to 2199."),
        ("start_date=0001-01-01&end_date=0001-01-01", "Choose a day of the years 1970 to 2199."),
    ],
)
def test_period_that_is_none_is_told(shop: SettledShop, query: str, told: str) -> None:
    client = shop.browser(Role.MERCHANT)

    assert told in text_of(client.get(f"{page_of(shop)}?{query}"))
    for kind in ("csv", "pdf"):
        assert told in text_of(client.get(f"{page_of(shop)}{kind}/?{query}", follow=True))


def test_month_is_its_days(shop: SettledShop) -> None:
    answer = shop.browser(Role.MERCHANT).get(f"{page_of(shop)}?month=2024-02")

    assert answer.context["period"] == "1 Feb 2024 to 29 Feb 2024"


def test_csv_sums_to_its_totals(shop: SettledShop) -> None:
    carried(shop)
    client = shop.browser(Role.MERCHANT)

    found = rows_of(client.get(client.get(page_of(shop)).context["csv_url"]))

    lines = [row for row in found if row["Date"]]
    told = {row["Kind"]: row for row in found if not row["Date"]}
    assert cents(lines, "Net") == 5_000
    assert lines[-1]["Balance"] == told["Closing balance"]["Balance"] == "50.00"
    earned = [row for row in lines if row["Kind"] in {"Sale", "Refund"}]
    for column in ("Amount", "Fee", "Net"):
        assert cents(earned, column) == cents([told["Total earned"]], column)
    assert cents([told["Total deposits"]], "Net") == cents([row for row in lines if row["Kind"] == "Deposit"], "Net")
    assert told["Total carried"]["Net"] == "0.00"


def test_adjustments_are_a_line_of_their_own(shop: SettledShop) -> None:
    shop.sale(10_000, fee=300)
    shop.pass_time()
    adjust(shop, "MERCHANT_CREDIT_ADJUSTMENT", 333)
    adjust(shop, "MERCHANT_DEBIT_ADJUSTMENT", 111)
    settlement = shop.accrued()
    client = shop.browser(Role.MERCHANT)

    _, totals = read(scope(shop, settlement))
    words = text_of(client.get(of_settlement(settlement)))
    pdf = printed(client.get(f"{of_settlement(settlement)}pdf/").content)
    rows = rows_of(client.get(f"{of_settlement(settlement)}csv/"))

    usd = totals["USD"]
    assert (usd.amount, usd.adjusted, usd.closing) == (10_000, 222, settlement.total_amount - settlement.total_fee)
    assert "Sales less refunds and bank returns 100.00 USD" in words
    assert "Adjustments 2.22 USD" in words
    assert "Adjustments 2.22 USD" in pdf
    told = {row["Kind"]: row["Net"] for row in rows if not row["Date"]}
    assert (told["Total earned"], told["Total adjustments"]) == ("97.00", "2.22")


def adjust(shop: SettledShop, key: str, amount: int) -> None:
    services.create_adjustment(
        operation_key=key,
        merchant_id=shop.merchant.pk,
        amount=amount,
        currency="USD",
        by=system("test"),
        at=timezone.now(),
    )


def test_amount_and_fee_are_the_net_everywhere(shop: SettledShop) -> None:
    shop.sale(10_000, fee=300)
    settlement = shop.paid(2_550)
    client = shop.browser(Role.MERCHANT)

    rows = rows_of(client.get(f"{of_settlement(settlement)}csv/"))
    page = text_of(client.get(of_settlement(settlement)))
    pdf = printed(client.get(f"{of_settlement(settlement)}pdf/").content)

    told = [row for row in rows if row["Net"]]
    assert {row["Fee"] for row in told} == {"0.00", "-3.00"}
    assert [cents([row], "Net") for row in told] == [cents([row], "Amount") + cents([row], "Fee") for row in told]
    assert "\N{MINUS SIGN}3.00 USD 97.00 USD" in page
    assert "100.00 -3.00 97.00" in pdf


def test_what_is_carried_names_the_settlement_at_the_other_end(shop: SettledShop) -> None:
    carried(shop)
    with transaction(by=system("test")):
        lacking, later = Settlement.objects.filter(merchant=shop.merchant).order_by("created_at")[1:]
    client = shop.browser(Role.MERCHANT)

    for own, other in ((lacking, later), (later, lacking)):
        page = client.get(of_settlement(own)).content.decode()
        pdf = printed(client.get(f"{of_settlement(own)}pdf/").content)
        rows = rows_of(client.get(f"{of_settlement(own)}csv/"))

        assert f'href="/dashboard/settlements/{other.public_id}/"' in page
        assert f"{other.public_id}  {own.public_id}" in pdf
        ends = {row["Kind"]: row["Carried from or into settlement id"] for row in rows if row["Settlement id"]}
        (kind,) = {statements.CARRIED_IN, statements.CARRIED_OUT} & set(ends)
        assert ends.pop(kind) == other.public_id
        assert set(ends.values()) == {""}


def cents(rows: list[dict[str, str]], column: str) -> int:
    return sum(int(row[column].replace(".", "")) for row in rows)


def test_csv_holds_no_formula() -> None:
    shop = SettledShop("=1+1")
    shop.accrued(1_000)
    client = shop.browser(Role.MERCHANT)

    (row,) = [row for row in rows_of(client.get(f"{page_of(shop)}csv/")) if row["Date"]]

    assert row["Merchant"] == "'=1+1 Bakery"


@pytest.mark.parametrize(("paper", "box"), [("", b"595.2756 841.8898"), ("letter", b"612 792")])
def test_pdf_tells_the_same_to_print(shop: SettledShop, paper: str, box: bytes) -> None:
    shop.sale(10_000, fee=300)
    settlement = shop.paid(2_550)
    client = shop.browser(Role.MERCHANT)

    answer = client.get(f"{of_settlement(settlement)}pdf/?paper={paper}")

    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    assert box in answer.content
    words = printed(answer.content)
    assert "SANDBOX - test data, no money was moved" in words
    assert "Closing balance 0.00 USD" in words
    assert "Fees -3.00 USD" in words
    assert "100.00 -3.00 97.00 97.00" in words
    assert all(sale.public_id in words for sale in shop.deposits())
    assert "Page 1" in words


def test_pdf_goes_on_with_its_headings(shop: SettledShop) -> None:
    merchant = scope(shop).merchant
    lines = [(Line(timezone.now(), "Sale", "earned", 100, "USD", None), 100 * at) for at in range(120)]
    statement = Statement(scope(shop), system("test"))
    statement.lines = lambda: iter(lines)  # type: ignore[method-assign]  # a long one, without selling so much

    words = printed(statement_files.pdf_of(statement, "a4"))

    assert words.count("SANDBOX") == words.count("Date (UTC)") == words.count("Page ") >= 3
    assert words.count(f"Statement of {merchant.display_name}, ") == words.count("Page ") - 1


def test_pdf_that_would_be_too_long_is_refused(shop: SettledShop, monkeypatch: pytest.MonkeyPatch) -> None:
    settlement = shop.accrued(1_000, 1_001)
    monkeypatch.setattr(statement_files, "MOST_PRINTED", 1)

    answer = shop.browser(Role.MERCHANT).get(f"{of_settlement(settlement)}pdf/", follow=True)

    assert "lines at most. Take a shorter period, or CSV." in text_of(answer)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Café Ømega", "Café Ømega"),
        ("Ľuboš \u2212 1", "Lubo\u0161 - 1"),
        ("Łódź Şişli Đorđe ığ", "Lódz Sisli Dorde ig"),
        ("Щука и Дім, Юрій", "Shchuka i Dim, Yurii"),
        ("Ψωμί Ελλάς", "Psomi Ellas"),
        ("ﬁ Ⅳ", "fi IV"),
        ("東京", "??"),
    ],
)
def test_letters_that_cannot_be_printed(name: str, told: str) -> None:
    assert printable(name) == told


def test_file_that_is_taken_is_audited(shop: SettledShop) -> None:
    settlement = shop.accrued(1_000)
    client = shop.browser(Role.MERCHANT)

    client.get(f"{of_settlement(settlement)}csv/")
    client.get(f"{page_of(shop)}pdf/?month=2026-03")

    with transaction(by=system("test")):
        found = list(
            Audit.objects.filter(action="download_statement").order_by("pk").values_list("reason", "resource_id")
        )
    assert found == [
        (f"CSV, Settlement {settlement.public_id}", settlement.pk),
        ("PDF, 1 Mar 2026 to 31 Mar 2026", shop.merchant.pk),
    ]


def test_rejected_settlement_has_none(shop: SettledShop) -> None:
    settlement = shop.decided(shop.closed(1_000), "REJECTED", "The shop is closed.")

    answer = shop.browser(Role.MERCHANT).get(of_settlement(settlement), follow=True)

    assert "A settlement that was rejected has no statement" in text_of(answer)


# --- whose


@pytest.mark.parametrize("role", list(Role))
def test_everybody_sees_their_own_alone(shop: SettledShop, role: Role) -> None:
    beside, foreign = SettledShop.beside(shop), SettledShop("Foreign")
    settlements = {each: each.accrued(1_000) for each in (shop, beside, foreign)}
    seen = {Role.MERCHANT: [shop], Role.PARTNER: [shop, beside]}.get(role, [shop, beside, foreign])
    client = shop.browser(role)

    for each, settlement in settlements.items():
        for page in (page_of(each), of_settlement(settlement)):
            found = {client.get(f"{page}{kind}").status_code for kind in ("", "csv/", "pdf/")}
            assert (page, found) == (page, {200 if each in seen else 404})


def test_merchant_of_one_comes_to_its_statement_at_once(shop: SettledShop) -> None:
    assert shop.browser(Role.MERCHANT).get(PERIODS)["Location"] == page_of(shop)


def test_others_choose_whose(shop: SettledShop) -> None:
    beside, foreign = SettledShop.beside(shop), SettledShop("Foreign")
    client = shop.browser(Role.PARTNER)

    words = client.get(PERIODS).content.decode()
    found = client.get(f"{PERIODS}?merchant={beside.merchant.public_id}")
    missed = client.get(f"{PERIODS}?merchant={foreign.merchant.public_id}")

    assert page_of(shop) in words
    assert page_of(beside) in words
    assert page_of(foreign) not in words
    assert found["Location"] == page_of(beside)
    assert "There is no such merchant." in text_of(missed)


def test_cost_does_not_grow_with_lines(shop: SettledShop) -> None:
    shop.paid(1_000)
    settlement = shop.accrued(1_000)
    client = shop.browser(Role.MERCHANT)
    costs = []
    for _ in range(2):
        for address in (page_of(shop), of_settlement(settlement)):
            client.get(address)
            with CaptureQueriesContext(connection) as queries:
                client.get(address)
            costs.append(len(queries))
        shop.accrued(1_000, 2_000)

    assert costs == [PERIOD_BUDGET, SETTLEMENT_BUDGET] * 2
