"""Pages that tell how a merchant stands: its checklist, the one line, risk profiles (WF-9), and the test values."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.utils import timezone

from events.models import Audit
from onboarding.models import Identity, Merchant
from onboarding.services import update_identity
from providers.registry import values_to_try
from tenancy import services as tenancy
from tenancy.actors import system
from tenancy.models import Application, ApplicationProfile, MerchantProfile, Processor, RiskProfile
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import let_time_pass, make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application
from tests.portal.test_onboarding_pages import HELD, REJECTED, anew, browser, page_of, rows, tab, text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def own() -> Application:

    application = make_application("Own")[0]
    make_processor(application)
    return application


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
    assert "1 merchant has one." in text_of(client.get(profile_page(own)))
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
        Role.PLATFORM: "Partner", Role.PARTNER: "You", Role.MERCHANT: "Partner",
    }  # fmt: skip
    assert {role: found["Bank account"]["who"] for role, found in seen.items()} == {
        Role.PLATFORM: "Merchant", Role.PARTNER: "Merchant", Role.MERCHANT: "You",
    }  # fmt: skip
    assert seen[Role.PARTNER]["Approved"]["url"] == f"{page_of(merchant)}?confirm=verification"
    assert seen[Role.PARTNER]["Bank account"]["url"] == f"{tab(identity)}?add=bank-account"
    assert {step["url"] for step in seen[Role.MERCHANT].values()} == {""}
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


def test_test_values_are_for_a_sandbox_and_those_who_sell(own: Application, identity: Identity, settings: Any) -> None:
    merchant = browser(Role.MERCHANT, own, identity)
    assert merchant.get("/dashboard/test-values/").status_code == 403
    assert django_settings.IS_LIVE is False
    platform = browser(Role.PLATFORM)

    settings.IS_LIVE = True

    assert platform.get("/dashboard/test-values/").status_code == 404
    assert values_to_try() == ()
