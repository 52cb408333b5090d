"""Pages of batches in process: what is in them, who sees them, and what counting them costs."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.filters import PublicIdFilter
from payments.models import TransferBatch
from payments.portal import exports
from payments.portal.filters import BatchPanel
from tenancy.roles import Role
from tests.factories.payments import let_time_pass
from tests.portal.exports import ask, content_of, sheet, taken
from tests.portal.pages import anew, rows, text_of
from tests.portal.shop import TRANSFERS, Shop, page_of

pytestmark = pytest.mark.django_db

LIST = "/dashboard/batches/"


@pytest.fixture
def shop() -> Shop:
    return Shop(card_sale_submission_method="batch", can_debit_bank_account=True)


def batch_of(batch: TransferBatch) -> str:
    return f"{LIST}{batch.public_id}/"


def batches() -> list[TransferBatch]:
    found: list[TransferBatch] = rows(TransferBatch)
    return found


def test_list_tells_state_count_and_sum(shop: Shop) -> None:
    sale = shop.sale(5000, card=shop.account())
    let_time_pass(shop.application, 6)
    shop.sale(1250)
    shop.sale(1000)
    shop.sale(102)  # declined at once, and in no batch
    shop.refund(anew(sale), 500)

    answer = shop.browser(Role.ADMIN).get(LIST)

    page = text_of(answer)
    assert "Open DUMMY_V1 3 17.50 USD Own" in page
    assert "Submitted DUMMY_V1 1 50.00 USD Own" in page
    assert "2 batches" in page


def test_file_tells_what_the_list_tells(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "_BATCHES_AT_A_TIME", 1)
    sale = shop.sale(5000, card=shop.account())
    let_time_pass(shop.application, 6)
    shop.refund(anew(sale), 500)
    submitted, open_ = batches()
    client = shop.browser(Role.PARTNER)

    menu = client.get(f"{LIST}?state=ALL").context["export"]
    found = taken(client, menu["listing"], menu["query"])
    labels, *cells = sheet(content_of(ask(client, "batches", "state=SUBMITTED", "XLSX")))

    told = [(row["Id"], row["State"], row["Processor"], row["Transfers"], row["Sum"], row["Currency"]) for row in found]
    assert told == [
        (open_.public_id, "OPEN", "DUMMY_V1", "1", "-5.00", "USD"),
        (submitted.public_id, "SUBMITTED", "DUMMY_V1", "1", "50.00", "USD"),
    ]
    assert [(row[labels.index("Transfers")], row[labels.index("Sum")]) for row in cells] == [(1, 50)]


def test_filters_narrow_the_list(shop: Shop) -> None:
    shop.sale()
    let_time_pass(shop.application, 6)
    shop.sale()
    submitted, open_ = batches()
    client = shop.browser()

    found = {
        query: [batch.pk for batch in client.get(f"{LIST}?{query}").context["resources"]]
        for query in ("state=OPEN", "state=SUBMITTED", f"q={open_.public_id}", "q=x", "application_id=AP1")
    }

    assert list(found.values()) == [[open_.pk], [submitted.pk], [open_.pk], [], []]


def test_every_filter_has_a_label_and_every_id_says_so() -> None:
    filters = BatchPanel.base_filters

    assert [name for name, found in filters.items() if not found._label or "_" in found._label] == []
    assert [
        name for name, found in filters.items() if isinstance(found, PublicIdFilter) and not found.extra["help_text"]
    ] == []


def test_page_lists_what_is_in_it(shop: Shop) -> None:
    sale = shop.sale(1250)
    (batch,) = batches()
    client = shop.browser()

    answer = client.get(batch_of(batch))

    page = text_of(answer)
    assert "Batch of DUMMY_V1 Open" in page
    assert "Transfers 1 Sum 12.50 USD" in page
    assert f'href="{page_of(sale)}"' in answer.content.decode()
    assert f'href="{batch_of(batch)}"' in client.get(page_of(sale)).content.decode()
    assert answer.context["all_url"] == ""


def test_page_of_an_open_batch_follows_until_it_is_submitted(shop: Shop) -> None:
    shop.sale(1250)
    (batch,) = batches()
    client = shop.browser()
    followed = client.get(batch_of(batch)).context["following"]["url"]

    before = client.get(followed, headers={"HX-Request": "true"})
    shop.sale(1000)
    grown = client.get(followed, headers={"HX-Request": "true"})
    let_time_pass(shop.application, 6)
    after = client.get(grown.context["following"]["url"], headers={"HX-Request": "true"})

    assert before.status_code == 204
    assert "Transfers 2 Sum 22.50 USD" in text_of(grown)
    assert (after.context["following"], after.context["is_open"]) == (None, False)
    assert "Submitted" in text_of(after)


def test_page_of_many_transfers_leads_to_all_of_them(shop: Shop) -> None:
    for amount in range(1000, 1027):
        shop.sale(amount)
    (batch,) = batches()
    client = shop.browser()

    answer = client.get(batch_of(batch))

    assert len(answer.context["rows"]) == 25
    assert "All 27 transfers" in text_of(answer)
    assert answer.context["all_url"] == f"{TRANSFERS}?batch_id={batch.public_id}"
    assert "27 transfers" in text_of(client.get(answer.context["all_url"]))


def test_list_costs_the_same_for_one_batch_and_for_three(shop: Shop) -> None:
    client = shop.browser(Role.ADMIN)
    shop.sale()
    client.get(LIST)  # the first request of a process checks its surroundings as well
    with CaptureQueriesContext(connection) as one:
        client.get(LIST)
    for _ in range(2):
        let_time_pass(shop.application, 6)
        shop.sale()
    with CaptureQueriesContext(connection) as three:
        answer = client.get(LIST)

    assert len(answer.context["rows"]) == 3
    assert len(three) == len(one)


@pytest.mark.parametrize(("role", "statuses"), [
    (Role.ADMIN, [200, 200, 200]), (Role.PLATFORM, [200, 200, 200]), (Role.PARTNER, [200, 200, 404]),
    (Role.MERCHANT, [403, 403, 403]),
])  # fmt: skip
def test_batches_are_for_platform_and_partner(shop: Shop, role: Role, statuses: list[int]) -> None:
    sale = shop.sale()
    (own,) = batches()
    Shop("Foreign", card_sale_submission_method="batch").sale()
    (foreign,) = (batch for batch in batches() if batch.pk != own.pk)
    client = shop.browser(role)

    answers = [client.get(address) for address in (LIST, batch_of(own), batch_of(foreign))]

    assert [answer.status_code for answer in answers] == statuses
    page = client.get(page_of(sale)).content.decode()
    assert (batch_of(own) in page, LIST in page) == ((role != Role.MERCHANT,) * 2)
    assert "Batch" in page


def test_empty_list_teaches(shop: Shop) -> None:
    assert "No batch yet" in text_of(shop.browser().get(LIST))
