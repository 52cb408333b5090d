"""Pages of an import: what to write into a file, what its rows were read as, and what became of them."""

import csv
import io
import re
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from onboarding import tasks
from onboarding.forms.imports import columns, judge, needed_columns, read
from onboarding.models import Identity, ImportedRow, MerchantImport, ReviewItem
from onboarding.services import review
from tenancy.actors import Origin, system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.services import person_actor
from tenancy.transactions import transaction
from tests.factories.imports import NUMBER, TAX_ID, cells, file_of
from tests.factories.payments import make_processor
from tests.factories.tenancy import make_application, make_person
from tests.portal.pages import browser, only, rows, text_of
from tests.portal.saved_forms import page_of, tab
from tests.portal.test_onboarding_pages import HELD, REJECTED

pytestmark = pytest.mark.django_db

BUDGET = 11
HOSTILE = '"><script>alert(1)</script>{{7*7}}'


def upload(client: Client, application: Application, content: bytes, **options: str) -> Any:
    file = SimpleUploadedFile(options.pop("name", "merchants.csv"), content)
    return client.post(f"{tab(application)}import/", {"file": file, "processor": "DUMMY_V1"} | options)


def run(found: MerchantImport) -> None:
    tasks.import_merchants(str(found.pk), str(found.application_id))


def table(answer: Any) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(answer.content.decode())))


def results(page: Any) -> list[tuple[str, str]]:
    return [(row["name"], row["label"]) for row in page.context["rows"]]


def confirmed(client: Client) -> MerchantImport:
    found: MerchantImport = only(MerchantImport)
    client.post(page_of(found), {"act": "confirm"})
    run(found)
    return found


def test_import_is_shown_confirmed_and_followed(own: Application, partner: Client) -> None:
    bad = [cells(email="nobody"), cells(tax_id="12", business_name="Third")]
    answer = upload(partner, own, file_of(cells(), *bad))
    found = only(MerchantImport)
    preview = partner.get(answer["Location"])

    partner.post(page_of(found), {"act": "confirm"})
    running = partner.get(page_of(found))
    run(found)
    done = partner.get(page_of(found))

    assert "Nothing has been made yet" in text_of(preview)
    assert "email: Must be an e-mail address" in text_of(preview)
    assert "tax_id: Must be nine digits" in text_of(preview)
    assert "Import 1 merchant" in text_of(preview)
    assert "The import is running" in text_of(running)
    assert running.context["following"]["url"].startswith(f"{page_of(found)}?mark=")
    states = {row.number: row.state for row in rows(ImportedRow)}
    assert states == {2: "DONE", 3: "REFUSED", 4: "REFUSED"}
    assert f"/dashboard/identities/{rows(Identity)[-1].public_id}/" in done.content.decode()
    shown = "".join(page.content.decode() for page in (preview, running, done))
    assert [needle for needle in (NUMBER, cells()["tax_id"]) if needle in shown] == []


def test_page_of_a_running_import_says_nothing_new_until_there_is(own: Application, partner: Client) -> None:
    upload(partner, own, file_of(cells()))
    found = only(MerchantImport)
    partner.post(page_of(found), {"act": "confirm"})
    url = partner.get(page_of(found)).context["following"]["url"]

    before = partner.get(url, headers={"HX-Request": "true"})
    run(found)
    after = partner.get(url, headers={"HX-Request": "true"})

    assert (before.status_code, after.status_code) == (204, 200)


def test_result_is_taken_away_without_anything_sensitive(own: Application, partner: Client) -> None:
    upload(partner, own, file_of(cells(business_name="=cmd|' /C calc'!A0"), cells(email="nobody")))
    found = only(MerchantImport)
    partner.post(page_of(found), {"act": "confirm"})
    run(found)

    answer = partner.get(f"{page_of(found)}result/")

    text = answer.content.decode()
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer["Content-Disposition"]
    assert "'=cmd" in text
    assert re.search(r"(^|,)[=@]", text, re.MULTILINE) is None
    assert rows(Identity)[-1].public_id in text
    assert [needle for needle in (NUMBER, cells()["tax_id"]) if needle in text] == []


def test_unreadable_file_is_told_beside_its_field(own: Application, partner: Client) -> None:
    answer = upload(partner, own, b"email,email,nonsense\n")

    assert len(answer.context["form"].errors["file"]) == 4
    assert rows(MerchantImport) == []


def test_large_file_is_refused_and_never_on_a_disk(own: Application, partner: Client) -> None:
    answer = upload(partner, own, b"x" * (3 * 1024 * 1024))

    assert answer.context["form"].errors == {"file": ["The file is larger than 1 MB. Split it, and import the parts."]}
    assert upload(partner, own, b"x" * (11 * 1024 * 1024)).status_code == 413


def test_file_is_not_forged(own: Application) -> None:
    person = make_person("pat@example.org", Role.PARTNER, application=own)
    client = Client(enforce_csrf_checks=True)
    client.force_login(person)

    assert upload(client, own, file_of(cells())).status_code == 403
    assert rows(MerchantImport) == []


def test_foreign_import_does_not_exist(own: Application, partner: Client) -> None:
    upload(partner, own, file_of(cells()))
    found = only(MerchantImport)
    foreign = make_application("Foreign")[0]
    stranger = browser(Role.PARTNER, foreign)

    answers = [
        stranger.get(page_of(found)),
        stranger.post(page_of(found), {"act": "confirm"}),
        stranger.get(f"{page_of(found)}result/"),
        upload(stranger, own, file_of(cells())),
    ]

    assert [answer.status_code for answer in answers] == [404] * 4
    assert only(MerchantImport).state == "CHECKED"


def test_key_of_another_import_makes_none(own: Application, partner: Client) -> None:
    upload(partner, own, file_of(cells()))
    found = only(MerchantImport)
    foreign = make_application("Foreign")[0]
    make_processor(foreign)

    answer = upload(browser(Role.PARTNER, foreign), foreign, file_of(cells()), key=found.public_id)

    assert answer.status_code == 404
    assert only(MerchantImport).application_id == own.pk


def test_other_file_from_the_same_page_is_told_and_then_checked(own: Application, partner: Client) -> None:
    key = partner.get(f"{tab(own)}import/").context["key"]
    upload(partner, own, file_of(cells(email="nobody")), key=key)
    again = upload(partner, own, file_of(cells(email="nobody")), key=key)

    refused = upload(partner, own, file_of(cells()), key=key)
    upload(partner, own, file_of(cells()), key=refused.context["key"])

    assert again["Location"] == page_of(rows(MerchantImport)[0])
    assert "Another file was sent from this page before" in text_of(refused)
    assert [row.state for row in rows(ImportedRow)] == ["REFUSED", "READY"]


def test_hostile_cells_are_shown_as_text(own: Application, partner: Client) -> None:
    answer = upload(partner, own, file_of(cells(business_name=HOSTILE)), name="<b>x.csv")

    page = partner.get(answer["Location"]).content.decode()
    assert "<script>alert" not in page
    assert "<b>x.csv" not in page


def test_withdrawn_import_makes_nothing(own: Application, partner: Client) -> None:
    upload(partner, own, file_of(cells()))
    found = only(MerchantImport)
    question = partner.get(f"{page_of(found)}?confirm=withdraw")

    partner.post(page_of(found), {"act": "withdraw"})
    late = partner.post(page_of(found), {"act": "confirm"}, follow=True)

    assert "Withdraw this import?" in text_of(question)
    assert "does not wait for confirmation any more" in text_of(late)
    assert "This import was withdrawn" in text_of(late)


def test_template_has_the_columns_that_are_read(own: Application, partner: Client) -> None:
    answer = partner.get(f"{tab(own)}import/template/")

    assert answer.content.decode().startswith("business_name,doing_business_as,business_type,")
    assert "business_address.line1" in answer.content.decode()


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
