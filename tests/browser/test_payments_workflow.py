"""Holding, capturing and refunding in a browser, by clicks alone, with every look before an act."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn

pytestmark = pytest.mark.browser


def hold(page: Page, amount: str) -> None:
    """TRANSACTIONS, Authorizations, New authorization, a merchant, a card, and the look at what will happen."""
    transactions = page.get_by_role("navigation", name="Main").get_by_role("list", name="TRANSACTIONS")
    transactions.get_by_role("link", name="Authorizations").click()
    page.get_by_role("link", name="New authorization").click()
    page.locator("tbody a.row-link").first.click()
    expect(page.get_by_role("radio", name=re.compile("^Hold"))).to_be_checked()
    page.get_by_label("Amount", exact=True).fill(amount)
    page.get_by_label("Card or bank account", exact=True).select_option(index=1)
    page.get_by_role("button", name="Review sale").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Hold {amount} USD?")
    page.get_by_role("button", name=f"Hold {amount} USD").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Authorization of {amount} USD")


def fact(page: Page, label: str) -> str:
    term = page.get_by_role("term").filter(has_text=re.compile(f"^{label}$")).first
    return term.locator("xpath=following-sibling::dd").inner_text().strip()


def test_hold_is_captured_in_part_and_part_of_that_refunded(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    hold(page, "48.00")
    assert fact(page, "Held") == "48.00 USD"

    page.get_by_role("link", name="Capture", exact=True).click()
    page.get_by_label("Amount", exact=True).fill("30")
    page.get_by_role("button", name="Review capture").click()
    assert fact(page, "Let go") == "18.00 USD"
    page.get_by_role("button", name="Capture 30.00 USD").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sale of 30.00 USD")
    sale = page.url

    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_label("Amount", exact=True).fill("10")
    page.get_by_label("Reason").fill("Wrong colour")
    page.get_by_role("button", name="Review refund").click()
    page.get_by_role("button", name="Refund 10.00 USD").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Refund of 10.00 USD")

    page.get_by_role("link", name="a sale of 30.00 USD").click()
    page.wait_for_url(sale)
    assert (fact(page, "Refunded"), fact(page, "Can still be refunded")) == ("10.00 USD", "20.00 USD")
    expect(page.get_by_role("row").filter(has_text="Wrong colour")).to_have_count(1)
    page.get_by_role("link", name="48.00 USD").click()
    assert (fact(page, "Captured"), fact(page, "Held"), fact(page, "Let go")) == ("30.00 USD", "0.00 USD", "18.00 USD")


def test_step_back_after_a_refund_does_not_refund_again(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    hold(page, "21.00")
    page.get_by_role("link", name="Capture", exact=True).click()
    page.get_by_role("button", name="Review capture").click()
    page.get_by_role("button", name="Capture 21.00 USD").click()
    page.get_by_role("link", name="Refund", exact=True).click()
    page.get_by_role("button", name="Review refund").click()
    page.get_by_role("button", name="Refund 21.00 USD").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Refund of 21.00 USD")

    page.go_back()

    expect(page.get_by_text("All of it was refunded, or is being refunded.")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("^Refund"))).to_have_count(0)


def test_void_is_followed_until_the_provider_has_let_go(sign_in: SignIn) -> None:
    """The reader does not reload."""
    page = sign_in("PARTNER")
    hold(page, "17.00")

    page.get_by_role("link", name="Void", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Void 17.00 USD?")
    page.get_by_role("button", name="Void 17.00 USD").click()

    meta = page.locator("#live-heading")
    expect(meta.get_by_text("Voided", exact=True)).to_be_visible(timeout=30_000)
    assert (fact(page, "Held"), fact(page, "Let go")) == ("0.00 USD", "17.00 USD")
    expect(page.get_by_role("link", name="Capture", exact=True)).to_have_count(0)
