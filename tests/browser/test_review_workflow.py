"""WF-5, Approve and Reject a Merchant, step by step with its own labels (contract/dashboard.json)."""

import re
import uuid

import psycopg
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, SignIn, overflows, violations
from tests.calls import HttpClient
from tests.factories.onboarding import MERCHANT
from tests.stack import Stack

pytestmark = pytest.mark.browser

WHY = "The address belongs to somebody else."


def hold(stack: Stack, *trees: str) -> list[str]:
    """Merchants that wait, by a name nobody else has."""
    partner, names = HttpClient(stack, "PARTNER"), []
    for tree in trees:
        name = f"{tree} {uuid.uuid4().hex[:6]}"
        form = MERCHANT | {"business_tax_id": "000000002", "doing_business_as": name}
        identity = partner.call("POST", "/identities", {"entity": form}).json()["id"]
        answer = partner.call("POST", f"/identities/{identity}/merchants", {"processor": "DUMMY_V1"})
        assert answer.json()["onboarding_state"] == "PROVISIONING", answer.text
        names.append(name)
    return names


def open_queue(page: Page) -> None:
    """Step 1: from REVIEW open Merchants."""
    review = page.get_by_role("navigation", name="Main").get_by_role("list", name="REVIEW")
    review.get_by_role("link", name="Merchants").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Merchants in review")


def row(page: Page, name: str) -> Locator:
    return page.get_by_role("row").filter(has_text=name)


def choose(page: Page, names: list[str], action: str) -> None:
    """Steps 2 and 3: tick rows, open Bulk Actions at the bottom, approve or reject."""
    for name in names:
        page.get_by_role("checkbox", name=f"Select {name}").check()
    page.locator("summary", has_text="Bulk Actions").click()
    page.get_by_role("button", name=action, exact=True).click()


@pytest.mark.parametrize("javascript", [True, False])
def test_wf5_approve_and_reject_a_merchant(sign_in: SignIn, stack: Stack, javascript: bool) -> None:
    alder, birch, cedar = hold(stack, "Alder", "Birch", "Cedar")
    page = sign_in("ADMIN", javascript=javascript)

    open_queue(page)
    choose(page, [alder, birch], "Approve")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 2 merchants?")
    expect(row(page, alder)).to_contain_text("Becomes approved: it can take payments.")
    page.get_by_role("button", name="Approve 2 merchants").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("2 merchants approved")
    for name in (alder, birch):
        expect(row(page, name)).to_contain_text("Approved")
    page.get_by_role("link", name="Back to the queue").click()
    expect(row(page, alder)).to_have_count(0)

    choose(page, [cedar], "Reject")
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Reject {cedar}?")
    page.get_by_role("button", name="Reject").click()
    reason = page.get_by_label("Reason", exact=True)
    expect(reason).to_have_accessible_description(re.compile("Say why: the merchant reads it."))
    reason.fill(WHY)
    page.get_by_role("button", name="Reject").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 merchant rejected")

    page.get_by_role("link", name="What was decided").click()
    decided = row(page, cedar)
    for told in ("Rejected", "Ada Lindgren", WHY):
        expect(decided).to_contain_text(told)
    decided.get_by_role("link").click()
    page.get_by_role("link", name=cedar).last.click()
    expect(page.get_by_text("Cannot take payments", exact=True)).to_be_visible()
    expect(page.get_by_text(WHY).first).to_be_visible()
    assert audits(stack, cedar) == [("review_merchant", "Ada Lindgren", WHY)]


def test_wf5_partial_failure_stays_visible(sign_in: SignIn, stack: Stack) -> None:
    """Two people look at the same queue; the second one is told what the first has done."""
    alder, birch = hold(stack, "Alder", "Birch")
    first, second = sign_in("ADMIN"), sign_in("PLATFORM")
    for page in (first, second):
        open_queue(page)
        choose(page, [alder, birch] if page is second else [alder], "Approve")
    first.get_by_role("button", name=f"Approve {alder}").click()
    expect(first.get_by_role("heading", level=1)).to_have_text("1 merchant approved")

    second.get_by_role("button", name="Approve 2 merchants").click()

    expect(second.get_by_role("heading", level=1)).to_have_text("1 of 2 merchants approved")
    expect(row(second, alder)).to_contain_text("This merchant was approved already, by Ada Lindgren.")
    expect(row(second, birch)).to_contain_text("Approved")
    for viewport in (DESKTOP, PHONE):
        second.set_viewport_size(viewport)
        assert violations(second) == []
        assert not overflows(second)


def test_wf5_double_click_and_reload_do_nothing_twice(sign_in: SignIn, stack: Stack) -> None:
    (alder,) = hold(stack, "Alder")
    page = sign_in("ADMIN")
    open_queue(page)
    choose(page, [alder], "Approve")

    page.get_by_role("button", name=f"Approve {alder}").dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("1 merchant approved")
    page.reload()

    expect(page.get_by_role("heading", level=1)).to_have_text("1 merchant approved")
    assert audits(stack, alder) == [("review_merchant", "Ada Lindgren", "")]


def test_wf5_by_keyboard_alone(sign_in: SignIn, stack: Stack) -> None:
    (alder,) = hold(stack, "Alder")
    page = sign_in("PLATFORM")
    review = page.get_by_role("navigation", name="Main").get_by_role("list", name="REVIEW")
    review.get_by_role("link", name="Merchants").press("Enter")
    page.wait_for_url("**/review/merchants/")
    page.get_by_role("checkbox", name=f"Select {alder}").press("Space")
    expect(page.get_by_text("1 selected")).to_be_visible()
    page.locator("summary", has_text="Bulk Actions").press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/decide/**")
    page.get_by_label("Reason", exact=True).focus()
    page.keyboard.type(WHY)
    for key in ("Tab", "Tab", "Enter"):  # past the link to the merchant, to the button
        page.keyboard.press(key)

    expect(page.get_by_role("heading", level=1)).to_have_text("1 merchant rejected")


def test_all_rows_are_ticked_at_once(sign_in: SignIn, stack: Stack) -> None:
    hold(stack, "Alder", "Birch")
    page = sign_in("ADMIN")
    open_queue(page)
    boxes = page.locator(".row-select")

    page.get_by_role("checkbox", name="Select all rows").check()

    expect(page.get_by_text(f"{boxes.count()} selected")).to_be_visible()
    page.locator("summary", has_text="Bulk Actions").click()
    page.get_by_role("button", name="Reject", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(r"Reject \d+ merchants\?"))
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)
        assert violations(page) == []
        assert not overflows(page)


def audits(stack: Stack, name: str) -> list[tuple[str, str, str]]:
    """Acts on the review of the merchant of this name: which, by whom, and why."""
    with psycopg.connect(stack.owner_url) as owner:
        query = (
            "SELECT DISTINCT audit.id, audit.action, audit.author_name, audit.reason FROM audit"
            " JOIN event ON event.id = ANY(audit.events)"
            " JOIN review_queue_item ON review_queue_item.id = event.resource_id"
            " JOIN merchant ON merchant.id = review_queue_item.merchant_id WHERE merchant_name = %s"
        )
        return [(action, author, reason) for _, action, author, reason in owner.execute(query, [name]).fetchall()]
