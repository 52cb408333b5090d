"""The documented workflows, step by step with their own labels (contract/dashboard.json)."""

import re

import psycopg
import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import SignIn, violations
from tests.stack import Stack

pytestmark = pytest.mark.browser

FORM = {
    "Legal business name": "Thistle Tea LLC", "Trading name": "Thistle Tea", "Business tax id": "987654321",
    "Founded on": "2015-03-14", "Website": "www.thistletea.example", "Customer service phone": "+1 (503) 555-0142",
    "First name": "Iris", "Last name": "Thorne", "Title": "Founder", "Share owned": "80", "Date of birth": "1984-09-02",
    "Personal tax id": "123-45-6789", "E-mail": "iris@thistletea.example", "Phone": "5035550143",
    "Statement descriptor": "THISTLE TEA", "Merchant category code": "5499", "Card sales a year": "240,000.00",
    "Largest transaction": "1,250.50",
}  # fmt: skip
ADDRESS = {"Street": "12 Alder St", "City": "Portland", "State": "OR", "Postal code": "97209", "Country": "USA"}


def open_underwriting_form(page: Page) -> None:
    """WF-1, steps 1 to 3: PEOPLE, Applications, the application, IDENTITIES, Create New Identity."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Applications").click()
    page.get_by_role("link", name="Harbor Market").click()
    page.get_by_role("link", name="IDENTITIES", exact=True).click()
    page.get_by_role("link", name="Create New Identity").click()


def fill_underwriting_form(page: Page, **changes: str) -> None:
    for label, value in (FORM | changes).items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_label("Business type").select_option("LIMITED_LIABILITY_COMPANY")
    page.get_by_label("Ownership").select_option("PRIVATE")
    for section in ("Business address", "Principal's home address"):
        group = page.get_by_role("group", name=section)
        for label, value in ADDRESS.items():
            group.get_by_label(label, exact=True).fill(value)


def test_wf1_create_an_identity_for_a_merchant(sign_in: SignIn, stack: Stack) -> None:
    page = sign_in("ADMIN")
    open_underwriting_form(page)

    fill_underwriting_form(page)
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Thistle Tea")
    expect(page.get_by_text("Thistle Tea was created.")).to_be_visible()
    facts = page.get_by_role("main")
    assert facts.get_by_text("Provided", exact=True).count() == 3
    expect(facts.get_by_text("1,250.50")).to_be_visible()
    assert "987654321" not in page.content()
    assert "1984" not in page.content()
    assert audit_of(stack, page.url) == ("create_identity", "Ada Lindgren", ["identity.created"])


def test_wf1_as_partner_and_by_keyboard_alone(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    page.get_by_label("Legal business name").focus()
    answers = iter([
        "Keyboard Co", "Keyboard", "Corporation", "Privately", "111222333", "03142015", "www.keyboard.example",
        "5035550150", "1 Main St", "", "Portland", "OR", "97209", "", "Kay", "Board", "CEO", "100", "09021984",
        "444555666",
        "kay@keyboard.example", "5035550151", "1 Main St", "", "Portland", "OR", "97209", "", "KEYBOARD", "5734", "",
        "1000", "50",
    ])  # fmt: skip

    for answer in answers:
        page.keyboard.type(answer)
        leave_field(page)
    page.keyboard.press("Space")  # has taken card payments before
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Keyboard")


def test_wf1_form_errors_stand_beside_their_fields(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    open_underwriting_form(page)
    fill_underwriting_form(page, Website="not a site", **{"Business tax id": "12", "Legal business name": ""})

    page.get_by_role("button", name="Submit").click()

    for label, message in (
        ("Website", "Must be a web address"),
        ("Business tax id", "Must be nine digits"),
        ("Legal business name", "This field is required."),
    ):
        field = page.get_by_label(label, exact=True)
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_have_accessible_description(re.compile(re.escape(message)))
    expect(page.get_by_label("Trading name")).to_have_value("Thistle Tea")
    assert violations(page) == []


def test_edit_refuses_to_overwrite_what_changed_meanwhile(sign_in: SignIn) -> None:
    one, two = sign_in("ADMIN"), sign_in("PARTNER")
    two.goto("/dashboard/identities/?business_type=CORPORATION")
    two.locator("tbody a.row-link").first.click()
    two.get_by_role("link", name="Edit").click()
    two.wait_for_url("**/edit/")
    one.goto(two.url)
    one.get_by_label("Title", exact=True).fill("President")
    two.get_by_label("Title", exact=True).fill("Chairwoman")

    one.get_by_role("button", name="Save").click()
    two.get_by_role("button", name="Save").click()

    expect(two.get_by_text("Somebody else changed this").first).to_be_visible()
    expect(one.get_by_text("President", exact=True)).to_be_visible()


def leave_field(page: Page) -> None:
    """Tab to the next field; a day has three parts and a button of its own, which one Tab each leaves."""
    before = page.evaluate("document.activeElement.name")
    while page.evaluate("document.activeElement.name") == before:
        page.keyboard.press("Tab")


def audit_of(stack: Stack, url: str) -> tuple[str, str, list[str]]:
    """The newest act, its author, and the kinds of the events it points to."""
    with psycopg.connect(stack.owner_url) as connection:
        action, author, events = connection.execute(
            "SELECT action, author_name, events FROM audit WHERE action <> 'sign_in' ORDER BY occurred_at DESC LIMIT 1"
        ).fetchone()
        kinds = connection.execute("SELECT kind FROM event WHERE id = ANY(%s)", [events]).fetchall()
    return action, author, [kind for (kind,) in kinds]
