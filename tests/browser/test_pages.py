"""What the portal's pages do in a real browser, beside looking right: see test_walk_pages and test_walk_states."""

from collections.abc import Callable

import pytest
from django.urls import URLPattern
from playwright.sync_api import BrowserContext, expect

from exports.portal import urlpatterns as export_pages
from onboarding.portal.urls import urlpatterns as onboarding_pages
from payments.portal.urls import urlpatterns as payments_pages
from portal.urls import urlpatterns as portal_pages
from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations
from tests.browser.walk import PAGES

pytestmark = pytest.mark.browser

SHOWN_ONCE = {"api-user-secret", "onboarding-link"}
BY_LINK = {"join", "join-section", "join-review", "join-sent"}  # walked in test_saved_forms
DOWNLOADS = {"import-template", "merchant-import-result", "start", "file"}
WITHOUT_ACCOUNT = ("/dashboard/account/login/", "/dashboard/account/password/reset/")


def test_every_page_is_listed_here() -> None:
    patterns = [*portal_pages, *onboarding_pages, *payments_pages, *export_pages]
    names = {pattern.name for pattern in patterns if isinstance(pattern, URLPattern) and pattern.name}

    assert names == set(PAGES) | SHOWN_ONCE | BY_LINK | DOWNLOADS


def test_secret_of_a_key_is_shown_once(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    page.goto("/dashboard/applications/")
    page.locator("tbody a.row-link").first.click()
    page.get_by_role("link", name="API KEYS", exact=True).click()

    page.get_by_role("link", name="New API key").click()
    page.get_by_label("Name").fill("Web shop")
    page.get_by_role("button", name="Create API key").click()

    secret = page.locator("#secret-value").inner_text()
    assert len(secret) == 43
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert violations(page) == []
        assert not overflows(page)
    page.reload()
    assert secret not in page.content()


def test_question_about_a_rotation_begins_at_what_is_chosen(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    page.goto("/dashboard/api-keys/")
    page.locator("tbody a.row-link").first.click()

    page.locator('[data-dialog-open="rotate"]').click()

    expect(page.get_by_label("Works for another day")).to_be_focused()
    expect(page.get_by_label("Works for another day")).to_be_checked()


@pytest.mark.parametrize("place", ["merchants", "identities", "transfers", "review/merchants", "api-keys", "people"])
def test_row_of_a_list_takes_few_lines_on_a_phone(sign_in: SignIn, place: str) -> None:
    page = sign_in("ADMIN", viewport=PHONE)
    page.goto(f"/dashboard/{place}/")

    heights = page.locator("table.table-list tbody tr").evaluate_all(
        "rows => rows.map(row => row.getBoundingClientRect().height).sort((one, other) => one - other)"
    )

    assert heights[0] <= 90  # three lines
    assert heights[-1] <= 120  # where a name is long


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
    sign_in("PARTNER").request.get("/dashboard/review/merchants/decide/?action=reject")
    page = sign_in("ADMIN", viewport={"width": width, "height": 800})
    page.goto("/dashboard/audit/")

    expect(page.get_by_role("row").filter(has_text="Denied").first).to_be_visible()
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
    page.get_by_role("link", name="Edit", exact=True).click()
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
    assert entries == [
        "Home", "Transfers", "Authorizations", "Settlements", "Deposits", "Statements", "Reports",
        "Identities", "Merchants", "Payment instruments", "Exports",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["people/", "audit/", "applications/new/"])
def test_refusal_names_the_missing_permission(sign_in: SignIn, path: str) -> None:
    page = sign_in("PARTNER")
    answer = page.request.get(f"/dashboard/{path}")

    assert answer.status == 403
    assert {"people/": "people.view", "audit/": "audit.view", "applications/new/": "applications.manage"}[
        path
    ] in answer.text()


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["wide", "narrow"])
def test_refused_search_stays_readable(sign_in: SignIn, viewport: dict[str, int]) -> None:
    page = sign_in("ADMIN", viewport=viewport)

    page.goto(f"/dashboard/audit/?action={'x' * 201}")

    search = page.get_by_role("searchbox")
    expect(search).to_have_accessible_description("At most 200 characters; these are 201.")
    assert search.bounding_box()["width"] > 150
    expect(page.get_by_role("button", name="Apply filters")).to_be_hidden()
