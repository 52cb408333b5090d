"""Pages of forms on their way, in process: what they show, keep, refuse and erase."""

import re
from typing import Any

import pytest
from django.test import Client

from onboarding.models import Identity, OnboardingForm
from tenancy.models import Application
from tenancy.roles import Role
from tests.factories.onboarding import make_merchant_identity
from tests.factories.tenancy import make_application
from tests.onboarding.test_saved_forms import BIRTH_DATE, BUSINESS_TAX_ID, TAX_ID, filled_in, sealed_names
from tests.portal.pages import browser, only, rows, text_of
from tests.portal.saved_forms import begin, invite, new_page, page_of, tab

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script>{{7*7}}'


def test_draft_is_saved_and_taken_up_again(own: Application, partner: Client) -> None:
    answer = partner.post(new_page(own), filled_in(url="not a site", mcc="") | {"act": "save"})

    row = only(OnboardingForm)
    assert answer["Location"] == page_of(row)
    page = partner.get(page_of(row))
    form = page.context["form"]
    assert form.errors == {"url": ["Must be a web address"]}
    assert form["business_name"].value() == "Bobs Burgers"
    assert "3 of 5 sections filled in" in text_of(page)
    assert text_of(page).count("Kept, encrypted.") == 3
    assert [needle for needle in (TAX_ID, BUSINESS_TAX_ID, BIRTH_DATE) if needle in page.content.decode()] == []


def test_saving_and_submitting_go_on_with_one_form(own: Application, partner: Client) -> None:
    key = partner.get(new_page(own)).context["key"]

    partner.post(new_page(own), filled_in(mcc="") | {"act": "save", "key": key})
    answer = partner.post(new_page(own), filled_in(tax_id="", dob="") | {"act": "submit", "key": key})

    row, identity = only(OnboardingForm), rows(Identity)[-1]
    assert answer["Location"] == f"/dashboard/identities/{identity.public_id}/"
    assert (row.public_id, row.identity_id, row.state) == (key, identity.pk, "SUBMITTED")
    assert identity.tax_id_provided
    assert identity.dob_provided


def test_refused_submit_loses_nothing(own: Application, partner: Client) -> None:
    answer = partner.post(new_page(own), filled_in(url="not a site", business_tax_id="12"))

    page = answer.content.decode()
    assert answer.context["form"].errors.keys() == {"url", "business_tax_id"}
    assert "not a site" in page
    assert TAX_ID not in page
    assert 'value="12"' not in page
    assert only(OnboardingForm).sealed == ["dob", "tax_id"]


def test_empty_form_that_is_submitted_is_not_kept(own: Application, partner: Client) -> None:
    page = partner.get(new_page(own))
    untouched = {bound.name: bound.value() for bound in page.context["form"] if bound.value()}

    answer = partner.post(new_page(own), untouched | {"key": page.context["key"]})

    assert (answer.status_code, rows(OnboardingForm)) == (200, [])
    assert "This field is required." in text_of(answer)
    assert answer.context["key"] == page.context["key"]


def test_submitting_again_leads_to_the_identity(own: Application, partner: Client) -> None:
    row = begin(partner, own)
    partner.post(page_of(row), filled_in() | {"act": "submit"})

    again = partner.post(page_of(row), filled_in() | {"act": "submit"}, follow=True)

    assert "Nothing is done twice." in text_of(again)
    assert again.redirect_chain[-1][0] == f"/dashboard/identities/{rows(Identity)[-1].public_id}/"
    assert len(rows(Identity)) == 2
    assert partner.get(page_of(row))["Location"] == again.redirect_chain[-1][0]


def test_section_that_saves_itself_gets_its_own_errors_only(own: Application, partner: Client) -> None:
    told = {"act": "save", "section": "business", "url": "not a site", "business_name": "Bobs", "tax_id": TAX_ID}

    answer = partner.post(new_page(own), told, headers={"HX-Request": "true"})

    page, row = answer.content.decode(), only(OnboardingForm)
    assert answer["HX-Replace-Url"] == page_of(row)
    assert "HX-Trigger" not in answer
    assert 'id="section-business"' in page
    assert 'id="section-principal"' not in page
    assert "Must be a web address" in page
    assert "This field is required" not in page
    assert "<html" not in page
    assert TAX_ID not in page


def test_first_save_brings_the_head_of_an_open_form(own: Application, partner: Client) -> None:
    told = {"act": "save", "section": "business", "business_name": "Bobs"}

    part = partner.post(new_page(own), told, headers={"HX-Request": "true"})

    page, row = part.content.decode(), only(OnboardingForm)
    assert "<title>Bobs · Merchantry</title>" in page
    for place in ("breadcrumbs", "heading", "actions"):
        assert re.search(rf'id="live-{place}"[^>]* hx-swap-oob="true"', page)
    assert f'href="{page_of(row)}?confirm=withdraw"' in page
    assert f'<form method="post" action="{page_of(row)}">' in page
    assert f'href="{new_page(own)}?kind=buyer"' in page


def test_form_of_a_merchant_with_a_link_is_no_buyers(own: Application, partner: Client) -> None:
    invite(partner, own)

    page = partner.get(page_of(only(OnboardingForm))).content.decode()

    assert "?kind=buyer" not in page
    assert "New link" in page


def test_page_of_odd_name_saves_itself(own: Application, partner: Client) -> None:
    told = {"act": "save", "business_name": "Bobs", "page": "a\x00b" * 40}

    assert partner.post(new_page(own), told).status_code == 302
    assert only(OnboardingForm).answers["business_name"] == "Bobs"


def test_older_page_is_told_and_writes_nothing_over(own: Application, partner: Client) -> None:
    row = begin(partner, own)
    seen = partner.get(page_of(row)).context["seen"]
    browser(Role.ADMIN).post(page_of(row), filled_in(title="Chair") | {"act": "save", "seen": seen})
    mine = filled_in(title="President") | {"act": "save", "seen": seen}

    whole = partner.post(page_of(row), mine)
    part = partner.post(page_of(row), mine | {"section": "business"}, headers={"HX-Request": "true"})

    assert "Somebody else saved this form" in text_of(whole)
    assert "President" in whole.content.decode()
    assert "Somebody else saved this form" in text_of(part)
    assert (part["HX-Reswap"], part["HX-Trigger"]) == ("none", "form-refused")
    assert only(OnboardingForm).answers["title"] == "Chair"


def test_tab_lists_open_forms_with_who_saved_last(own: Application, partner: Client) -> None:
    row = begin(partner, own, mcc="")
    admin = browser(Role.ADMIN)
    admin.post(page_of(row), filled_in(mcc="", title="Chair") | {"act": "save"})

    page = partner.get(tab(own))

    (listed,) = page.context["open_forms"]
    assert (listed["name"], listed["progress"], listed["url"]) == ("Bobs Burgers", "4 of 5 sections", page_of(row))
    assert listed["saved_by"].startswith("Admin")
    assert "Resume" in text_of(page)


def test_tab_shows_the_newest_forms_and_the_way_to_all(own: Application, partner: Client) -> None:
    for number in range(4):
        begin(partner, own, doing_business_as=f"Bobs {number}")
    begin(browser(Role.PARTNER, make_application("Foreign")[0]), rows(Application)[-1])

    page, every = partner.get(tab(own)), partner.get(f"{tab(own)}open-forms/")

    assert [form["name"] for form in page.context["open_forms"]] == ["Bobs 3", "Bobs 2", "Bobs 1"]
    assert f'href="{tab(own)}open-forms/"' in page.content.decode()
    assert [row["cells"][:2] for row in every.context["rows"]] == [
        [f"Bobs {number}", "5 of 5 sections"] for number in (3, 2, 1, 0)
    ]
    assert "by Partner" in text_of(every)
    found = partner.get(f"{tab(own)}open-forms/?q=bobs+0").context["rows"]
    assert [row["cells"][0] for row in found] == ["Bobs 0"]


def test_few_forms_need_no_way_to_all(own: Application, partner: Client) -> None:
    begin(partner, own)

    assert "open-forms/" not in partner.get(tab(own)).content.decode()


@pytest.mark.parametrize("count", [1, 3])
def test_list_of_open_forms_costs_the_same_however_many(
    own: Application, partner: Client, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        begin(partner, own, business_name=f"Bobs {number}")
    partner.get(f"{tab(own)}open-forms/")

    with django_assert_num_queries(10):
        partner.get(f"{tab(own)}open-forms/")


@pytest.mark.parametrize("count", [1, 3])
def test_tab_costs_the_same_however_many_forms(
    own: Application, partner: Client, count: int, django_assert_num_queries: Any
) -> None:
    for number in range(count):
        begin(partner, own, business_name=f"Bobs {number}")
    partner.get(tab(own))

    with django_assert_num_queries(12):
        partner.get(tab(own))


def test_withdrawn_form_is_gone_from_the_list_and_erased(own: Application, partner: Client) -> None:
    row = begin(partner, own)
    question = partner.get(f"{page_of(row)}?confirm=withdraw")

    answer = partner.post(page_of(row), {"act": "withdraw"}, follow=True)

    assert "Withdraw this form?" in text_of(question)
    assert "What it held is erased." in text_of(answer)
    assert answer.context["open_forms"] == []
    assert (only(OnboardingForm).answers, sealed_names(row)) == ({}, [])
    assert "This form was withdrawn" in text_of(partner.get(page_of(row)))
    assert "was submitted or withdrawn" in text_of(partner.post(page_of(row), filled_in() | {"act": "save"}))


def test_foreign_form_does_not_exist(own: Application, partner: Client) -> None:
    foreign = make_application("Foreign")[0]
    row = begin(browser(Role.PARTNER, foreign), foreign)

    answers = [
        partner.get(page_of(row)),
        partner.post(page_of(row), {"act": "withdraw"}),
        partner.get(f"{page_of(row)}link/"),
        partner.post(new_page(foreign), filled_in()),
        partner.post(new_page(own), filled_in() | {"act": "save", "key": row.public_id}),
    ]

    assert [answer.status_code for answer in answers] == [404] * 5
    assert only(OnboardingForm).state == "OPEN"


def test_merchant_and_stranger_reach_no_form(own: Application, partner: Client) -> None:
    row = begin(partner, own)
    merchant = browser(Role.MERCHANT, own, make_merchant_identity(own))

    places = [page_of(row), tab(own), f"{tab(own)}open-forms/", f"{tab(own)}invite/", f"{tab(own)}import/"]

    assert [merchant.get(place).status_code for place in places] == [403] * 5
    assert [Client().get(place).status_code for place in places] == [302] * 5


def test_answers_are_shown_as_text(own: Application, partner: Client) -> None:
    row = begin(partner, own, business_name=HOSTILE, doing_business_as=HOSTILE, title=HOSTILE)

    pages = [partner.get(page_of(row)), partner.get(tab(own))]

    assert [page.status_code for page in pages] == [200, 200]
    assert all("<script>alert" not in page.content.decode() for page in pages)
    assert "&lt;script&gt;" in pages[0].content.decode()
