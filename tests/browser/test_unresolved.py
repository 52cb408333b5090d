"""The queue of unresolved attempts in a browser, with a worker that asks."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser

QUEUE = "/dashboard/unresolved/"


def test_that_nobody_asks_is_seen_without_scrolling_the_table(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    page.goto(QUEUE)

    expect(page.get_by_text("Nobody asks any more").first).to_be_visible()
    frame = page.locator(".table-frame")
    assert frame.evaluate("frame => frame.scrollWidth - frame.clientWidth") == 0


def test_sale_that_nobody_asked_about_any_more_is_ticked_asked_about_and_known(sign_in: SignIn) -> None:
    """The reader does not reload: the page follows until the worker has asked."""
    page = sign_in("ADMIN")
    page.goto(QUEUE)
    page.get_by_role("checkbox", name=re.compile("62.95")).check()
    page.get_by_role("button", name="Ask now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Ask about 1 attempt?")

    page.get_by_role("button", name="Ask about 1 attempt").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 of 1 attempt being asked about")
    page.get_by_role("link", name=re.compile("62.95")).click()

    expect(page.get_by_role("status").filter(has_text="The outcome is known")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("heading", name="What can be done")).to_have_count(0)
    page.goto(QUEUE)
    expect(page.get_by_role("link", name=re.compile("62.95"))).to_have_count(0)
