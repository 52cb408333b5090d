"""The second factor as a person meets it: set up by the key as text, asked for, lost, reset."""

import re
import secrets
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations
from tests.totp import code_of

pytestmark = pytest.mark.browser

PASSWORD = "green lantern 77"


def test_factor_is_set_up_used_lost_and_reset(sign_in: SignIn, open_browser: Callable[..., BrowserContext]) -> None:
    admin = sign_in("ADMIN")
    email = f"frida-{secrets.token_hex(4)}@example.org"
    add_person(admin, email)
    admin.goto("about:blank")  # a page that is not in front is not drawn, and Chromium complains of its fonts
    page = open_browser().new_page()
    enter_password(page, email)

    page.locator("details.account summary").click()
    page.get_by_role("link", name="Second factor").click()
    page.get_by_role("link", name="Set up").click()
    in_order(page, "set-up-second-factor")
    key = re.sub(r"\s", "", page.locator(".set-up-key code").inner_text())
    page.get_by_label("Code that the app shows").fill(code_of(key, datetime.now(UTC)))
    page.get_by_role("button", name="Turn on").click()
    in_order(page, "recovery-codes")
    recovery_code = page.locator(".recovery-codes code").first.inner_text()
    page.get_by_role("link", name="I have kept them").click()

    sign_out(page)
    enter_password(page, email)
    in_order(page, "enter-code")
    page.get_by_label("Code").fill("123")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_label("Code")).to_have_accessible_description(re.compile("neither a code of your app"))
    page.get_by_label("Code").fill(code_of(key, datetime.now(UTC), steps=1))
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("details.account")).to_contain_text("Frida")

    sign_out(page)
    enter_password(page, email)
    page.get_by_label("Code").fill(recovery_code)
    page.get_by_role("button", name="Sign in").click()
    page.goto("/dashboard/account/second-factor/")
    expect(page.get_by_text("9 are left.")).to_be_visible()

    page.goto("about:blank")
    reset(admin, email)
    admin.goto("about:blank")
    page.goto("/dashboard/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    enter_password(page, email)
    expect(page.locator("details.account")).to_contain_text("Frida")


def add_person(admin: Page, email: str) -> None:
    admin.goto("/dashboard/people/new/")
    admin.get_by_label("Name", exact=True).fill("Frida")
    admin.get_by_label("E-mail").fill(email)
    admin.get_by_label("Role").select_option("Platform")
    admin.get_by_label("First password", exact=True).fill(PASSWORD)
    admin.get_by_role("button", name="Add person").click()
    expect(admin.get_by_text("Frida can sign in now.")).to_be_visible()


def reset(admin: Page, email: str) -> None:
    admin.goto(f"/dashboard/people/?email={email}")
    admin.locator("tbody a.row-link").first.click()
    admin.get_by_role("button", name="Reset second factor").click()
    dialog = admin.get_by_role("dialog")
    dialog.get_by_label("Reason").fill("Lost the phone")
    dialog.get_by_role("button", name="Reset second factor").click()
    expect(admin.get_by_text("can set up a new one")).to_be_visible()


def enter_password(page: Page, email: str) -> None:
    page.goto("/dashboard/account/login/")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(re.compile(r"/dashboard/(?!account/login)"))


def sign_out(page: Page) -> None:
    page.locator("details.account summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def in_order(page: Page, name: str) -> None:
    for viewport in (PHONE, DESKTOP):
        page.set_viewport_size(viewport)
        keep_screenshot(page, f"{name}-{viewport['width']}")
        assert violations(page) == []
        assert not overflows(page)
