"""The link by which a merchant fills in its own form, in process: who may use it, what it shows, and what ends it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from events.models import Audit, Event
from onboarding.models import Identity, OnboardingForm, PaymentInstrument
from onboarding.portal import joining
from onboarding.services import forms as saved
from providers.sandbox import faults
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.imports import NUMBER
from tests.factories.payments import let_time_pass
from tests.factories.tenancy import make_application
from tests.onboarding.test_saved_forms import BIRTH_DATE, BUSINESS_TAX_ID, TAX_ID, filled_in, sealed_names
from tests.portal.pages import browser, only, rows, text_of
from tests.portal.saved_forms import BANK, SECTIONS, begin, fill_in, invite, page_of, tab

pytestmark = pytest.mark.django_db

HOSTILE = '"><script>alert(1)</script>{{7*7}}'


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
