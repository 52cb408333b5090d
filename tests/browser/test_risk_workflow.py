"""WF-9 with its own labels (contract/dashboard.json), and the same for one merchant."""

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn, violations
from tests.browser.test_workflows import audit_of, open_merchant
from tests.stack import Stack

pytestmark = pytest.mark.browser


def toggle_and_submit(page: Page) -> None:
    """Edit, the toggles, Submit."""
    page.get_by_role("region", name="Risk Profile").locator('[data-dialog-open="edit-risk-profile"]').click()
    dialog = page.get_by_role("dialog", name="Edit Risk Profile")
    dialog.get_by_label("Allow failed address checks (AVS)").click()
    dialog.get_by_role("button", name="Submit").click()
    expect(page.get_by_text("The risk profile of Fieldnote was saved.")).to_be_visible()


@pytest.mark.parametrize("javascript", [True, False])
def test_wf9_update_risk_profile(sign_in: SignIn, stack: Stack, javascript: bool) -> None:
    page = sign_in("ADMIN", javascript=javascript)
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Applications").click()
    page.get_by_role("link", name="Fieldnote").click()
    page.get_by_role("link", name="FEE AND RISK PROFILE", exact=True).click()
    container = page.get_by_role("region", name="Risk Profile")
    expect(container.get_by_text("Declined")).to_have_count(2)

    toggle_and_submit(page)

    expect(container.get_by_text("Let through")).to_have_count(1)
    risk_profile = page.locator("code", has_text="RP").first.inner_text()
    assert audit_of(stack, f"{stack.url}/{risk_profile}/")[:2] == ("update_risk_profile", "Ada Lindgren")
    toggle_and_submit(page)
    expect(container.get_by_text("Declined")).to_have_count(2)


def test_merchant_gets_its_own_risk_profile_and_goes_back(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    open_merchant(page)
    card = page.get_by_role("region", name="Risk profile")
    dialog = page.get_by_role("dialog", name="Change risk profile")

    for choice, toggles, words in (
        ("A risk profile of its own, as below", True, "Its own:"),
        ("The application's risk profile", False, "without one of their own"),
    ):
        page.locator('[data-dialog-open="edit-risk-profile"]').click()
        dialog.get_by_label(choice).check()
        if toggles:
            dialog.get_by_label("Allow failed security codes (CSC)").click()
        assert violations(page) == []
        dialog.get_by_role("button", name="Submit").click()
        expect(card.get_by_text(words)).to_be_visible()

    expect(card.get_by_text("Declined")).to_have_count(2)
