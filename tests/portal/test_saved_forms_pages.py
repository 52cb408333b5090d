"""Pages of forms on their way, of links, and of imports, in process: what they show, keep, refuse and erase."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from events.models import Audit, Event
from onboarding import tasks
from onboarding.models import Identity, ImportedRow, MerchantImport, OnboardingForm, PaymentInstrument
from onboarding.portal import joining
from onboarding.services import forms as saved
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Application, Person
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.payments import let_time_pass, make_processor
from tests.factories.tenancy import make_application, make_person
from tests.onboarding.test_imports import NUMBER, cells, file_of
from tests.onboarding.test_saved_forms import BIRTH_DATE, BUSINESS_TAX_ID, TAX_ID, filled_in, sealed_names

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script>{{7*7}}'
BANK = {
    "bank-name": "Bobs Burgers",
    "bank-bank_code": "122105278",
    "bank-account_number": NUMBER,
    "bank-account_type": "BUSINESS_CHECKING",
    "bank-country": "USA",
}
SECTIONS = ("business", "business-address", "principal", "principals-home-address", "processing")


@pytest.fixture
def own() -> Application:
    application = make_application("Own")[0]
    make_processor(application)
    return application


@pytest.fixture
def partner(own: Application) -> Client:
    return browser(Role.PARTNER, own)


def browser(role: Role, application: Application | None = None, identity_id: Any = None) -> Client:
    number = Person.objects.count()
    person = make_person(
        f"{role.name.lower()}{number}@example.org", role, application=application, identity_id=identity_id
    )
    client = Client()
    client.force_login(person)
    return client


def rows(model: Any) -> Any:
    with transaction(by=system()):
        return list(model.objects.order_by("created_at"))


def only(model: Any) -> Any:
    (row,) = rows(model)
    return row


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def new_page(application: Application) -> str:
    return f"/dashboard/applications/{application.public_id}/identities/new/"


def tab(application: Application) -> str:
    return f"/dashboard/applications/{application.public_id}/identities/"


def page_of(row: Any) -> str:
    kind = "merchant-imports" if row.KIND == "merchant_import" else "onboarding-forms"
    return f"/dashboard/{kind}/{row.public_id}/"


def begin(client: Client, application: Application, **changes: str) -> OnboardingForm:
    client.post(new_page(application), filled_in(**changes) | {"act": "save"})
    row: OnboardingForm = rows(OnboardingForm)[-1]
    return row


def invite(client: Client, application: Application, **changes: str) -> str:
    """Makes an invitation and gives the path of its link."""
    page = f"/dashboard/applications/{application.public_id}/identities/invite/"
    key = client.get(page).context["form"]["key"].value()
    told = {"key": key, "name": "Bobs Burgers", "days": "7"} | changes
    shown = client.post(page, told, follow=True)
    link: str = shown.context["link"]
    return link.removeprefix("http://testserver")


def fill_in(stranger: Client, link: str, **changes: str) -> None:
    """All sections but the bank account, one page each."""
    form = filled_in(**changes)
    for section in SECTIONS:
        stranger.post(f"{link}{section}/", form)


# --- the form that is saved as one goes ---------------------------------------------------------------------------


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
    merchant = browser(Role.MERCHANT, own, own.owner_id)

    places = [page_of(row), tab(own), f"{tab(own)}open-forms/", f"{tab(own)}invite/", f"{tab(own)}import/"]

    assert [merchant.get(place).status_code for place in places] == [403] * 5
    assert [Client().get(place).status_code for place in places] == [302] * 5


def test_answers_are_shown_as_text(own: Application, partner: Client) -> None:
    row = begin(partner, own, business_name=HOSTILE, doing_business_as=HOSTILE, title=HOSTILE)

    pages = [partner.get(page_of(row)), partner.get(tab(own))]

    assert [page.status_code for page in pages] == [200, 200]
    assert all("<script>alert" not in page.content.decode() for page in pages)
    assert "&lt;script&gt;" in pages[0].content.decode()


# --- the link ---------------------------------------------------------------------------------------------------


def test_link_is_shown_once(own: Application, partner: Client) -> None:
    link = invite(partner, own)
    row = only(OnboardingForm)

    again = partner.get(f"{page_of(row)}link/", follow=True)

    token = link.split("/")[-2]
    assert len(token) == 43
    assert token not in again.content.decode()
    assert "A link is shown once." in text_of(again)
    assert (row.link_expires_at - row.created_at) == timedelta(days=7)
    assert row.made_by_name.startswith("Partner")


def test_head_takes_no_link(own: Application, partner: Client) -> None:
    row = begin(partner, own)
    shown_at = partner.post(page_of(row), {"act": "link", "days": "3"})["Location"]

    assert partner.head(shown_at).status_code == 405
    assert "/dashboard/join/" in partner.get(shown_at).content.decode()


@pytest.mark.parametrize("days", ["0", "31", "x", ""])
def test_link_lives_a_month_at_most(own: Application, partner: Client, days: str) -> None:
    page = f"{tab(own)}invite/"
    key = partner.get(page).context["form"]["key"].value()

    answer = partner.post(page, {"key": key, "name": "Bobs", "days": days})

    assert answer.context["form"].errors.keys() == {"days"}
    assert rows(OnboardingForm) == []


def test_invitation_sent_twice_leads_to_the_form(own: Application, partner: Client) -> None:
    page = f"{tab(own)}invite/"
    told = {"key": partner.get(page).context["form"]["key"].value(), "name": "Bobs", "days": "7"}
    partner.post(page, told)

    again = partner.post(page, told, follow=True)

    assert "This invitation was made before." in text_of(again)
    assert len(rows(OnboardingForm)) == 1


def test_invitation_needs_a_processor(partner: Client) -> None:
    bare = make_application("Bare")[0]

    page = browser(Role.PARTNER, bare).get(f"/dashboard/applications/{bare.public_id}/identities/invite/")

    assert "Bare has no processor yet" in text_of(page)


def test_merchant_fills_in_its_form_without_an_account(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    welcome = stranger.get(link)

    fill_in(stranger, link)
    bank = stranger.post(f"{link}bank-account/", BANK)
    review = stranger.get(bank["Location"])
    done = stranger.post(f"{link}review/", {"seen": review.context["seen"]}, follow=True)

    row, identity, account = only(OnboardingForm), rows(Identity)[-1], only(PaymentInstrument)
    assert "Own invites you to take payments." in text_of(welcome)
    assert bank["Location"] == f"{link}review/"
    assert "Thank you, it has arrived" in text_of(done)
    assert (row.state, row.identity_id, row.answers, row.sealed) == ("SUBMITTED", identity.pk, {}, [])
    assert sealed_names(row) == []
    assert (account.identity_id, account.last_four, account.name) == (identity.pk, NUMBER[-4:], "Bobs Burgers")
    assert identity.title == "CEO"
    assert "sessionid" not in stranger.cookies
    assert "merchantry-session" not in stranger.cookies


def test_what_is_kept_is_shown_on_no_page_of_the_link(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)

    pages = [stranger.get(f"{link}{part}") for part in ("", "review/", "bank-account/", *(f"{s}/" for s in SECTIONS))]

    shown = "".join(page.content.decode() for page in pages)
    assert {page.status_code for page in pages} == {200}
    assert [needle for needle in (TAX_ID, BUSINESS_TAX_ID, BIRTH_DATE, NUMBER) if needle in shown] == []
    assert "Kept, not shown" in shown
    assert "741 Douglass St" in shown


def test_every_write_by_link_is_audited_and_in_the_timeline(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})

    with transaction(by=system()):
        acts = list(
            Audit.objects.filter(author_kind="STRANGER").order_by("occurred_at").values_list("action", flat=True)
        )
        names = set(Event.objects.filter(author_kind="STRANGER").values_list("author_name", flat=True))
    assert acts == ["save_onboarding_form"] * 6 + [
        "create_identity",
        "create_payment_instrument",
        "finish_onboarding_form",
    ]
    assert names == {"Merchant by link"}
    identity = rows(Identity)[-1]
    assert "Merchant by link" in text_of(partner.get(f"/dashboard/identities/{identity.public_id}/"))


def test_errors_stand_on_the_page_of_their_section(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()

    answer = stranger.post(f"{link}business/", filled_in(url="not a site", business_tax_id="12", tax_id="1"))

    assert answer.context["form"].errors.keys() == {"url", "business_tax_id"}
    assert "not a site" in answer.content.decode()
    assert 'value="12"' not in answer.content.decode()
    kept = only(OnboardingForm)
    assert (kept.answers["url"], kept.sealed, "email" in kept.answers) == ("not a site", [], False)


def test_address_begins_at_home_until_something_is_told_of_it(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    stranger.post(f"{link}business/", {"business_name": "Half", "act": "later"})

    untold = stranger.get(f"{link}business-address/").context["form"]
    stranger.post(f"{link}business-address/", {"business_address__line1": "1 Pier", "act": "later"})
    told = stranger.get(f"{link}business-address/").context["form"]
    on_one_page = partner.get(page_of(only(OnboardingForm))).context["form"]

    assert untold["business_address__country"].value() == "USA"
    assert told["business_address__country"].value() is None
    assert on_one_page["personal_address__country"].value() == "USA"
    assert [form.errors for form in (untold, told, on_one_page)] == [{}, {}, {}]


def test_review_shows_what_was_told_as_people_read_it(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link, annual_card_volume="1200000", max_transaction_amount="5000", mcc="5940", url="no site")

    review = text_of(stranger.get(f"{link}review/"))

    assert "1,200,000.00 USD" in review
    assert "5,000.00 USD" in review
    assert "5940 Bicycle shops, sales and service" in review
    assert "Largest transaction 5,000.00 USD" in review
    assert "no site" in review


def test_section_is_left_for_later_with_gaps(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()

    answer = stranger.post(f"{link}business/", {"business_name": "Half", "act": "later"}, follow=True)

    assert "Come back by the same link" in text_of(answer)
    assert stranger.get(f"{link}business/").context["form"].errors == {}
    assert only(OnboardingForm).answers == {"business_name": "Half"}


def test_form_with_gaps_is_not_submitted(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link, email="")
    stranger.post(f"{link}bank-account/", BANK)
    review = stranger.get(f"{link}review/")

    answer = stranger.post(f"{link}review/", {"seen": review.context["seen"]})

    assert "Some sections are not whole yet." in text_of(answer)
    assert "Something is missing" in text_of(review)
    assert len(rows(Identity)) == 1


def test_dead_links_show_one_page(own: Application, partner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    used, revoked, expired = (invite(partner, own) for _ in range(3))
    forms = rows(OnboardingForm)
    stranger = Client()
    fill_in(stranger, used)
    stranger.post(f"{used}bank-account/", BANK)
    stranger.post(f"{used}review/", {"seen": stranger.get(f"{used}review/").context["seen"]})
    partner.post(page_of(forms[1]), {"act": "revoke"})
    with transaction(by=system()):
        OnboardingForm.objects.filter(pk=forms[2].pk).update(link_expires_at=timezone.now())

    made_up = f"/dashboard/join/{'x' * 43}/"
    answers = [Client().get(f"{link}{part}") for link in (used, revoked, expired, made_up) for part in ("", "review/")]

    assert {answer.status_code for answer in answers} == {404}
    assert len({answer.content for answer in answers}) == 1
    assert "This link leads nowhere" in text_of(answers[0])
    monkeypatch.setattr(joining, "WRONG_LINKS_PER_MINUTE", 0)
    assert Client().get(made_up).status_code == 429


def test_submitting_twice_by_link_is_told_it_arrived(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    seen = stranger.get(f"{link}review/").context["seen"]
    stranger.post(f"{link}review/", {"seen": seen})

    again = stranger.post(f"{link}review/", {"seen": seen})

    assert again["Location"] == "/dashboard/join/sent/"
    assert (len(rows(Identity)), len(rows(PaymentInstrument))) == (2, 1)


@pytest.mark.parametrize("dies_at", ["submit_form", "finish_form"])
def test_submit_that_was_cut_off_goes_on_where_it_stood(
    own: Application, partner: Client, dies_at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    step = getattr(saved, dies_at)
    for is_after in (False, True):

        def die(*, _is_after: bool = is_after, **options: Any) -> None:
            if _is_after:
                step(**options)
            raise KeyboardInterrupt

        seen = stranger.get(f"{link}review/").context
        with monkeypatch.context() as patch:
            patch.setattr(saved, dies_at, die)
            with pytest.raises(KeyboardInterrupt):
                stranger.post(f"{link}review/", {"seen": seen["seen"]})

    review = stranger.get(f"{link}review/")
    if review.status_code == 200:
        stranger.post(f"{link}review/", {"seen": review.context["seen"]})

    assert only(OnboardingForm).state == "SUBMITTED"
    assert (len(rows(Identity)), len(rows(PaymentInstrument))) == (2, 1)


def test_bank_that_does_not_answer_is_told_and_asked_again(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)

    first = stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})
    waiting = only(OnboardingForm)
    let_time_pass(own, 60)
    second = stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})

    assert "it is not known yet whether your bank account has" in text_of(first)
    assert (waiting.state, waiting.identity_id is not None, waiting.sealed) == ("OPEN", True, ["account_number"])
    assert "bank account is not yet" in text_of(partner.get(page_of(waiting))) or second.status_code == 302
    assert second["Location"] == "/dashboard/join/sent/"
    assert (len(rows(Identity)), len(rows(PaymentInstrument))) == (2, 1)


def test_bank_account_that_is_refused_can_be_corrected(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    faults.arrange(application_id=own.pk, kind="REFUSED", operation="tokenise_bank_account", times=1)

    first = stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})
    stranger.post(f"{link}bank-account/", BANK | {"bank-account_number": "9988776655"})
    second = stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})

    assert "The bank account was not accepted" in text_of(first)
    assert second["Location"] == "/dashboard/join/sent/"
    assert (len(rows(Identity)), only(PaymentInstrument).last_four) == (2, "6655")


def test_what_was_changed_in_another_window_is_looked_at_before_it_is_submitted(
    own: Application, partner: Client
) -> None:
    """Also what is sealed, which the page does not show."""
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    seen = stranger.get(f"{link}review/").context["seen"]
    stranger.post(f"{link}bank-account/", BANK | {"bank-account_number": "9988776655"})

    answers = [stranger.post(f"{link}review/", told) for told in ({"seen": seen}, {})]

    assert ["The form was changed in another window" in text_of(answer) for answer in answers] == [True, True]
    assert (len(rows(Identity)), rows(PaymentInstrument)) == (1, [])
    stranger.post(f"{link}review/", {"seen": answers[0].context["seen"]})
    assert only(PaymentInstrument).last_four == "6655"


def test_bank_account_that_was_changed_after_the_identity_was_made_is_looked_at(
    own: Application, partner: Client
) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    faults.arrange(application_id=own.pk, kind="REFUSED", operation="tokenise_bank_account", times=1)
    seen = stranger.get(f"{link}review/").context["seen"]
    stranger.post(f"{link}review/", {"seen": seen})
    stranger.post(f"{link}bank-account/", BANK | {"bank-account_number": "9988776655"})

    answers = [stranger.post(f"{link}review/", told) for told in ({"seen": seen}, {})]

    assert ["The form was changed in another window" in text_of(answer) for answer in answers] == [True, True]
    assert (only(OnboardingForm).state, rows(PaymentInstrument)) == ("OPEN", [])


def test_bank_account_that_is_saved_while_another_is_sent_is_looked_at(
    own: Application, partner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, stranger, second_window = invite(partner, own), Client(), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    finish = saved.finish_form

    def save_then_finish(**options: Any) -> OnboardingForm:
        second_window.post(f"{link}bank-account/", BANK | {"bank-account_number": "9988776655"})
        return finish(**options)

    with monkeypatch.context() as patch:
        patch.setattr(saved, "finish_form", save_then_finish)
        answer = stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})

    assert "The form was changed in another window" in text_of(answer)
    assert (only(OnboardingForm).state, only(OnboardingForm).sealed) == ("OPEN", ["account_number"])
    stranger.post(f"{link}review/", {"seen": answer.context["seen"]})
    assert [row.last_four for row in rows(PaymentInstrument)][-1] == "6655"
    assert (only(OnboardingForm).state, len(rows(Identity))) == ("SUBMITTED", 2)


def test_link_that_ends_while_the_bank_account_is_sent_has_led_in_time(
    own: Application, partner: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    seen = stranger.get(f"{link}review/").context["seen"]
    submit = saved.submit_form

    def submit_then_end(**options: Any) -> Identity:
        identity = submit(**options)
        with transaction(by=system()):
            OnboardingForm.objects.update(link_expires_at=timezone.now())
        return identity

    with monkeypatch.context() as patch:
        patch.setattr(saved, "submit_form", submit_then_end)
        answer = stranger.post(f"{link}review/", {"seen": seen})

    assert answer["Location"] == "/dashboard/join/sent/"
    assert (only(OnboardingForm).state, only(OnboardingForm).sealed, len(rows(PaymentInstrument))) == (
        "SUBMITTED",
        [],
        1,
    )


def test_partner_does_not_close_a_form_over_its_bank_account(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)
    stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})
    row = only(OnboardingForm)

    answer = partner.post(page_of(row), filled_in() | {"act": "submit"})

    assert answer["Location"] == f"/dashboard/identities/{rows(Identity)[-1].public_id}/"
    assert (only(OnboardingForm).state, sealed_names(row), len(rows(Identity))) == ("OPEN", ["account_number"], 2)


def test_partner_saves_nothing_into_a_form_whose_identity_is_made(own: Application, partner: Client) -> None:
    link, stranger = invite(partner, own), Client()
    fill_in(stranger, link)
    stranger.post(f"{link}bank-account/", BANK)
    faults.arrange(application_id=own.pk, kind="TIMEOUT_AFTER", operation="tokenise_bank_account", times=1)
    stranger.post(f"{link}review/", {"seen": stranger.get(f"{link}review/").context["seen"]})
    row = only(OnboardingForm)

    answer = partner.post(page_of(row), filled_in() | {"act": "save"})
    part = partner.post(page_of(row), filled_in() | {"act": "save"}, headers={"HX-Request": "true"})

    assert answer["Location"] == f"/dashboard/identities/{rows(Identity)[-1].public_id}/"
    assert part["HX-Reswap"] == "none"
    assert "submitted before" in text_of(part)
    assert (only(OnboardingForm).revision, sealed_names(row)) == (row.revision, ["account_number"])


def test_new_link_ends_the_old_one(own: Application, partner: Client) -> None:
    link, row = invite(partner, own), only(OnboardingForm)

    shown = partner.post(page_of(row), {"act": "link", "days": "3"}, follow=True)

    new = shown.context["link"].removeprefix("http://testserver")
    assert [Client().get(path).status_code for path in (link, new)] == [404, 200]
    assert "link made" in text_of(partner.get(page_of(row)))


def test_pages_of_the_link_are_kept_nowhere(own: Application, partner: Client) -> None:
    answer = Client().get(invite(partner, own))

    assert answer["Cache-Control"] == "no-store"
    assert answer["Referrer-Policy"] == "same-origin"


def test_form_of_the_link_is_not_forged(own: Application, partner: Client) -> None:
    link = invite(partner, own)

    answer = Client(enforce_csrf_checks=True).post(f"{link}business/", filled_in())

    assert answer.status_code == 403
    assert only(OnboardingForm).answers == {}


def test_visits_are_limited_by_address(own: Application, partner: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    link = invite(partner, own)
    monkeypatch.setattr(joining, "VISITS_PER_MINUTE", 2)

    answers = [Client().get(link) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1]["Retry-After"] == "60"


# --- the import --------------------------------------------------------------------------------------------------


def upload(client: Client, application: Application, content: bytes, **options: str) -> Any:
    file = SimpleUploadedFile(options.pop("name", "merchants.csv"), content)
    return client.post(f"{tab(application)}import/", {"file": file, "processor": "DUMMY_V1"} | options)


def run(found: MerchantImport) -> None:
    tasks.import_merchants(str(found.pk), str(found.application_id))


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
    assert upload(partner, own, b"x" * (11 * 1024 * 1024)).status_code == 400


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
