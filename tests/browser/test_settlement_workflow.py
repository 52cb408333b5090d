"""WF-10, Approve a Settlement, step by step with its own labels (contract/dashboard.json)."""

import re
import time
import uuid

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, SignIn, overflows, violations
from tests.calls import HttpClient
from tests.factories.onboarding import MERCHANT
from tests.factories.payments import BANK_ACCOUNT, CARD
from tests.stack import Stack

pytestmark = pytest.mark.browser

WHY = "These sales look like tests."
READY_SECONDS = 60.0


def close(stack: Stack, *trees: str) -> list[str]:
    """Closed settlements of one sale each, by merchants of names nobody else has."""
    partner, admin, made = HttpClient(stack, "PARTNER"), HttpClient(stack, "ADMIN"), []
    for tree in trees:
        name = f"{tree} {uuid.uuid4().hex[:6]}"
        form = MERCHANT | {"doing_business_as": name}
        identity = partner.call("POST", "/identities", {"entity": form}).json()["id"]
        merchant = partner.call("POST", f"/identities/{identity}/merchants", {"processor": "DUMMY_V1"}).json()["id"]
        partner.call("POST", "/payment_instruments", BANK_ACCOUNT | {"identity": identity})
        card = partner.call("POST", "/payment_instruments", CARD | {"identity": identity}).json()["id"]
        sale = {"merchant": merchant, "source": card, "amount": 10_000, "currency": "USD"}
        answer = partner.call("POST", "/transfers", sale)
        assert answer.json().get("state") == "SUCCEEDED", answer.text
        made.append((name, identity))
    for _, identity in made:
        settlement = _once_ready(partner, identity)
        answer = admin.call("PUT", f"/settlements/{settlement}", {"action": "STOP_ACCRUAL"})
        assert answer.json().get("status") == "AWAITING_APPROVAL", answer.text
    return [name for name, _ in made]


def _once_ready(partner: HttpClient, identity: str) -> str:
    """The settlement of the identity, once what it sold may be settled."""
    end = time.monotonic() + READY_SECONDS
    while True:
        told = {"currency": "USD", "processor": "DUMMY_V1"}
        answer = partner.call("POST", f"/identities/{identity}/settlements", told)
        if answer.status == 201 or time.monotonic() > end:
            return str(answer.json()["id"])
        time.sleep(1)


def open_queue(page: Page, name: str = "") -> None:
    """Step 1: from REVIEW open Settlements."""
    review = page.get_by_role("navigation", name="Main").get_by_role("list", name="REVIEW")
    review.get_by_role("link", name="Settlements").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settlements in review")
    if name:
        page.get_by_role("searchbox").fill(name)
        page.get_by_role("button", name="Search").click()


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def choose(page: Page, name: str, action: str) -> None:
    """Steps 2 and 3: tick the row, open Bulk Actions at the bottom, choose."""
    page.get_by_role("checkbox", name=f"Select {name}").check()
    page.locator("summary", has_text="Bulk Actions").click()
    page.get_by_role("button", name=action, exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
def test_wf10_approve_a_settlement(sign_in: SignIn, stack: Stack, javascript: bool) -> None:
    alder, birch = close(stack, "Alder", "Birch")
    page = sign_in("ADMIN", javascript=javascript)

    open_queue(page, alder)
    choose(page, alder, "Approve")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Approve {alder}?")
    expect(row(page, alder)).to_contain_text("100.00 USD is paid to Bank account •••• 0016.")
    page.get_by_role("button", name=f"Approve {alder}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 settlement approved")
    expect(row(page, alder)).to_contain_text("100.00 USD is being paid to Bank account •••• 0016.")

    open_queue(page, birch)
    choose(page, birch, "Reject")
    page.get_by_role("button", name="Reject").click()
    reason = page.get_by_label("Reason", exact=True)
    expect(reason).to_have_accessible_description(re.compile("Say why: the merchant reads it."))
    reason.fill(WHY)
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 settlement rejected")

    page.get_by_role("link", name="What was decided").click()
    for told in ("Rejected", "Ada Lindgren", WHY):
        expect(row(page, birch)).to_contain_text(told)
    row(page, alder).get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Settlement of 100.00 USD")


def test_wf10_by_keyboard_alone(sign_in: SignIn, stack: Stack) -> None:
    (cedar,) = close(stack, "Cedar")
    page = sign_in("PLATFORM")
    review = page.get_by_role("navigation", name="Main").get_by_role("list", name="REVIEW")
    review.get_by_role("link", name="Settlements").press("Enter")
    page.wait_for_url("**/review/settlements/")
    page.get_by_role("searchbox").fill(cedar)
    page.get_by_role("searchbox").press("Enter")
    page.wait_for_url("**q=Cedar**")
    page.get_by_role("checkbox", name=f"Select {cedar}").press("Space")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.locator("summary", has_text="Bulk Actions").press("Enter")
    for key in ("Tab", "Enter"):
        page.keyboard.press(key)
    page.wait_for_url("**/decide/**")
    page.get_by_role("button", name=f"Approve {cedar}").press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("1 settlement approved")


def test_settlement_is_followed_to_its_deposit(sign_in: SignIn, stack: Stack) -> None:
    """From its page: approved, and the page tells by itself when the money is sent."""
    (elm,) = close(stack, "Elm")
    page = sign_in("ADMIN")
    open_queue(page, elm)
    row(page, elm).get_by_role("link").click()
    expect(page.get_by_text("First payout", exact=True)).to_be_visible()
    page.get_by_role("link", name="Approve").click()
    page.get_by_role("button", name=f"Approve {elm}").dblclick()
    row(page, elm).get_by_role("link").click()

    expect(page.get_by_text("On its way to Bank account •••• 0016", exact=True)).to_be_visible(timeout=30_000)
    expect(page.locator("#deposits tbody tr")).to_have_count(1)
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert violations(page) == []
        assert not overflows(page)
