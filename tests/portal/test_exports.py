"""Lists as files: the same rows as on the page, raw values, no formulas, and a line in the audit history for each."""

from datetime import datetime
from io import BytesIO
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from openpyxl import load_workbook

from events.models import Audit
from exports.cells import all_neutral, neutral
from exports.columns import Column, Member, _encoded, units
from exports.listings import Listing, listings
from exports.models import Export
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.portal.urls import urlpatterns as onboarding_pages
from payments.models import Authorization, Transfer
from payments.portal.urls import urlpatterns as payments_pages
from resources import ids
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import PERMISSIONS, Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import (
    make_authorization,
    make_bank_account,
    make_card,
    make_merchant,
    make_processor,
    make_sale,
)
from tests.factories.reviews import make_review_item
from tests.factories.tenancy import make_application, make_person
from tests.portal.exports import LIST, START, ask, content_of, page_of, sheet, table, taken
from tests.portal.pages import browser, only, rows, text_of

pytestmark = pytest.mark.django_db

PAGES = [
    view
    for pattern in (*onboarding_pages, *payments_pages)
    if (view := getattr(pattern.callback, "view_class", None)) is not None and getattr(view, "listing", None)
]
HOSTILE = "=1+1"
WITH_ROWS = {"transfers", "transactions", "identities", "merchants", "payment-instruments", "waiting-reviews"}
BUDGET = 23


class Shop:
    """An application with an approved merchant and a buyer with a card, who has bought something."""

    def __init__(self, name: str) -> None:
        self.application: Application = make_application(name)[0]
        make_processor(self.application)
        self.identity: Identity = make_merchant_identity(self.application, doing_business_as=f"{name} Bakery")
        self.merchant: Merchant = make_merchant(self.identity)
        self.buyer: Identity = make_identity(self.application)
        self.card: PaymentInstrument = make_card(self.buyer)
        self.sale: Transfer = make_sale(self.merchant, self.card, amount=1250, tags={"order": "=7"})

    def browser(self, role: Role) -> Client:
        return browser(role, self.application, self.identity)


@pytest.fixture
def shop(db: None) -> Shop:
    return Shop("Own")


def iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def test_transfers_are_taken_as_they_are(shop: Shop) -> None:
    answer = ask(shop.browser(Role.ADMIN), "transfers")
    content = content_of(answer)

    (row,) = table(content)
    sale = only(Transfer)
    export = only(Export)
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="transfers-{export.created_at:%Y%m%d-%H%M%S}.csv"'
    assert row == {
        "Id": sale.public_id,
        "Created": iso(sale.created_at),
        "Updated": iso(sale.updated_at),
        "Type": "DEBIT",
        "Subtype": "API",
        "State": "SUCCEEDED",
        "Amount": "12.50",
        "Currency": "USD",
        "Fee": "0.00",
        "Refunded": "0.00",
        "Merchant id": shop.merchant.public_id,
        "Merchant": "Own Bakery",
        "Merchant's identity id": shop.identity.public_id,
        "Processor id": ids.public_id("PR", sale.processor_id),
        "Instrument": "PAYMENT_CARD",
        "Holder": "Sean Green",
        "Brand": "VISA",
        "First six": "489514",
        "Last four": "0006",
        "Source id": shop.card.public_id,
        "Destination id": "",
        "Reversal of": "",
        "Authorization id": "",
        "Ready to settle": iso(sale.ready_to_settle_at) if sale.ready_to_settle_at else "",
        "Statement descriptor": sale.statement_descriptor or "",
        "Trace id": sale.trace_id or "",
        "Failure code": "",
        "Failure message": "",
        "Address check": sale.address_verification or "",
        "Security code check": sale.security_code_verification or "",
        "Idempotency id": sale.idempotency_id or "",
        "Tags": '{"order": "=7"}',
        "Application id": shop.application.public_id,
        "Application": "Own",
    }
    assert content.startswith(b"Id,Created,")
    assert content.count(b"\r\n") == content.count(b"\n") == 2


@pytest.mark.parametrize("listing", ["transfers", "identities", "merchants", "payment-instruments", "transactions"])
@pytest.mark.parametrize("role", Role)
def test_only_what_its_page_shows_is_taken(shop: Shop, listing: str, role: Role) -> None:
    """A merchant's own, an application's, or everything; and whose it is, is told to the platform alone."""
    foreign = Shop("Foreign")
    query = f"start_date={shop.sale.created_at:%Y-%m-%d}&end_date={shop.sale.created_at:%Y-%m-%d}"

    found = taken(shop.browser(role), listing, query if listing == "transactions" else "")

    model = {"identities": Identity, "merchants": Merchant, "payment-instruments": PaymentInstrument}.get(
        listing, Transfer
    )
    everything = {row.public_id: row for row in rows(model)}
    own = {key for key, row in everything.items() if row.application_id == shop.application.pk}
    its = {"identities": {shop.identity.public_id}, "payment-instruments": set()}.get(listing, own)
    sees = {Role.MERCHANT: its, Role.PARTNER: own}.get(role, set(everything))
    assert own < set(everything)
    assert {row["Id"] for row in found} == sees
    assert all(("Application" in row) == (role in Role.of_the_platform()) for row in found)
    assert foreign.application.pk != shop.application.pk


def test_filters_of_the_page_are_those_of_the_file(shop: Shop) -> None:
    large = make_sale(shop.merchant, shop.card, amount=990_000)
    client = shop.browser(Role.PARTNER)
    page = client.get("/dashboard/transfers/?amount.gte=100.50&state=ALL&after=nonsense")

    menu = page.context["export"]
    found = taken(client, menu["listing"], menu["query"])

    assert (menu["listing"], set(menu["query"].split("&"))) == ("transfers", {"state=ALL", "amount.gte=100.50"})
    assert [row["Id"] for row in found] == [large.public_id] == [row.public_id for row in page.context["resources"]]


def test_tab_of_an_application_gives_its_rows_only(shop: Shop) -> None:
    other = Shop("Other")
    client = browser(Role.ADMIN)

    menu = client.get(f"/dashboard/applications/{shop.application.public_id}/identities/").context["export"]
    found = taken(client, menu["listing"], menu["query"])

    assert {row["Application id"] for row in found} == {shop.application.public_id}
    assert other.identity.public_id not in {row["Id"] for row in found}


def test_rows_come_in_the_order_of_the_page(shop: Shop) -> None:
    for amount in (100, 200, 300):
        make_sale(shop.merchant, shop.card, amount=amount)
    client = shop.browser(Role.PARTNER)

    found = taken(client, "transfers")

    listed = client.get("/dashboard/transfers/").context["resources"]
    assert [row["Id"] for row in found] == [row.public_id for row in listed]
    assert [row["Amount"] for row in found] == ["3.00", "2.00", "1.00", "12.50"]


@pytest.mark.parametrize("listing", listings(), ids=lambda listing: listing.name)
def test_sheet_is_called_as_its_list(shop: Shop, listing: Listing) -> None:
    today = shop.sale.created_at.date()
    query = f"start_date={today}&end_date={today}" if "start_date" in listing.filter_class.base_filters else ""

    book = load_workbook(BytesIO(content_of(ask(browser(Role.ADMIN), listing.name, query, "XLSX"))), read_only=True)

    assert book.sheetnames == [listing.label]


def test_file_of_authorizations_tells_fees(shop: Shop) -> None:
    hold = make_authorization(shop.merchant, shop.card)
    with transaction(by=system()):
        Authorization.objects.filter(pk=hold.pk).update(fee=30)

    (row,) = taken(shop.browser(Role.MERCHANT), "authorizations")

    assert (row["Amount"], row["Fee"]) == ("10.00", "0.30")


def test_sheet_holds_numbers_and_moments(shop: Shop) -> None:
    answer = ask(shop.browser(Role.PARTNER), "transfers", form="XLSX")

    labels, row = sheet(content_of(answer))
    told = dict(zip(labels, row, strict=True))
    sale = only(Transfer)
    whole = sale.created_at.replace(tzinfo=None, microsecond=sale.created_at.microsecond // 1000 * 1000)
    assert answer["Content-Disposition"].endswith('.xlsx"')
    assert (told["Id"], told["Amount"], told["Currency"]) == (sale.public_id, 12.5, "USD")
    assert abs((told["Created"] - whole).total_seconds()) < 0.01
    assert told["Failure code"] is None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.__name__)
def test_page_and_file_are_asked_by_the_same_filters(page: Any) -> None:
    assert page.listing.filter_class is page.filter_class
    for role in Role:
        assert page.permission not in PERMISSIONS[role] or page.listing.permission in PERMISSIONS[role]
    assert page.listing.is_oldest_first == page.is_oldest_first


def open_columns(listing: Listing) -> list[Column]:
    return [column for column in listing.columns if type(column) in {Column, Member}]


@pytest.mark.parametrize("form", ["CSV", "XLSX"])
@pytest.mark.parametrize("listing", listings(), ids=lambda listing: listing.name)
def test_no_cell_is_a_formula(shop: Shop, listing: Listing, form: str) -> None:
    """Every text that somebody may have typed begins like one, past all that would refuse it."""
    make_review_item(shop.merchant)
    make_bank_account(shop.identity)
    with transaction(by=system()):
        model = listing.visible(system()).model
        texts = {column.source: HOSTILE for column in open_columns(listing) if type(column) is Column}
        members = {
            source: {column.member: HOSTILE for column in open_columns(listing) if isinstance(column, Member)}
            for source in {column.source for column in open_columns(listing) if isinstance(column, Member)}
        }
        if model is PaymentInstrument:
            texts.pop("bank_code")
            model.objects.filter(type="BANK_ACCOUNT").update(bank_code=HOSTILE)
        if texts.pop("failure_code", None):
            model.objects.update(failure_message=HOSTILE)
        model.objects.update(**texts, **members)
        Merchant.objects.update(merchant_name=HOSTILE)
        Application.objects.filter(pk=shop.application.pk).update(name=HOSTILE)
    today = shop.sale.created_at.date()
    query = f"start_date={today}&end_date={today}" if "start_date" in listing.filter_class.base_filters else ""

    content = content_of(ask(browser(Role.ADMIN), listing.name, query, form))

    cells = [str(cell) for row in (sheet(content)[1:] if form == "XLSX" else [r.values() for r in table(content)])
             for cell in row if cell]  # fmt: skip
    assert [cell for cell in cells if cell[0] in "=+-@\t\r"] == []
    if listing.name in WITH_ROWS:
        assert f"'{HOSTILE}" in cells


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@a", "\t=1", "\r=1", "a\n=1", '",=1', "\uff1d1", "x;=1"])
def test_cell_that_begins_a_formula_gets_a_quote(cell: str) -> None:
    assert "'" in neutral(cell)
    assert all_neutral(["plain", cell]) == ["plain", neutral(cell)]


@pytest.mark.parametrize(
    ("amount", "currency", "told"),
    [
        (1250, "USD", "12.50"),
        (-1250, "USD", "-12.50"),
        (-5, "USD", "-0.05"),
        (1250, "JPY", "1250"),
        (1, "KWD", "0.001"),
    ],
)
def test_amount_is_a_number_also_below_zero(amount: int, currency: str, told: str) -> None:
    assert units(amount, currency) == told


def test_id_is_written_as_its_page_does() -> None:
    keys = [ids.new_id() for _ in range(200)]
    keys += [type(keys[0])(int=number) for number in (0, 1, 57, 58, 58**3, 58**21 - 1, (1 << 128) - 1)]

    assert [_encoded(str(key)) for key in keys] == [ids.encode(key) for key in keys]


def test_each_export_is_in_the_audit_history(shop: Shop) -> None:
    client = shop.browser(Role.PARTNER)

    content_of(ask(client, "transfers", "state=SUCCEEDED&q=a%20b"))

    export = only(Export)
    with transaction(by=system()):
        entry = Audit.objects.get(action="export")
    assert (entry.application_id, entry.resource_kind, entry.resource_id) == (
        shop.application.pk,
        "export",
        export.pk,
    )
    assert entry.reason == "transfers as CSV · 0 rows · q=a b&state=SUCCEEDED"
    assert (export.state, export.rows, export.query) == ("SENT", 0, "q=a+b&state=SUCCEEDED")
    assert "transfers as CSV · 0 rows" in text_of(browser(Role.ADMIN).get("/dashboard/audit/?action=export"))


def test_what_cannot_be_taken_is_refused(shop: Shop) -> None:
    client = shop.browser(Role.MERCHANT)

    assert ask(client, "nothing").status_code == 404
    assert ask(client, "transfers", form="PDF").status_code == 404
    assert ask(client, "waiting-reviews").status_code == 403
    assert client.get(START).status_code == 405
    refused = client.post(START, {"listing": "transfers", "query": "state=odd", "format": "CSV"}, follow=True)
    assert "A filter of this list cannot be read." in text_of(refused)
    assert rows(Export) == []


def test_export_needs_the_token_of_its_form(shop: Shop) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(make_person("form@example.org", Role.PARTNER, application=shop.application))

    assert ask(client, "transfers").status_code == 403
    assert rows(Export) == []


def test_exports_are_their_makers_alone(shop: Shop) -> None:
    mine, colleague = shop.browser(Role.PARTNER), shop.browser(Role.PARTNER)
    content_of(ask(mine, "transfers"))
    export = only(Export)

    assert "Transfers as CSV" in text_of(mine.get(LIST))
    assert "Nothing of it was kept" in text_of(mine.get(page_of(export)))
    for other in (colleague, browser(Role.ADMIN)):
        assert "Transfers as CSV" not in text_of(other.get(LIST))
        assert other.get(page_of(export)).status_code == 404
        assert other.get(f"{page_of(export)}file/").status_code == 404


@pytest.mark.parametrize("count", [1, 3])
def test_export_costs_the_same_however_long(shop: Shop, count: int) -> None:
    for _ in range(count - 1):
        make_sale(shop.merchant, shop.card)
    client = shop.browser(Role.ADMIN)
    client.get(LIST)  # what is asked once per process

    with CaptureQueriesContext(connection) as queries:
        content_of(ask(client, "transfers"))

    assert len(queries) == BUDGET
