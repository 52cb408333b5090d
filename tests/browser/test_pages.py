"""Every page of the portal, as each person who may open it: light and dark, wide and narrow, by axe and by rule."""

from collections.abc import Callable

import pytest
from django.urls import URLPattern
from playwright.sync_api import BrowserContext, Page, expect

from onboarding.portal.urls import urlpatterns as onboarding_pages
from payments.portal.urls import urlpatterns as payments_pages
from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations

pytestmark = pytest.mark.browser

PAGES = {
    "applications": "/dashboard/applications/",
    "create-application": "/dashboard/applications/new/",
    "application": "{application}",
    "edit-application": "{application}edit/",
    "application-identities": "{application}identities/",
    "create-identity": "{application}identities/new/",
    "invite-merchant": "{application}identities/invite/",
    "import-merchants": "{application}identities/import/",
    "onboarding-form": "{onboarding_form}",
    "merchant-import": "{merchant_import}",
    "application-processors": "{application}processors/",
    "edit-processor": "{application}processors/DUMMY_V1/",
    "application-profile": "{application}profile/",
    "application-users": "{application}api-keys/",
    "identities": "/dashboard/identities/",
    "choose-application": "/dashboard/identities/new/",
    "identity": "{identity}",
    "edit-identity": "{identity}edit/",
    "people": "/dashboard/people/",
    "create-person": "/dashboard/people/new/",
    "person": "{person}",
    "edit-person": "{person}edit/",
    "api-users": "/dashboard/api-keys/",
    "create-platform-user": "/dashboard/api-keys/new/",
    "api-user": "{api_user}",
    "test-values": "/dashboard/test-values/",
    "audit": "/dashboard/audit/",
    "identity-instruments": "{identity}payment-instruments/",
    "identity-processors": "{identity}processors/",
    "identity-owners": "{identity}owners/",
    "create-owner": "{identity}owners/new/",
    "review-merchants": "/dashboard/review/merchants/",
    "decided-reviews": "/dashboard/review/merchants/decided/",
    "decide-reviews": "/dashboard/review/merchants/decide/?action=reject&selected={review_id}",
    "review": "{review}",
    "merchants": "/dashboard/merchants/",
    "merchant": "{merchant}",
    "edit-merchant": "{merchant}edit/",
    "edit-merchant-risk": "{merchant}risk-profile/",
    "verification": "{verification}",
    "payment-instruments": "/dashboard/payment-instruments/",
    "payment-instrument": "{payment_instrument}",
    "edit-payment-instrument": "{payment_instrument}edit/",
    "transfers": "/dashboard/transfers/",
    "transfer": "{transfer}",
    "choose-merchant": "/dashboard/transfers/new/",
    "create-transfer": "{sale}",
}
STATES = {
    "disable-key": "{api_user}?confirm=disable",
    "rotate-key": "{api_user}?confirm=rotate",
    "second-factor": "/dashboard/account/second-factor/",
    "set-up-second-factor": "/dashboard/account/second-factor/set-up/",
    "confirm": "/dashboard/account/confirm/",
    "disable-person": "{person}?confirm=disable",
    "open-forms": "{application_of_forms}identities/",
    "withdraw-form": "{onboarding_form}?confirm=withdraw",
    "link-form": "{onboarding_form}?confirm=link",
    "invited-form": "{invitation}",
    "revoke-link": "{invitation}?confirm=revoke",
    "refused-filters": "/dashboard/identities/?created_at.gte=x&business_type=y",
    "nothing-matches": "/dashboard/audit/?action=x&author_name=y",
    "add-bank-account": "{identity}payment-instruments/?add=bank-account",
    "add-card": "{identity}payment-instruments/?add=card",
    "provision-merchant": "{identity}processors/?provision",
    "create-verification": "{merchant}?confirm=verification",
    "edit-risk-profile": "{application}profile/?edit",
    "rejected-merchant": "{rejected_merchant}",
    "held-merchant": "{held_merchant}",
    "decided-review": "{decided_review}",
    "approve-merchant": "/dashboard/review/merchants/decide/?action=approve&selected={review_id}",
    "nothing-to-decide": "/dashboard/review/merchants/decide/?action=approve",
    "declined-transfer": "{declined_transfer}",
    "verify-card": "{inquired_card}?confirm=verify",
    "update-card": "{inquired_card}?confirm=update",
    "disable-card": "{inquired_card}?confirm=switch",
    "card-inquiry": "{inquiry}",
    "refused-amounts": "/dashboard/transfers/?amount=twelve&state=x",
}
ONLY_POST = {"create-application-user"}
SHOWN_ONCE = {"api-user-secret", "onboarding-link"}
BY_LINK = {"join", "join-section", "join-review", "join-sent"}  # walked in test_saved_forms
DOWNLOADS = {"import-template", "merchant-import-result"}
WITHOUT_ACCOUNT = ("/dashboard/account/login/", "/dashboard/account/password/reset/")


def test_every_page_is_listed_here() -> None:
    patterns = [*onboarding_pages, *payments_pages]
    names = {pattern.name for pattern in patterns if isinstance(pattern, URLPattern)}

    assert names == set(PAGES) | ONLY_POST | SHOWN_ONCE | BY_LINK | DOWNLOADS


@pytest.fixture
def places(sign_in: SignIn) -> dict[str, str]:
    """The addresses of one resource each, found by clicking through lists."""
    page = sign_in("ADMIN")
    lists = {
        "application": "applications/",
        "identity": "identities/?business_type=LIMITED_LIABILITY_COMPANY",
        "person": "people/",
        "api_user": "api-keys/",
        "merchant": "merchants/?onboarding_state=APPROVED&processor=DUMMY_V1",
        "rejected_merchant": "merchants/?onboarding_state=REJECTED",
        "held_merchant": "merchants/?onboarding_state=PROVISIONING",
        "review": "review/merchants/",
        "decided_review": "review/merchants/decided/",
        "payment_instrument": "payment-instruments/?type=PAYMENT_CARD",
        "inquired_card": "payment-instruments/?tags.key=wallet",
        "transfer": "transfers/?state=SUCCEEDED",
        "declined_transfer": "transfers/?state=FAILED",
        "sale": "transfers/new/",
    }
    found = {name: _first_link(page, f"/dashboard/{path}") for name, path in lists.items()}
    for subject, name in (("merchant", "verification"), ("inquired_card", "inquiry")):
        page.goto(found[subject])
        found[name] = str(page.locator("#verifications a").first.get_attribute("href"))
    page.goto("/dashboard/applications/")
    forms = str(page.get_by_role("link", name="Harbor Market").get_attribute("href"))
    found["application_of_forms"] = forms
    page.goto(f"{forms}identities/")
    for name, label in (("onboarding_form", "Tidepool Printmakers"), ("invitation", "Marigold Bindery")):
        found[name] = str(page.get_by_role("link", name=label, exact=True).get_attribute("href"))
    found["merchant_import"] = _first_link(page, f"{forms}identities/import/")
    found["review_id"] = found["review"].rstrip("/").rpartition("/")[2]
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_in_order(sign_in: SignIn, places: dict[str, str], scheme: str) -> None:
    faults = {}

    for group in (PAGES, STATES):
        page = sign_in("ADMIN", scheme=scheme)  # anew, since some of the states ask for a proof that is not old
        for name, address in group.items():
            for width, viewport in (("wide", DESKTOP), ("narrow", PHONE)):
                page.set_viewport_size(viewport)
                answer = page.goto(address.format(**places))
                assert answer is not None
                found = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]
                keep_screenshot(page, f"{name}-{width}-{scheme}")
                if found or answer.status != 200:
                    faults[f"{name} {width}"] = [str(answer.status), *found]

    assert faults == {}


def test_secret_of_a_key_is_shown_once(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    page.goto("/dashboard/applications/")
    page.locator("tbody a.row-link").first.click()
    page.get_by_role("link", name="API KEYS", exact=True).click()

    page.get_by_role("button", name="New API key").click()

    secret = page.locator("#secret-value").inner_text()
    assert len(secret) == 43
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert violations(page) == []
        assert not overflows(page)
    page.reload()
    assert secret not in page.content()


@pytest.mark.parametrize("javascript", [True, False])
def test_key_is_disabled_after_a_question(sign_in: SignIn, javascript: bool) -> None:
    page = sign_in("PARTNER", javascript=javascript)
    page.goto("/dashboard/api-keys/")
    page.locator("tbody a.row-link").first.click()
    dialog = page.get_by_role("dialog", name="Disable this API key?")

    def ask() -> None:
        page.locator('[data-dialog-open="disable"]').click()
        expect(dialog).to_contain_text("refused from the next request on")

    ask()
    dialog.get_by_role("link", name="Cancel").click()
    expect(dialog).to_be_hidden()
    ask()
    dialog.get_by_role("button", name="Disable API key").click()
    expect(page.get_by_text("is no longer let in")).to_be_visible()
    page.get_by_role("button", name="Enable").click()

    expect(page.get_by_text("is let in again")).to_be_visible()


def test_filters_open_with_the_error_beside_the_field(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")

    page.goto("/dashboard/identities/?business_type=guild")

    choice = page.get_by_label("Business type", exact=True)
    expect(choice).to_be_visible()
    expect(choice).to_have_accessible_description("Choose one of the list.")


@pytest.mark.parametrize("width", [768, 1280])
def test_audit_is_not_cut(sign_in: SignIn, width: int) -> None:
    page = sign_in("ADMIN", viewport={"width": width, "height": 800})
    page.goto("/dashboard/audit/")

    frame = page.locator(".table-frame")
    assert frame.evaluate("frame => frame.scrollWidth <= frame.clientWidth")


def test_new_identity_begins_at_the_list(sign_in: SignIn) -> None:
    partner, admin = sign_in("PARTNER"), sign_in("ADMIN")
    for page in (partner, admin):
        page.goto("/dashboard/identities/")
        page.get_by_role("link", name="Create New Identity").click()

    expect(partner.get_by_role("heading", level=1)).to_have_text("New merchant")
    admin.get_by_role("link", name="Harbor Market").click()
    expect(admin.get_by_role("heading", level=1)).to_have_text("New merchant")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", WITHOUT_ACCOUNT)
def test_pages_before_signing_in_are_in_order(
    open_browser: Callable[..., BrowserContext], address: str, scheme: str
) -> None:
    page = open_browser(scheme=scheme).new_page()

    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        page.goto(address)
        keep_screenshot(page, f"{address.strip('/').replace('/', '-')}-{viewport['width']}-{scheme}")
        assert violations(page) == []
        assert not overflows(page)


def test_phone_reaches_the_navigation(sign_in: SignIn) -> None:
    page = sign_in("ADMIN", viewport=PHONE)

    page.get_by_role("button", name="Menu").click()
    page.get_by_role("link", name="Applications", exact=True).click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Applications")


def test_portal_is_readable_without_javascript(sign_in: SignIn) -> None:
    page = sign_in("PARTNER", javascript=False)

    page.goto("/dashboard/identities/?business_type=CORPORATION")
    page.locator("tbody a.row-link").first.click()
    page.get_by_role("link", name="Edit").click()
    page.get_by_label("Title", exact=True).fill("Chair")
    page.get_by_role("button", name="Save").click()

    expect(page.get_by_text("The changes were saved.")).to_be_visible()


def test_theme_choice_outlives_the_page(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")

    page.locator("details.account summary").click()
    page.get_by_label("Dark").check(force=True)
    page.reload()

    assert page.evaluate("document.documentElement.dataset.theme") == "dark"


def test_merchant_sees_only_itself(sign_in: SignIn) -> None:
    page = sign_in("MERCHANT")

    page.goto("/dashboard/identities/")

    assert page.locator("tbody tr").count() == 1
    entries = [link.inner_text() for link in page.locator("nav .nav-link").all()]
    assert entries == ["Transfers", "Identities", "Merchants", "Payment instruments"]


@pytest.mark.parametrize("path", ["people/", "audit/", "applications/new/"])
def test_refusal_names_the_missing_permission(sign_in: SignIn, path: str) -> None:
    page = sign_in("PARTNER")
    answer = page.request.get(f"/dashboard/{path}")

    assert answer.status == 403
    assert {"people/": "people.view", "audit/": "audit.view", "applications/new/": "applications.manage"}[
        path
    ] in answer.text()


def _first_link(page: Page, address: str) -> str:
    page.goto(address)
    return str(page.locator("tbody a.row-link").first.get_attribute("href"))


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["wide", "narrow"])
def test_refused_search_stays_readable(sign_in: SignIn, viewport: dict[str, int]) -> None:
    page = sign_in("ADMIN", viewport=viewport)

    page.goto(f"/dashboard/audit/?action={'x' * 201}")

    search = page.get_by_role("searchbox")
    expect(search).to_have_accessible_description("Ensure this value has at most 200 characters (it has 201).")
    assert search.bounding_box()["width"] > 150
    expect(page.get_by_role("button", name="Apply filters")).to_be_hidden()
