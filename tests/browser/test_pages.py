"""Every page of the portal, as each person who may open it: light and dark, wide and narrow, by axe and by rule."""

from collections.abc import Callable

import pytest
from django.urls import URLPattern
from playwright.sync_api import BrowserContext, Page, expect

from onboarding.portal.urls import urlpatterns
from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations

pytestmark = pytest.mark.browser

PAGES = {
    "applications": "/dashboard/applications/",
    "create-application": "/dashboard/applications/new/",
    "application": "{application}",
    "edit-application": "{application}edit/",
    "application-identities": "{application}identities/",
    "create-identity": "{application}identities/new/",
    "application-processors": "{application}processors/",
    "edit-processor": "{application}processors/DUMMY_V1/",
    "application-users": "{application}api-keys/",
    "identities": "/dashboard/identities/",
    "identity": "{identity}",
    "edit-identity": "{identity}edit/",
    "people": "/dashboard/people/",
    "create-person": "/dashboard/people/new/",
    "person": "{person}",
    "api-users": "/dashboard/api-keys/",
    "create-platform-user": "/dashboard/api-keys/new/",
    "api-user": "{api_user}",
    "audit": "/dashboard/audit/",
}
ONLY_POST = {"create-application-user"}
WITHOUT_ACCOUNT = ("/dashboard/account/login/", "/dashboard/account/password/reset/")


def test_every_page_is_listed_here() -> None:
    names = {pattern.name for pattern in urlpatterns if isinstance(pattern, URLPattern)}

    assert names == set(PAGES) | ONLY_POST


@pytest.fixture
def places(sign_in: SignIn) -> dict[str, str]:
    """The addresses of one resource each, found by clicking through lists."""
    page = sign_in("ADMIN")
    lists = {"application": "applications", "identity": "identities", "person": "people", "api_user": "api-keys"}
    return {name: _first_link(page, f"/dashboard/{path}/") for name, path in lists.items()}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_in_order(sign_in: SignIn, places: dict[str, str], scheme: str) -> None:
    page = sign_in("ADMIN", scheme=scheme)
    faults = {}

    for name, address in PAGES.items():
        for width, viewport in (("wide", DESKTOP), ("narrow", PHONE)):
            page.set_viewport_size(viewport)
            answer = page.goto(address.format(**places))
            assert answer is not None
            found = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]
            keep_screenshot(page, f"{name}-{width}-{scheme}")
            if found or answer.status != 200:
                faults[f"{name} {width}"] = [str(answer.status), *found]

    assert faults == {}


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
    assert [link.inner_text() for link in page.locator("nav .nav-link").all()] == ["Identities"]


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
