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
            if label != "Country":
                group.get_by_label(label, exact=True).fill(value)
        group.get_by_label("Country", exact=True).select_option(ADDRESS["Country"])


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
    submitted = ["identity.created", "onboarding_form.submitted"]
    assert audit_of(stack, page.url) == ("create_identity", "Ada Lindgren", submitted)


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
    two.get_by_role("link", name="Edit", exact=True).click()
    two.wait_for_url("**/edit/")
    one.goto(two.url)
    one.get_by_label("Title", exact=True).fill("President")
    two.get_by_label("Title", exact=True).fill("Chairwoman")

    one.get_by_role("button", name="Save").click()
    two.get_by_role("button", name="Save").click()

    expect(two.get_by_text("Somebody else changed this").first).to_be_visible()
    expect(one.get_by_text("President", exact=True)).to_be_visible()


def open_merchant(page: Page) -> None:
    """PEOPLE, Merchants, and one that a processor has approved: of the demo, which are the older ones."""
    people = page.get_by_role("navigation", name="Main").get_by_role("list", name="PEOPLE")
    people.get_by_role("link", name="Merchants").click()
    approved = page.get_by_role("row").filter(has_text="DUMMY_V1").filter(has_text="Approved")
    approved.filter(has_not_text="Disabled").last.get_by_role("link").click()
    expect(page.get_by_role("heading", name="Verifications")).to_be_visible()


def open_bank_account_form(page: Page) -> None:
    """WF-2, steps 1 to 4: PEOPLE, Merchants, the merchant, the ID breadcrumb, PAYMENT INSTRUMENTS, Add Bank Account."""
    open_merchant(page)
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name=re.compile("^ID")).click()
    page.get_by_role("link", name="PAYMENT INSTRUMENTS", exact=True).click()
    page.locator('[data-dialog-open="add-bank-account"]', has_text="Add Bank Account").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_wf2_create_a_bank_account_for_a_merchant(sign_in: SignIn, stack: Stack, javascript: bool) -> None:
    page = sign_in("ADMIN", javascript=javascript)
    open_bank_account_form(page)
    number = f"98765{7101 + javascript}"
    form = page.get_by_role("dialog", name="Add Bank Account")

    form.get_by_label("Routing number").fill("122105279")
    form.get_by_label("Account number").fill(number)
    form.get_by_label("Account type").select_option("BUSINESS_CHECKING")
    form.get_by_role("button", name="Submit").click()

    expect(form.get_by_label("Routing number")).to_have_accessible_description(re.compile("Must be a routing number"))
    expect(form.get_by_label("Account number")).to_have_value("")
    assert number not in page.content()
    form.get_by_label("Routing number").fill("122105278")
    form.get_by_label("Account number").fill(number)
    form.get_by_role("button", name="Submit").click()
    row = page.get_by_role("row").filter(has_text=f"Bank account •••• {number[-4:]}")
    expect(row).to_have_count(1)
    assert number not in page.content()
    row.get_by_role("link").click()
    expect(page.get_by_text(f"XXXXX{number[-4:]}").first).to_be_visible()
    assert audit_of(stack, page.url)[:2] == ("create_payment_instrument", "Ada Lindgren")


def test_wf2_as_partner_and_by_keyboard_alone(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    for label in ("Merchants", None):
        link = page.get_by_role("link", name=label, exact=True) if label else page.locator("tbody a.row-link").first
        link.focus()
        page.keyboard.press("Enter")
        page.wait_for_url("**/merchants/" if label else "**/merchants/MU*/")
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name=re.compile("^ID")).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/identities/ID*/")
    page.get_by_role("link", name="PAYMENT INSTRUMENTS", exact=True).focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/payment-instruments/")
    page.get_by_role("button", name="Add Bank Account").focus()
    page.keyboard.press("Space")

    for answer in ("", "122105278", "4443332221", "Savings"):
        page.keyboard.type(answer)
        leave_field(page)
    leave_field(page)  # the country, as it stands
    while page.evaluate("document.activeElement.textContent.trim()") != "Submit":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("row").filter(has_text="Bank account •••• 2221")).to_have_count(1)
    expect(page.get_by_text("Bank account •••• 2221 was added to")).to_be_visible()


def test_wf2_double_click_adds_one(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_bank_account_form(page)
    form = page.get_by_role("dialog", name="Add Bank Account")
    form.get_by_label("Routing number").fill("122105278")
    form.get_by_label("Account number").fill("1112223339")
    form.get_by_label("Account type").select_option("SAVINGS")

    form.get_by_role("button", name="Submit").dblclick()

    rows = page.get_by_role("row").filter(has_text="Bank account •••• 3339")
    expect(rows).to_have_count(1)
    page.reload()
    expect(rows).to_have_count(1)


def test_wf3_onboard_a_new_merchant(sign_in: SignIn, stack: Stack) -> None:
    page = sign_in("ADMIN")
    open_merchant(page)
    verifications = page.locator("#verifications li")
    before = verifications.count()
    dialog = page.get_by_role("dialog", name="Create Verification")

    page.locator('[data-dialog-open="create-verification"]').click()
    dialog.get_by_role("button", name="Close").click()
    expect(dialog).to_be_hidden()
    expect(verifications).to_have_count(before)
    page.locator('[data-dialog-open="create-verification"]').click()
    dialog.get_by_role("button", name="Create", exact=True).click()

    expect(page.get_by_text("A verification was created")).to_be_visible()
    expect(verifications).to_have_count(before + 1)
    assert audit_of(stack, page.url)[:2] == ("verify_merchant", "Ada Lindgren")
    # The page follows it, and is not loaded anew.
    expect(verifications.first.get_by_text("Succeeded")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("A verification was created")).to_be_visible()
    assert page.locator("[hx-get]").count() == 0
    assert violations(page) == []


def test_wf6_and_wf7_switch_processing_and_settlements(sign_in: SignIn) -> None:
    page = sign_in("ADMIN")
    open_merchant(page)
    page.get_by_role("navigation", name="Breadcrumbs").get_by_role("link", name=re.compile("^ID")).click()
    page.get_by_role("link", name="PROCESSORS", exact=True).click()
    page.get_by_role("row").filter(has_text="Approved").first.get_by_role("link", name=re.compile("^MU")).click()
    dialog = page.get_by_role("dialog", name="Edit merchant")

    for switch, is_now in (("Processing Enabled", "Processing is"), ("Settlements Enabled", "Settlements are")):
        for state in ("disabled", "enabled"):
            page.locator('[data-dialog-open="edit-merchant"]').click()
            dialog.get_by_label(switch).click()
            dialog.get_by_role("button", name="Save").click()
            expect(page.get_by_text(f"{is_now} now {state} for")).to_be_visible()

    expect(page.get_by_text("Can take payments", exact=True)).to_be_visible()


def provision(page: Page, name: str) -> None:
    """From an application with a processor to a merchant that can take payments, and to the page of that merchant."""
    open_underwriting_form(page)
    fill_underwriting_form(page, **{"Trading name": name, "Legal business name": f"{name} LLC"})
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("link", name="PROCESSORS", exact=True).click()
    page.locator('[data-dialog-open="provision-merchant"]').click()
    dialog = page.get_by_role("dialog", name="Provision Merchant")
    dialog.get_by_label("Processor").select_option("DUMMY_V1")
    dialog.get_by_role("button", name="Provision Merchant").click()
    expect(page.get_by_text("Can take payments", exact=True)).to_be_visible()


def add_buyer_with_card(page: Page) -> None:
    """A buyer of Harbor Market with a card that pays, and to the page of that card."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Applications").click()
    page.get_by_role("link", name="Harbor Market").click()
    page.get_by_role("link", name="IDENTITIES", exact=True).click()
    page.get_by_role("link", name="Create New Identity").click()
    page.get_by_role("link", name="It is a buyer").click()
    page.get_by_label("First name").fill("Basil")
    page.get_by_label("Last name").fill("Thorne")
    page.get_by_role("button", name="Submit").click()
    page.get_by_role("link", name="PAYMENT INSTRUMENTS", exact=True).click()
    page.locator('[data-dialog-open="add-card"]').click()
    dialog = page.get_by_role("dialog", name="Add Card")
    for label, value in (("Card number", "4895142232120006"), ("Expiry month", "12"), ("Expiry year", "2040")):
        dialog.get_by_label(label).fill(value)
    dialog.get_by_role("button", name="Add Card").click()
    page.locator("tbody a.row-link").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Visa •••• 0006")


def test_sale_from_a_new_identity_by_clicks_alone(sign_in: SignIn, stack: Stack) -> None:
    page = sign_in("PARTNER")
    provision(page, "Sorrel Deli")
    add_buyer_with_card(page)

    page.get_by_role("link", name="New sale").click()
    page.get_by_role("link", name="Sorrel Deli").click()
    page.get_by_label("Amount", exact=True).fill("12.50")
    page.get_by_role("button", name="Review sale").click()
    expect(page.get_by_text("Charges 12.50 USD to Visa •••• 0006 for Sorrel Deli.")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Charge 12.50 USD").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Sale of 12.50 USD")
    expect(page.get_by_text("The card was charged for Sorrel Deli.")).to_be_visible()
    expect(page.get_by_role("main").get_by_text("Succeeded", exact=True).first).to_be_visible()
    assert audit_of(stack, page.url)[0] == "create_transfer"
    page.get_by_role("link", name="Sorrel Deli").first.click()
    page.get_by_role("link", name="Transfers").last.click()
    expect(page.get_by_role("heading", name="Balance of Sorrel Deli")).to_be_visible()
    assert page.locator("tbody tr").count() == 1


def test_sale_by_keyboard_alone(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    page.goto("/dashboard/transfers/")
    page.get_by_role("link", name="New sale").press("Enter")
    page.get_by_role("link", name="Juniper & Rye Bakery").press("Enter")
    amount = page.get_by_label("Amount", exact=True)
    expect(amount).to_be_focused()

    page.keyboard.type("1.00")
    for keys in ("Tab", "Tab", "ArrowDown", "Tab", "Enter"):
        page.keyboard.press(keys)
    expect(page.get_by_role("heading", level=1)).to_have_text("Charge 1.00 USD?")
    while page.evaluate("document.activeElement.value") != "charge":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Sale of 1.00 USD")
    page.go_back()
    expect(page.get_by_role("heading", level=1)).to_have_text("Charge 1.00 USD?")
    page.get_by_role("button", name="Charge 1.00 USD").click()
    expect(page.get_by_text("Nothing was charged a second time.")).to_be_visible()


def test_sale_that_is_declined_says_so_without_scripts(sign_in: SignIn) -> None:
    page = sign_in("PARTNER", javascript=False)
    page.goto("/dashboard/transfers/new/")
    page.get_by_role("link", name="Juniper & Rye Bakery").click()
    page.get_by_label("Amount", exact=True).fill("1.02")
    page.get_by_label("Card or bank account", exact=True).select_option(index=1)
    page.get_by_role("button", name="Review sale").click()
    page.get_by_role("button", name="Charge 1.02 USD").dblclick()

    expect(page.get_by_text("Declined. The card was not charged.")).to_be_visible()
    page.get_by_role("link", name="New sale with this card").click()
    expect(page.get_by_label("Card or bank account", exact=True)).not_to_have_value("")


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
    return action, author, sorted(kind for (kind,) in kinds)
