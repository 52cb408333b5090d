"""Pages that tell how a merchant stands: its checklist, the one line, risk profiles (WF-9), and the test values."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from events.models import Audit
from onboarding.models import Identity, Merchant, Verification
from onboarding.services import create_associated_identity, update_identity, verify_merchant
from portal import navigation
from providers.registry import values_to_try
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.models import Application, ApplicationProfile, MerchantProfile, Processor, RiskProfile
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.portal.pages import anew, browser, rows, text_of
from tests.portal.test_onboarding_pages import HELD, REJECTED, page_of, tab
from vault.secret import Secret

pytestmark = pytest.mark.django_db


@pytest.fixture
def identity(own: Application) -> Identity:
    return make_merchant_identity(own)


@pytest.fixture
def merchant(identity: Identity) -> Merchant:
    return make_merchant(identity)


def profile_page(application: Application) -> str:
    return f"/dashboard/applications/{application.public_id}/profile/"


def risk_profile_of(application: Application) -> RiskProfile:
    with transaction(by=system()):
        return ApplicationProfile.objects.select_related("risk_profile").get(application=application).risk_profile


def own_profile(merchant: Merchant) -> RiskProfile | None:
    with transaction(by=system()):
        return MerchantProfile.objects.select_related("risk_profile").get(pk=merchant.merchant_profile_id).risk_profile


def sent(page: Any, name: str = "form", **changes: str) -> dict[str, Any]:
    """What a browser would send of the page's form that nobody touched, but for the changes."""
    told = {bound.html_name: bound.value() for bound in page.context[name] if bound.value() not in (None, False)}
    return {"version": page.context["version"], **told, **changes}


# --- WF-9 -------------------------------------------------------------------------------------------------------------


def test_risk_profile_of_an_application_is_updated_as_documented(own: Application, merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    overview = client.get(f"/dashboard/applications/{own.public_id}/").content.decode()
    assert "FEE AND RISK PROFILE" in overview
    assert f'href="{profile_page(own)}"' in overview
    page = client.get(profile_page(own))
    assert ("Risk Profile" in text_of(page), "Edit" in text_of(page), "Submit" in text_of(page)) == (True, True, True)

    saved = client.post(profile_page(own), sent(page, avs_failure_allowed="on"), follow=True)

    profile = risk_profile_of(own)
    assert (profile.avs_failure_allowed, profile.csc_failure_allowed) == (True, False)
    assert "The risk profile of Own was saved." in text_of(saved)
    assert "Failed address check Let through" in text_of(saved)
    with transaction(by=system()):
        assert Audit.objects.filter(action="update_risk_profile").count() == 1
    assert "Let through" in text_of(client.get(page_of(merchant)))


def test_stale_risk_profile_is_not_overwritten(own: Application) -> None:
    client = browser(Role.PLATFORM)
    form = sent(client.get(profile_page(own)))
    values = {"csc_failure_allowed": True}
    tenancy.update_risk_profile(profile=risk_profile_of(own), values=values, by=system(), at=timezone.now())

    answer = client.post(profile_page(own), {**form, "avs_failure_allowed": "on"})

    assert "Somebody else changed this in the meantime." in text_of(answer)
    assert risk_profile_of(own).avs_failure_allowed is False


@pytest.mark.parametrize(("role", "status"), [(Role.PARTNER, 200), (Role.MERCHANT, 403)])
def test_risk_profile_is_for_the_platform_to_change(
    own: Application, identity: Identity, merchant: Merchant, role: Role, status: int
) -> None:
    client = browser(role, own, identity if role == Role.MERCHANT else None)
    page = client.get(profile_page(own))

    assert page.status_code == status
    assert "edit-risk-profile" not in page.content.decode()
    assert client.post(profile_page(own), {"avs_failure_allowed": "on"}).status_code == 403
    assert client.post(f"{page_of(merchant)}risk-profile/", {"whose": "own"}).status_code == 403
    assert risk_profile_of(own).avs_failure_allowed is False
    assert ("Risk profile" in text_of(client.get(page_of(merchant)))) is (role == Role.PARTNER)


def test_merchant_gets_its_own_risk_profile_and_gives_it_back(own: Application, merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    place = f"{page_of(merchant)}risk-profile/"

    first = client.post(place, sent(client.get(place), whose="own", csc_failure_allowed="on"), follow=True)

    assert "Bobs Burgers now has a risk profile of its own." in text_of(first)
    assert "Its own: what Own lets through does not count here." in text_of(first)
    mine = own_profile(merchant)
    assert mine is not None
    assert (mine.avs_failure_allowed, mine.csc_failure_allowed) == (False, True)
    of_the_application = client.get(profile_page(own))
    assert "Merchants with a risk profile of their own: Bobs Burgers" in text_of(of_the_application)
    assert f'href="{page_of(merchant)}"' in of_the_application.content.decode()
    back = client.post(place, sent(client.get(place), whose="application"), follow=True)
    assert "Bobs Burgers now has its application" in text_of(back)
    assert own_profile(merchant) is None


def test_stale_page_does_not_touch_the_merchants_profile(merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    place = f"{page_of(merchant)}risk-profile/"
    form = sent(client.get(place))
    with transaction(by=system()):
        profile = MerchantProfile.objects.get(pk=merchant.merchant_profile_id)
    values = {"avs_failure_allowed": True}
    tenancy.give_own_risk_profile(profile=profile, values=values, by=system(), at=timezone.now())

    answer = client.post(place, {**form, "whose": "application"})

    assert "Somebody else changed this in the meantime." in text_of(answer)
    assert own_profile(merchant) is not None


# --- checklist and the one line ---------------------------------------------------------------------------------------


def steps(page: Any, name: str = "checklist") -> dict[str, dict[str, Any]]:
    found = page.context[name]
    checklist = found[0] if isinstance(found, list) else found
    return {step["title"]: step for step in checklist["steps"]}


def test_checklist_links_for_those_who_can_act(own: Application) -> None:
    identity = make_merchant_identity(own, business_tax_id=REJECTED)
    merchant = make_merchant(identity)

    seen = {
        role: steps(browser(role, *whose).get(page_of(merchant)))
        for role, whose in ((Role.PLATFORM, ()), (Role.PARTNER, (own,)), (Role.MERCHANT, (own, identity)))
    }

    assert {role: found["Approved"]["who"] for role, found in seen.items()} == {
        Role.PLATFORM: "Partner", Role.PARTNER: "You", Role.MERCHANT: "Own",
    }  # fmt: skip
    assert {role: found["Bank account"]["who"] for role, found in seen.items()} == {
        Role.PLATFORM: "Partner", Role.PARTNER: "You", Role.MERCHANT: "Own",
    }  # fmt: skip
    assert {role: found["Bank account"]["ask"] for role, found in seen.items()} == {
        Role.PLATFORM: "", Role.PARTNER: "",
        Role.MERCHANT: "Ask Own about it: only they or the platform can do this.",
    }  # fmt: skip
    assert seen[Role.PARTNER]["Approved"]["first_url"] == f"/dashboard/identities/{identity.public_id}/edit/"
    assert seen[Role.PARTNER]["Approved"]["url"] == f"{page_of(merchant)}?confirm=verification"
    assert seen[Role.PARTNER]["Bank account"]["url"] == f"{tab(identity)}?add=bank-account"
    assert {step["url"] + step["first_url"] for step in seen[Role.MERCHANT].values()} == {""}
    assert "The tax id does not belong to a business of this name." in seen[Role.MERCHANT]["Approved"]["text"]


def test_links_of_the_checklist_open(own: Application) -> None:
    identity = make_merchant_identity(own)
    client = browser(Role.ADMIN)
    pages = [client.get(tab(identity, "processors"))]
    merchant = make_merchant(identity)
    for values in ({"enabled": False}, {"enabled": True, "processing_enabled": False}, {"processing_enabled": True}):
        tenancy.update_application(application=anew(own), values=values, by=system(), at=timezone.now())
        pages.append(client.get(page_of(merchant)))
    with transaction(by=system()):
        processor = Processor.objects.get(application=own)
    tenancy.update_processor(processor=processor, enabled=False, by=system(), at=timezone.now())
    pages.append(client.get(page_of(merchant)))
    with transaction(by=system()):
        Merchant.objects.update(settlement_enabled=False)
    pages.append(client.get(tab(identity, "processors")))
    held = make_merchant_identity(own, business_tax_id=HELD)
    tenancy.update_processor(processor=processor, enabled=True, by=system(), at=timezone.now())
    pages.append(client.get(page_of(make_merchant(held))))

    urls = set()
    for page in pages:
        name = "checklist" if "checklist" in page.context and "merchant" in page.context else "checklists"
        urls |= {(step["action"], step["url"]) for step in steps(page, name).values() if step["url"]}

    assert {action for action, _ in urls} >= {
        "Provision Merchant", "Add Bank Account", "Edit application", "Edit processor", "Edit merchant", "Open review",
    }  # fmt: skip
    assert {client.get(url).status_code for _, url in urls} == {200}


def test_held_merchant_waits_for_the_platform(own: Application) -> None:
    merchant = make_merchant(make_merchant_identity(own, business_tax_id=HELD))
    partner = browser(Role.PARTNER, own)

    assert "DUMMY_V1 holds the business for review: a person of the platform decides on it." in text_of(
        partner.get(page_of(merchant))
    )
    assert steps(partner.get(page_of(merchant)))["Approved"]["who"] == "Platform"
    assert "Waits for review" in text_of(partner.get("/dashboard/merchants/"))


def test_held_update_of_an_approved_merchant_leads_to_its_review(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    tax_id = {"entity": {"business_tax_id": Secret(HELD)}}
    update_identity(identity=identity, changes=tax_id, by=system(), at=timezone.now())
    check = verify_merchant(merchant=merchant, by=system(), at=timezone.now())
    let_time_pass(own, 60)
    client = browser(Role.PLATFORM)

    page, of_the_check = client.get(page_of(merchant)), client.get(f"/dashboard/verifications/{check.public_id}/")

    assert "Can take payments" in text_of(page)
    assert "What was changed of it waits for a person. Open its review" in text_of(page)
    assert steps(page)["Processor up to date"]["action"] == "Open review"
    assert "Waits for review" in text_of(of_the_check)
    assert {each.context["review_url"] for each in (page, of_the_check)} == {
        f"/dashboard/review/merchants/?q={merchant.public_id}"
    }
    assert identity.display_name in text_of(client.get(page.context["review_url"]))
    partner = browser(Role.PARTNER, own)
    assert "Open its review" not in text_of(partner.get(f"/dashboard/verifications/{check.public_id}/"))


def test_disabled_application_is_told_on_page_and_list(own: Application, merchant: Merchant) -> None:
    client = browser(Role.PLATFORM)
    assert "Takes payments" in text_of(client.get("/dashboard/merchants/"))

    tenancy.update_application(application=own, values={"enabled": False}, by=system(), at=timezone.now())

    assert "Own is disabled, and all of its merchants with it." in text_of(client.get(page_of(merchant)))
    assert "Application is disabled" in text_of(client.get("/dashboard/merchants/"))


def test_changed_identity_is_not_at_the_processor_yet(own: Application, identity: Identity, merchant: Merchant) -> None:
    client = browser(Role.PARTNER, own)
    assert steps(client.get(page_of(merchant)))["Processor up to date"]["state"] == "done"

    update_identity(
        identity=identity, changes={"entity": {"max_transaction_amount": 77}}, by=system(), at=timezone.now()
    )

    page = client.get(page_of(merchant))
    assert steps(page)["Processor up to date"]["url"] == f"{page_of(merchant)}?confirm=verification"
    assert "Largest transaction 120,000.00 USD" in text_of(page)


def test_clock_that_runs_ahead_changes_nothing_about_an_identity(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    client = browser(Role.PARTNER, own)
    let_time_pass(own, 2 * 24 * 3600)
    assert steps(client.get(page_of(merchant)))["Processor up to date"]["state"] == "done"

    changed = update_identity(
        identity=identity, changes={"entity": {"max_transaction_amount": 77}}, by=system(), at=timezone.now()
    )

    assert changed.updated_at > timezone.now() + timedelta(days=1)
    assert steps(client.get(page_of(merchant)))["Processor up to date"]["state"] == "open"


def test_recipient_has_a_short_checklist(own: Application) -> None:
    make_processor(own, Processor.Name.VISA_V1)
    buyer = make_merchant_identity(own)
    make_card(buyer)
    recipient = make_merchant(buyer, "VISA_V1")
    page = browser(Role.PARTNER, own).get(page_of(recipient))

    assert list(steps(page)) == ["Card", "Sent to a processor", "Approved", "Settlements on", "Processor up to date"]
    assert "Can receive money" in text_of(page)


# --- what is next, on the identity ------------------------------------------------------------------------------------


def overview(identity: Identity) -> str:
    return f"/dashboard/identities/{identity.public_id}/"


def next_of(page: Any) -> dict[str, Any]:
    (checklist,) = page.context["checklists"]
    found: dict[str, Any] = checklist["next"]
    return found


def test_identity_tells_the_next_step_and_takes_one_there(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)

    without = client.get(overview(identity))
    make_bank_account(identity)
    ready = client.get(overview(identity))
    merchant = make_merchant(identity)
    done = client.get(overview(identity))

    assert f'href="{tab(identity)}?add=bank-account"' in without.content.decode()
    assert (next_of(without)["title"], next_of(without)["action"]) == ("Bank account", "Add Bank Account")
    assert next_of(ready)["url"] == f"{tab(identity, 'processors')}?provision"
    assert "Sent to a processor You All is there; no processor has it yet." in text_of(ready)
    assert next_of(done) is None
    assert "Nothing is left to do at DUMMY_V1." in text_of(done)
    assert merchant.onboarding_state == "APPROVED"


def test_business_that_no_processor_has_is_found(own: Application, identity: Identity, merchant: Merchant) -> None:
    new, buyer = make_merchant_identity(own, doing_business_as="Newcomer"), make_identity(own)
    client = browser(Role.PARTNER, own)
    waiting = "Not at a processor yet"
    list_, narrowed = "/dashboard/identities/", "/dashboard/identities/?at_processor=not_yet"

    assert [row["url"] for row in client.get(narrowed).context["rows"]] == [overview(new)]
    shown = {row["url"]: waiting in row["cells"][1] for row in client.get(list_).context["rows"]}
    assert [shown[overview(each)] for each in (new, buyer, identity)] == [True, False, False]
    assert waiting in text_of(client.get(overview(new)))

    make_merchant(new)

    assert client.get(narrowed).context["rows"] == []
    assert waiting not in text_of(client.get(overview(new)))
    assert anew(new).version == new.version


def test_merchant_is_told_whom_to_ask(own: Application, identity: Identity) -> None:
    page = browser(Role.MERCHANT, own, identity).get(overview(identity))

    assert "Ask Own about it: only they or the platform can do this." in text_of(page)
    assert "Add Bank Account" not in text_of(page)


def test_buyers_and_owners_have_no_next_step(own: Application, identity: Identity) -> None:
    entity = {"first_name": "Ann", "last_name": "Owner"}
    owner = create_associated_identity(business=identity, entity=entity, by=system(), at=timezone.now())
    client = browser(Role.PARTNER, own)

    pages = [client.get(overview(someone)) for someone in (make_identity(own), owner)]

    assert [page.context["checklists"] for page in pages] == [[], []]
    assert ["Add Bank Account" in text_of(page) for page in pages] == [True, False]


def test_rejection_leads_to_the_form_and_the_form_back(own: Application) -> None:
    identity = make_merchant_identity(own, business_tax_id=REJECTED)
    merchant = make_merchant(identity)
    client = browser(Role.PARTNER, own)
    edit = f"{overview(identity)}edit/"
    why = "The tax id does not belong to a business of this name."
    with transaction(by=system()):
        check = Verification.objects.get(merchant=merchant)

    page, of_the_check, form = (
        client.get(each) for each in (page_of(merchant), f"/dashboard/verifications/{check.public_id}/", edit)
    )
    saved = client.post(edit, sent(form, business_tax_id="471118208"), follow=True)

    assert page.context["readiness"]["url"] == of_the_check.context["edit_url"] == edit
    assert f"What DUMMY_V1 objected to when it last checked {why}" in text_of(form)
    again = f"{page_of(merchant)}?confirm=verification"
    assert f'<a href="{again}">Create Verification at DUMMY_V1</a>' in saved.content.decode()
    assert (next_of(saved)["first_url"], next_of(saved)["url"]) == ("", again)
    looks_only = browser(Role.MERCHANT, own, identity).get(page_of(merchant))
    assert "Ask Own to correct it and have it checked again." in text_of(looks_only)
    assert "url" not in looks_only.context["readiness"]


def test_saving_an_identity_without_a_merchant_speaks_of_no_processor(own: Application, identity: Identity) -> None:
    client = browser(Role.PARTNER, own)
    edit = f"{overview(identity)}edit/"

    saved = client.post(edit, sent(client.get(edit), title="Chair"), follow=True)

    (message,) = saved.context["messages"]
    assert str(message) == "The changes were saved."


# --- switches above the merchant's own --------------------------------------------------------------------------------


def test_lists_tell_what_counts_rather_than_what_is_set(
    own: Application, identity: Identity, merchant: Merchant
) -> None:
    tenancy.update_application(application=own, values={"settlement_enabled": False}, by=system(), at=timezone.now())
    client = browser(Role.PLATFORM)

    for place in ("/dashboard/merchants/", tab(identity, "processors"), page_of(merchant)):
        assert "Off by application" in text_of(client.get(place))
    assert "Takes payments, not paid out" in text_of(client.get("/dashboard/merchants/"))


# --- new merchants, from where merchants are --------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "leads_to"), [("new", "new"), ("invite", "invite"), ("import", "import")])
def test_new_merchants_are_reached_from_their_list(own: Application, name: str, leads_to: str) -> None:
    partner, platform = browser(Role.PARTNER, own), browser(Role.PLATFORM)
    make_application("Another")
    place, page = f"/dashboard/merchants/{name}/", f"/dashboard/applications/{own.public_id}/identities/{leads_to}/"

    at_once, chooses = partner.get(place), platform.get(place)

    assert f'href="{place}"' in partner.get("/dashboard/merchants/").content.decode()
    assert at_once["Location"] == page
    assert f'href="{page}"' in chooses.content.decode()
    assert partner.get(page).status_code == 200


def test_merchants_make_no_merchants(own: Application, identity: Identity) -> None:
    client = browser(Role.MERCHANT, own, identity)

    assert "Invite" not in text_of(client.get("/dashboard/merchants/"))
    assert client.get("/dashboard/merchants/invite/").status_code == 403


# --- how many wait ----------------------------------------------------------------------------------------------------


def waiting_of(page: Any) -> str:
    (review,) = [head for head in page.context["navigation"] if head["label"] == "REVIEW"]
    count: str = review["entries"][0]["count"]
    return count


def test_navigation_counts_what_waits_for_a_word(own: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    client = browser(Role.PLATFORM)
    counts = [waiting_of(client.get("/dashboard/merchants/"))]
    for _ in range(2):
        make_merchant(make_merchant_identity(own, business_tax_id=HELD))
        counts.append(waiting_of(client.get("/dashboard/merchants/")))
    monkeypatch.setattr(navigation, "COUNTED", 1)
    counts.append(waiting_of(client.get("/dashboard/merchants/")))

    assert counts == ["", "1", "2", "1+"]
    partner = browser(Role.PARTNER, own).get("/dashboard/merchants/")
    assert "nav-count" not in partner.content.decode()


# --- a bank account before --------------------------------------------------------------------------------------------


def test_bank_account_is_asked_for_before_provisioning(own: Application, identity: Identity) -> None:
    client = browser(Role.PLATFORM)
    form = sent(client.get(f"/dashboard/applications/{own.public_id}/edit/"))
    client.post(f"/dashboard/applications/{own.public_id}/edit/", {**form, "bank_account_required": "on"})
    assert anew(own).bank_account_required is True
    partner = browser(Role.PARTNER, own)

    page = partner.get(f"{tab(identity, 'processors')}?provision")
    refused = partner.post(tab(identity, "processors"), {"key": "form-1", "processor": "DUMMY_V1"})

    assert f'href="{tab(identity)}?add=bank-account"' in page.content.decode()
    assert "Own sends nobody to a processor without a bank account" in text_of(page)
    assert "A merchant of this application needs a bank account first" in text_of(refused)
    assert rows(Merchant) == []
    make_bank_account(identity)
    partner.post(tab(identity, "processors"), {"key": "form-2", "processor": "DUMMY_V1"})
    assert [row.onboarding_state for row in rows(Merchant)] == ["APPROVED"]


# --- test values ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.ADMIN, Role.PLATFORM, Role.PARTNER])
def test_every_test_value_is_shown_to_be_copied(own: Application, role: Role) -> None:
    client = browser(role, own if role == Role.PARTNER else None)
    page = client.get("/dashboard/test-values/")

    assert page.status_code == 200
    assert "Test values" in text_of(client.get("/dashboard/merchants/"))
    for table in values_to_try():
        assert table.title in text_of(page)
        for value in table.values:
            assert f'data-copy="{value.value}"' in page.content.decode()
    assert '<a href="#profiles">profile</a> finix-2026 only' in page.content.decode()
    who = "ask them to set" if role == Role.PARTNER else "&gt; Sandbox profile."
    assert who in page.content.decode()


def test_test_values_are_for_a_sandbox_and_those_who_sell(own: Application, identity: Identity, settings: Any) -> None:
    merchant = browser(Role.MERCHANT, own, identity)
    assert merchant.get("/dashboard/test-values/").status_code == 403
    assert django_settings.IS_LIVE is False
    platform = browser(Role.PLATFORM)

    settings.IS_LIVE = True

    assert platform.get("/dashboard/test-values/").status_code == 404
    assert values_to_try() == ()
