"""A card's page by clicks: verified, asked about at its issuer, switched off and on again."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn, violations

pytestmark = pytest.mark.browser


def add_card(page: Page, number: str) -> None:
    """A new card of a buyer of the first application, which may ask VISA_V1; its page is opened."""
    page.goto("/dashboard/payment-instruments/?tags.key=wallet&tags.value=saved")
    page.locator("tbody a.row-link").first.click()
    page.locator("#identity a").first.click()
    page.get_by_role("link", name="PAYMENT INSTRUMENTS", exact=True).click()
    page.locator('[data-dialog-open="add-card"]').click()
    form = page.get_by_role("dialog", name="Add Card")
    for label, value in {"Card number": number, "Expiry month": "12", "Expiry year": "2040"}.items():
        form.get_by_label(label, exact=True).fill(value)
    form.get_by_role("button", name="Add Card").click()
    expect(page.get_by_text("was added to")).to_be_visible()
    page.locator("tbody a.row-link").filter(has_text=number[-4:]).first.click()


@pytest.mark.parametrize("javascript", [True, False])
def test_card_is_verified(sign_in: SignIn, javascript: bool) -> None:
    page = sign_in("ADMIN", javascript=javascript)
    add_card(page, "4835070000000014")
    dialog = page.get_by_role("dialog", name="Create Verification")

    page.locator('[data-dialog-open="verify-card"]').click()
    dialog.get_by_label("Security code").fill("12")
    dialog.get_by_role("button", name="Create").click()
    expect(dialog.get_by_label("Security code")).to_have_accessible_description(re.compile("three or four digits"))
    dialog.get_by_label("Security code").fill("112")
    dialog.get_by_label("Street").fill("1 Main St")
    dialog.get_by_label("Postal code").fill("94404")
    dialog.get_by_role("button", name="Create").click()

    expect(page.get_by_text("was verified at VISA_V1.")).to_be_visible()
    expect(page.get_by_text("Money arrives within 30 minutes, at home and from abroad.")).to_be_visible()
    page.locator("#verifications a").first.click()
    for words in ("Address verified", "CVV and expiration verified", "Fast Funds eligible for all transactions"):
        expect(page.get_by_text(words).first).to_be_visible()
    if javascript:
        assert violations(page) == []


def test_dialog_closes_by_its_cross(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    add_card(page, "4855070000000035")
    dialog = page.get_by_role("dialog", name="Create Verification")

    page.locator('[data-dialog-open="verify-card"]').click()
    dialog.get_by_role("button", name="Close").click()

    expect(dialog).to_be_hidden()
    expect(page.get_by_text("Verify the card to learn")).to_be_visible()


def test_issuer_is_asked_and_its_answer_appears_by_itself(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    add_card(page, "4000002000000107")
    dialog = page.get_by_role("dialog", name="Check for a New Card")

    page.locator('[data-dialog-open="update-card"]').click()
    dialog.get_by_label("Merchant").select_option(index=1)
    dialog.get_by_role("button", name="Ask the issuer").click()

    expect(page.get_by_text("The issuer has not answered yet.")).to_be_visible()
    expect(page.get_by_text("The card has a new expiration date.")).to_be_visible(timeout=30_000)
    expect(page.get_by_text("12 / 2044")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_card_is_switched_off_after_a_question(sign_in: SignIn, javascript: bool) -> None:
    page = sign_in("PARTNER", javascript=javascript)
    page.goto("/dashboard/payment-instruments/?type=PAYMENT_CARD&enabled=true&brand=MASTERCARD")
    page.locator("tbody a.row-link").first.click()

    page.locator('[data-dialog-open="switch-instrument"]').click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Disable")).click()
    expect(page.get_by_text("is now disabled: payments with it are refused.")).to_be_visible()
    page.locator('[data-dialog-open="switch-instrument"]').click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Enable")).click()

    expect(page.get_by_text("is now enabled: payments with it are taken again.")).to_be_visible()


def test_holder_is_changed_by_keyboard(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    add_card(page, "5123280115058611")
    page.get_by_role("link", name="Edit", exact=True).click()

    holder = page.get_by_role("textbox", name=re.compile("^Holder"))
    holder.fill("Ann Lee")
    holder.press("Enter")

    expect(page.get_by_text("were saved.")).to_be_visible()
    expect(page.get_by_text("Ann Lee", exact=True)).to_be_visible()
