"""Pages of an import: what to write into a file, what its rows were read as, and what became of them."""

import csv
import io
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.forms.imports import columns, judge, needed_columns, read
from onboarding.models import Identity, ImportedRow, MerchantImport, ReviewItem
from onboarding.services import review
from tenancy.actors import Origin, system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.services import person_actor
from tenancy.transactions import transaction
from tests.factories.payments import make_processor
from tests.factories.tenancy import make_application, make_person
from tests.onboarding.test_imports import NUMBER, TAX_ID, cells, file_of
from tests.portal.test_onboarding_pages import HELD, REJECTED
from tests.portal.test_saved_forms_pages import browser, only, page_of, rows, run, tab, text_of, upload

pytestmark = pytest.mark.django_db

BUDGET = 11


@pytest.fixture
def own() -> Application:
    application = make_application("Own")[0]
    make_processor(application)
    return application


@pytest.fixture
def partner(own: Application) -> Client:
    return browser(Role.PARTNER, own)


def table(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def results(page: Any) -> list[tuple[str, str]]:
    return [(row["name"], row["label"]) for row in page.context["rows"]]


def confirmed(client: Client) -> MerchantImport:
    found: MerchantImport = only(MerchantImport)
    client.post(page_of(found), {"act": "confirm"})
    run(found)
    return found


def test_upload_explains_every_column(own: Application, partner: Client) -> None:
    page = partner.get(f"{tab(own)}import/")

    text = text_of(page)
    assert [name for name in columns() if f"<code>{name}</code>" not in page.content.decode()] == []
    assert text.count("(optional)") == len(columns()) - len(needed_columns())
    assert "As YYYY-MM-DD, and in no other way." in text
    assert "A row has no place for beneficial owners" in text


def test_example_is_taken_away_and_in_order(own: Application, partner: Client) -> None:
    answer = partner.get(f"{tab(own)}import/template/?example")

    (line,) = read(answer.content)
    assert judge(line, now=timezone.now()).messages == []
    assert answer["Content-Disposition"] == 'attachment; filename="merchants-example.csv"'


def test_preview_shows_what_each_row_was_read_as(own: Application, partner: Client) -> None:
    bare = dict.fromkeys(("account_number", "bank_code", "account_type"), "")
    content = file_of(cells(annual_card_volume="240,000"), cells(email="b@example.org", **bare), cells(email="no"))

    page = partner.get(upload(partner, own, content)["Location"])

    first, second, refused = (row["read_as"] for row in page.context["rows"])
    assert first == [
        "San Mateo, CA, USA · 0742 Veterinary services",
        "dwayne Sunkhronos, CEO, 100 %",
        "240,000.00 USD a year, 120.00 USD at most",
        "Business checking at 122105278",
    ]
    assert (second[-1], refused) == ("No bank account", [])
    assert "240,000.00 USD a year" in text_of(page)
    assert [needle for needle in (NUMBER, TAX_ID, "1978-06-27") if needle in page.content.decode()] == []


def test_rows_that_were_read_by_former_rules_are_shown_as_they_are(own: Application, partner: Client) -> None:
    found = upload(partner, own, file_of(cells()))["Location"]
    with transaction(by=system()):
        row = ImportedRow.objects.get()
        row.answers |= {"annual_card_volume": "1200,50"}
        row.save()

    page = partner.get(found)

    assert "1200,50 a year, 120.00 USD at most" in page.context["rows"][0]["read_as"]


def test_withdrawn_import_shows_nothing_of_its_rows(own: Application, partner: Client) -> None:
    place = upload(partner, own, file_of(cells()))["Location"]
    partner.post(place, {"act": "withdraw"})

    page = partner.get(place)

    assert [row["read_as"] for row in page.context["rows"]] == [[]]
    assert "240" not in text_of(page)


def test_merchant_that_is_held_waits_for_review_until_somebody_decides(own: Application, partner: Client) -> None:
    held = cells(business_name="Held", doing_business_as="Held", business_tax_id=HELD, email="held@example.org")
    upload(partner, own, file_of(cells(), held))
    found = confirmed(partner)

    waiting = partner.get(page_of(found))
    taken = table(partner.get(f"{page_of(found)}result/"))
    person = person_actor(make_person("decider@example.org", Role.PLATFORM), origin=Origin())
    review(item=only(ReviewItem), outcome="ACCEPTED", reason="Known to us.", by=person, at=timezone.now())
    decided = partner.get(page_of(found))

    assert results(waiting) == [("Bobs Burgers", "Approved"), ("Held", "Waits for review")]
    assert [row["merchant_state"] for row in taken] == ["Approved", "Waits for review"]
    assert results(decided) == [("Bobs Burgers", "Approved"), ("Held", "Approved")]


def test_what_went_wrong_is_taken_away_fault_by_fault(own: Application, partner: Client) -> None:
    rejected = cells(business_name="Turned down", business_tax_id=REJECTED, email="r@example.org")
    bad = cells(business_name="=1+1", email="nobody", tax_id="12")
    preview = partner.get(upload(partner, own, file_of(cells(), bad, rejected))["Location"])
    found = only(MerchantImport)
    before = table(partner.get(f"{page_of(found)}result/?faults"))
    confirmed(partner)
    after = table(partner.get(f"{page_of(found)}result/?faults"))

    assert f'href="{page_of(found)}result/?faults"' in preview.content.decode()
    assert before == [
        {
            "line": "3", "business_name": "'=1+1", "email": "nobody", "result": "REFUSED", "column": column,
            "message": message,
        }
        for column, message in (("email", "Must be an e-mail address"), ("tax_id", "Must be nine digits"))
    ]  # fmt: skip
    assert [(row["line"], row["result"], row["column"]) for row in after] == [
        ("3", "REFUSED", "email"),
        ("3", "REFUSED", "tax_id"),
        ("4", "PARTLY", "processor"),
    ]


def test_nothing_went_wrong_and_nothing_is_offered(own: Application, partner: Client) -> None:
    page = partner.get(upload(partner, own, file_of(cells()))["Location"])

    assert "?faults" not in page.content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_page_asks_for_all_merchants_at_once(
    own: Application, partner: Client, count: int, django_assert_num_queries: Any
) -> None:
    upload(partner, own, file_of(*(cells(email=f"m{number}@example.org") for number in range(count))))
    found = confirmed(partner)
    partner.get(page_of(found))

    with django_assert_num_queries(BUDGET):
        partner.get(page_of(found))

    assert len(rows(Identity)) == count + 1  # the owner's is one
