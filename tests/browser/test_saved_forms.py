"""Forms that are kept as one goes, the link behind which a merchant fills in its own, and files of merchants."""

import csv
import io
import re
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect

from onboarding.forms.imports import columns
from tests.browser.conftest import DESKTOP, PHONE, SCREENSHOTS, SignIn, keep_screenshot, overflows, violations
from tests.browser.test_workflows import ADDRESS, FORM, fill_underwriting_form, open_underwriting_form
from tests.stack import Stack

pytestmark = pytest.mark.browser

NUMBER, TAX_ID = "6677889911", "318274655"
SECTIONS = {
    "Business": (
        "Legal business name", "Trading name", "Business tax id", "Founded on", "Website", "Customer service phone",
    ),
    "Principal": (
        "First name", "Last name", "Title", "Share owned", "Date of birth", "Personal tax id", "E-mail", "Phone",
    ),
    "Processing": (
        "Statement descriptor", "Merchant category code", "Card sales a year", "Largest transaction",
    ),
}  # fmt: skip


def open_tab(page: Page) -> None:
    """PEOPLE, Applications, the application, IDENTITIES."""
    page.get_by_role("navigation", name="Main").get_by_role("link", name="Applications").click()
    page.get_by_role("link", name="Harbor Market").click()
    page.get_by_role("link", name="IDENTITIES", exact=True).click()


def test_half_a_form_is_saved_as_one_goes_and_taken_up_again(sign_in: SignIn, stack: Stack) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    page.get_by_label("Legal business name").fill("Half & Half LLC")
    page.get_by_label("Trading name").fill("Half & Half")
    page.get_by_label("Website").fill("not a site")
    page.get_by_label("Business tax id").fill(TAX_ID)
    page.get_by_label("First name").focus()

    website = page.get_by_label("Website", exact=True)
    expect(website).to_have_accessible_description(re.compile("Must be a web address"))
    expect(page.get_by_label("Business tax id")).to_have_value("")
    expect(page.get_by_label("Business tax id")).to_have_accessible_description(re.compile("Kept, encrypted"))
    expect(page.get_by_label("First name")).to_be_focused()
    expect(page.get_by_text("0 of 5 sections filled in")).to_be_visible()
    page.get_by_label("First name").fill("Hal")
    page.get_by_role("link", name="Cancel").focus()
    expect(page).to_have_url(re.compile("/onboarding-forms/OF"))

    open_tab(page)
    page.get_by_role("link", name="Resume Half & Half").click()
    expect(page.get_by_label("First name")).to_have_value("Hal")
    expect(page.get_by_label("Website", exact=True)).to_have_value("not a site")
    fill_underwriting_form(page, **{"Trading name": "Half & Half", "Business tax id": ""})
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Half & Half")
    open_tab(page)
    expect(page.get_by_role("link", name="Resume Half & Half")).to_have_count(0)
    with psycopg.connect(stack.owner_url) as connection:
        made = connection.execute("SELECT count(*) FROM identity WHERE doing_business_as = 'Half & Half'").fetchone()
    assert made == (1,)
    assert TAX_ID not in page.content()


FILL = """async ([values, pause]) => {
    for (const [id, value] of Object.entries(values)) {
        const control = document.getElementById(id);
        control.focus();
        control.value = value;
        control.dispatchEvent(new Event("input", {bubbles: true}));
        control.dispatchEvent(new Event("change", {bubbles: true}));
        control.blur();
        if (pause) await new Promise((go) => setTimeout(go, pause));
    }
}"""
QUICK = {
    "id_business_name": "Quick LLC", "id_doing_business_as": "Quick", "id_url": "www.quick.example",
    "id_business_phone": "5035550142", "id_business_address__line1": "1 Pier", "id_first_name": "Q",
    "id_last_name": "Hand",
}  # fmt: skip


@pytest.mark.parametrize("pause", [0, 30, 100, 300])
def test_nothing_is_lost_that_is_typed_while_a_section_is_saved(sign_in: SignIn, pause: int) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("New merchant")
    told: list[str] = []
    page.on("request", lambda _: told.append("asked"))
    page.on("requestfinished", lambda _: told.append("answered"))

    page.evaluate(FILL, [QUICK, pause])
    expect(page).to_have_url(re.compile("/onboarding-forms/OF"))

    before = -1
    while len(told) > before or told.count("asked") > told.count("answered"):  # also after a rest within a section
        before = len(told)
        page.wait_for_timeout(1_800)
        assert before < 60
    assert {name: page.locator(f"#{name}").input_value() for name in QUICK} == QUICK
    page.reload()
    assert {name: page.locator(f"#{name}").input_value() for name in QUICK} == QUICK


def eventually(page: Page, form: str, values: dict[str, str]) -> None:
    """What is sent after a page that was left may arrive behind the next question."""
    for _ in range(20):
        page.goto(form)
        if all(page.get_by_label(label, exact=True).input_value() == value for label, value in values.items()):
            return
        page.wait_for_timeout(500)
    raise AssertionError(f"{form} does not say {values}")


def test_what_is_typed_before_the_page_listens_is_saved(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    open_underwriting_form(page)
    page.route("**/saved-form*", hold)
    page.goto(page.url, wait_until="commit")

    page.get_by_label("Trading name").fill("Early Typist")
    page.get_by_label("Business type").select_option("CORPORATION")
    page.get_by_label("First name").fill("Ea")
    held[0].continue_()
    page.unroute("**/saved-form*")

    expect(page).to_have_url(re.compile("/onboarding-forms/OF"))
    expect(page.get_by_label("First name")).to_have_value("Ea")
    page.get_by_label("Last name").fill("Ly")
    page.get_by_label("Website", exact=True).focus()
    eventually(page, page.url, {"Trading name": "Early Typist", "First name": "Ea", "Last name": "Ly"})


def test_what_was_typed_last_is_kept_on_leaving(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    page.get_by_label("Trading name").fill("Left Behind")
    page.get_by_label("First name").focus()
    expect(page).to_have_url(re.compile("/onboarding-forms/OF"))
    form = page.url

    page.get_by_label("First name").fill("Lea")
    page.goto("/dashboard/identities/")

    eventually(page, form, {"First name": "Lea"})


def test_save_that_is_stopped_by_leaving_is_sent_again(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    page.get_by_label("Trading name").fill("Stopped")
    page.get_by_label("First name").focus()
    expect(page).to_have_url(re.compile("/onboarding-forms/OF"))
    form = page.url

    page.evaluate("XMLHttpRequest.prototype.send = () => {}")  # begun, and never arrives
    page.get_by_label("First name").fill("Sto")
    page.get_by_label("Website", exact=True).focus()
    expect(page.locator("#section-principal")).to_have_class(re.compile("htmx-request"))
    page.goto("/dashboard/identities/")

    eventually(page, form, {"First name": "Sto"})


def test_form_that_is_cut_off_says_so_and_tries_again(chromium: Browser, stack: Stack, sign_in: SignIn) -> None:
    cookies = sign_in("PARTNER").context.cookies()
    context = chromium.new_context(base_url=stack.url, reduced_motion="reduce")  # a failed request is on the console
    context.add_cookies(cookies)
    page = context.new_page()
    page.goto("/dashboard/identities/")
    page.get_by_role("link", name="Create New Identity").click()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.dismiss()))
    trouble = page.locator("#form-trouble")
    page.get_by_label("Trading name").fill("Cut Off")
    page.get_by_label("First name").focus()
    expect(page.get_by_role("heading", level=1)).to_have_text("Cut Off")

    context.set_offline(True)
    page.get_by_label("First name").fill("Cora")
    page.get_by_label("Trading name").focus()
    expect(trouble).to_contain_text("Not saved, trying again")
    for viewport in (PHONE, DESKTOP):
        page.set_viewport_size(viewport)
        expect(trouble).to_be_in_viewport()
        assert violations(page) == []
        page.screenshot(path=SCREENSHOTS / f"form-cut-off-{viewport['width']}.png")
    page.evaluate("setTimeout(() => (location.href = '/dashboard/identities/'))")
    page.get_by_role("button", name="Submit").click()
    expect(page.get_by_label("First name")).to_have_value("Cora")

    context.set_offline(False)
    expect(trouble).to_be_empty(timeout=40_000)
    page.goto(page.url)
    expect(page.get_by_label("First name")).to_have_value("Cora")
    assert asked == ["beforeunload"]
    context.close()


def test_head_of_a_new_form_follows_its_first_save(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("New merchant")
    expect(page.get_by_role("link", name="Withdraw")).to_have_count(0)

    page.get_by_label("Trading name").fill("Head First")
    page.get_by_label("First name").focus()

    expect(page.get_by_role("heading", level=1)).to_have_text("Head First")
    expect(page).to_have_title("Head First · Merchantry")
    expect(page.get_by_role("navigation", name="Breadcrumbs")).to_contain_text("Head First")
    page.get_by_role("button", name="Let the merchant fill it in").click()
    expect(page.get_by_role("dialog", name="Let the merchant fill it in?")).to_be_visible()
    page.get_by_role("dialog").get_by_role("link", name="Cancel").click()
    page.get_by_role("link", name="It is a buyer").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("New buyer")


def test_what_is_put_right_leaves_the_summary(sign_in: SignIn) -> None:
    page = sign_in("PARTNER")
    open_underwriting_form(page)
    page.get_by_role("button", name="Submit").click()
    summary = page.locator(".error-summary")
    expect(summary.get_by_role("heading")).to_have_text("28 things need your attention")

    page.get_by_label("Legal business name").fill("Put Right LLC")
    page.get_by_label("First name").focus()

    expect(summary.get_by_role("heading")).to_have_text("27 things need your attention")
    expect(summary.get_by_role("link", name="Legal business name")).to_have_count(0)
    expect(summary.get_by_role("link", name="Trading name")).to_have_count(1)

    page.get_by_label("Website", exact=True).fill("not a site")
    page.get_by_label("Last name").focus()

    expect(summary.get_by_role("link", name="Website")).to_have_text("Website: Must be a web address.")


def test_draft_is_saved_without_scripts(sign_in: SignIn) -> None:
    page = sign_in("PARTNER", javascript=False)
    open_underwriting_form(page)
    page.get_by_label("Trading name").fill("Scriptless")
    page.get_by_label("Business tax id").fill(TAX_ID)

    page.get_by_role("button", name="Save draft").click()

    expect(page.get_by_text("The draft was saved.")).to_be_visible()
    expect(page.get_by_label("Trading name")).to_have_value("Scriptless")
    expect(page.get_by_label("Business tax id")).to_have_value("")
    page.get_by_role("link", name="Withdraw").click()
    page.get_by_role("button", name="Withdraw form").click()
    expect(page.get_by_text("What it held is erased.")).to_be_visible()


def test_two_people_do_not_write_over_each_other(sign_in: SignIn) -> None:
    one, two = sign_in("PARTNER"), sign_in("ADMIN")
    open_underwriting_form(one)
    one.get_by_label("Trading name").fill("Two Hands")
    one.get_by_role("button", name="Save draft").click()
    expect(one.get_by_text("The draft was saved.")).to_be_visible()
    two.goto(one.url)

    one.get_by_label("Title", exact=True).fill("Chair")
    one.get_by_role("button", name="Save draft").click()
    expect(one.get_by_text("The draft was saved.")).to_be_visible()
    two.get_by_label("Title", exact=True).fill("President")
    two.get_by_role("button", name="Save draft").click()

    expect(two.get_by_text("Somebody else saved this form").first).to_be_visible()
    expect(two.get_by_label("Title", exact=True)).to_have_value("President")
    two.get_by_role("link", name="Open the form again").click()
    expect(two.get_by_label("Title", exact=True)).to_have_value("Chair")


def invite(page: Page, name: str) -> str:
    open_tab(page)
    page.get_by_role("link", name="Invite a merchant").click()
    page.get_by_label("Merchant", exact=True).fill(name)
    page.get_by_role("button", name="Make link").click()
    return page.locator("#secret-value").inner_text()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_merchant_fills_in_its_own_form_on_a_phone(
    sign_in: SignIn, open_browser: Callable[..., BrowserContext], scheme: str
) -> None:
    partner = sign_in("PARTNER")
    name = f"Phone First {scheme}"
    link = invite(partner, name)
    page = open_browser(viewport=PHONE, scheme=scheme).new_page()
    page.goto(link)
    look(page, f"join-start-{scheme}")
    page.get_by_role("link", name="Begin").click()

    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_text("This field is required.").first).to_be_visible()
    look(page, f"join-refused-{scheme}")
    fill_section(page, "Business", **{"Trading name": name, "Business tax id": TAX_ID})
    page.get_by_label("Business type").select_option("LIMITED_LIABILITY_COMPANY")
    page.get_by_label("Ownership").select_option("PRIVATE")
    look(page, f"join-section-{scheme}")
    page.get_by_role("button", name="Save and continue").click()
    fill_address(page, "Business address")
    page.get_by_role("button", name="Save for later").click()
    expect(page.get_by_text("Come back by the same link")).to_be_visible()

    page = open_browser(viewport=PHONE, scheme=scheme).new_page()  # another day, another phone
    page.goto(link)
    page.get_by_role("link", name="Continue").click()
    fill_section(page, "Principal")
    page.get_by_role("button", name="Save and continue").click()
    fill_address(page, "Principal's home address")
    page.get_by_role("button", name="Save and continue").click()
    fill_section(page, "Processing")
    page.get_by_role("button", name="Save and continue").click()
    page.get_by_label("Account holder").fill(name)
    page.get_by_label("Routing number").fill("122105278")
    page.get_by_label("Account number").fill(NUMBER)
    page.get_by_label("Account type").select_option("BUSINESS_CHECKING")
    look(page, f"join-bank-account-{scheme}")
    page.get_by_role("button", name="Save and continue").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Check and submit")
    assert NUMBER not in page.content()
    assert TAX_ID not in page.content()
    look(page, f"join-review-{scheme}")
    page.get_by_role("button", name="Submit").click()

    expect(page.get_by_role("heading", level=1)).to_have_text("Thank you, it has arrived")
    look(page, f"join-sent-{scheme}")
    used = page.request.get(link)
    assert (used.status, "This link leads nowhere" in used.text()) == (404, True)
    open_tab(partner)
    partner.get_by_role("link", name=name, exact=True).first.click()
    expect(partner.get_by_text("Merchant by link").first).to_be_visible()
    partner.get_by_role("link", name="PAYMENT INSTRUMENTS", exact=True).click()
    expect(partner.get_by_text(NUMBER[-4:]).first).to_be_visible()


def test_file_with_two_bad_rows_is_imported(sign_in: SignIn, tmp_path: Path) -> None:
    page = sign_in("PARTNER")
    open_tab(page)
    page.get_by_role("link", name="Import merchants").click()
    file = tmp_path / "spring.csv"
    file.write_text(a_file(), encoding="utf-8-sig")
    page.get_by_label("CSV file").set_input_files(file)
    page.get_by_label("Provision at").select_option("DUMMY_V1")

    page.get_by_role("button", name="Upload and check").click()
    expect(page.get_by_text("Cannot be imported").first).to_be_visible()
    expect(page.get_by_text("email: Must be an e-mail address")).to_be_visible()
    expect(page.get_by_text("business_tax_id: Must be nine digits")).to_be_visible()
    assert violations(page) == []
    keep_screenshot(page, "import-preview")
    assert TAX_ID not in page.content()
    page.get_by_role("button", name="Import 1 merchant").click()

    expect(page.get_by_role("link", name="Download result")).to_be_visible(timeout=30_000)
    expect(page.get_by_role("link", name="Bank account")).to_be_visible()
    assert violations(page) == []
    keep_screenshot(page, "import-done")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download result").click()
    results = list(csv.DictReader(Path(download.value.path()).read_text().splitlines()))
    assert [result["result"] for result in results] == ["DONE", "REFUSED", "REFUSED"]
    page.get_by_role("link", name="Merchant", exact=True).click()
    expect(page.get_by_text("Can take payments").first).to_be_visible()


def fill_section(page: Page, section: str, **changes: str) -> None:
    for label in SECTIONS[section]:
        page.get_by_label(label, exact=True).fill(changes.get(label, FORM[label]))


def fill_address(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    for label, value in ADDRESS.items():
        control = page.get_by_label(label, exact=True)
        if control.evaluate("control => control.tagName") == "SELECT":
            control.select_option(value)
        else:
            control.fill(value)


def look(page: Page, name: str) -> None:
    assert violations(page) == []
    assert not overflows(page)
    keep_screenshot(page, name)


def a_file() -> str:
    """A merchant that is in order, one with a wrong address, one with a wrong tax id."""
    one = {
        "business_name": "Walked In Inc", "doing_business_as": "Walked In", "business_type": "Corporation",
        "ownership_type": "private", "business_tax_id": TAX_ID, "incorporation_date": "2015-03-14",
        "url": "www.walkedin.example", "business_phone": "5035550142", "business_address.line1": "12 Alder St",
        "business_address.city": "Portland", "business_address.region": "OR", "business_address.postal_code": "97209",
        "business_address.country": "USA", "first_name": "Iris", "last_name": "Thorne", "title": "Founder",
        "principal_percentage_ownership": "80", "dob": "1984-09-02", "tax_id": "123-45-6789",
        "email": "iris@walkedin.example", "phone": "5035550143", "personal_address.line1": "12 Alder St",
        "personal_address.city": "Portland", "personal_address.region": "OR", "personal_address.postal_code": "97209",
        "personal_address.country": "USA", "default_statement_descriptor": "WALKED IN", "mcc": "5499",
        "annual_card_volume": "240,000.00", "max_transaction_amount": "1,250.50", "account_number": NUMBER,
        "bank_code": "122105278", "account_type": "SAVINGS",
    }  # fmt: skip
    rows = [one, one | {"business_name": "Second", "email": "nobody"}, one | {"business_tax_id": "12"}]
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=columns(), delimiter=";", restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()
