"""A walk over the pages of the portal: wide and narrow, light and dark, by axe and by rule."""

import re
from collections.abc import Mapping

from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations

PAGES = {
    "home": "/dashboard/",
    "applications": "/dashboard/applications/",
    "create-application": "/dashboard/applications/new/",
    "application": "{application}",
    "edit-application": "{application}edit/",
    "application-identities": "{application}identities/",
    "create-identity": "{application}identities/new/",
    "invite-merchant": "{application}identities/invite/",
    "import-merchants": "{application}identities/import/",
    "onboarding-forms": "{application_of_forms}identities/open-forms/",
    "onboarding-form": "{onboarding_form}",
    "merchant-import": "{merchant_import}",
    "application-processors": "{application}processors/",
    "edit-processor": "{application}processors/DUMMY_V1/",
    "application-profile": "{application}profile/",
    "application-users": "{application}api-keys/",
    "identities": "/dashboard/identities/",
    "choose-application": "/dashboard/identities/new/",
    "identity": "{identity}",
    "edit-identity": "{identity}edit/",
    "people": "/dashboard/people/",
    "create-person": "/dashboard/people/new/",
    "person": "{person}",
    "edit-person": "{person}edit/",
    "api-users": "/dashboard/api-keys/",
    "choose-key-application": "/dashboard/api-keys/choose/",
    "create-application-user": "{application}api-keys/new/",
    "create-platform-user": "/dashboard/api-keys/new/",
    "api-user": "{api_user}",
    "test-values": "/dashboard/test-values/",
    "audit": "/dashboard/audit/",
    "identity-instruments": "{identity}payment-instruments/",
    "identity-processors": "{identity}processors/",
    "identity-owners": "{identity}owners/",
    "create-owner": "{identity}owners/new/",
    "review-merchants": "/dashboard/review/merchants/",
    "decided-reviews": "/dashboard/review/merchants/decided/",
    "decide-reviews": "/dashboard/review/merchants/decide/?action=reject&selected={review_id}",
    "review": "{review}",
    "merchants": "/dashboard/merchants/",
    "choose-to-create": "/dashboard/merchants/new/",
    "choose-to-invite": "/dashboard/merchants/invite/",
    "choose-to-import": "/dashboard/merchants/import/",
    "merchant": "{merchant}",
    "edit-merchant": "{merchant}edit/",
    "edit-merchant-risk": "{merchant}risk-profile/",
    "verification": "{verification}",
    "payment-instruments": "/dashboard/payment-instruments/",
    "payment-instrument": "{payment_instrument}",
    "edit-payment-instrument": "{payment_instrument}edit/",
    "transfers": "/dashboard/transfers/",
    "reports": "/dashboard/reports/",
    "exports": "/dashboard/exports/",
    "export": "{export}",
    "transfer": "{transfer}",
    "choose-merchant": "/dashboard/transfers/new/",
    "create-transfer": "{sale}",
    "refund": "{transfer}refund/",
    "authorizations": "/dashboard/authorizations/",
    "authorization": "{held}",
    "capture": "{held}capture/",
    "void": "{held}void/",
    "batches": "/dashboard/batches/",
    "batch": "{batch}",
    "settlements": "/dashboard/settlements/",
    "settlement": "{settlement}",
    "settlement-statement": "{settlement}statement/",
    "deposits": "/dashboard/deposits/",
    "deposit": "{deposit}",
    "statements": "/dashboard/statements/",
    "merchant-statement": "{statement}",
    "edit-settlement": "{settlement}edit/",
    "close-settlement": "{accruing_settlement}close/",
    "remove-transfers": "{accruing_settlement}remove/",
    "pay-settlement": "{settlement}pay/",
    "settle-now": "{merchant}settle/",
    "adjust-merchant": "{merchant}adjust/",
    "merchant-schedule": "{merchant}settlement-schedule/",
    "application-schedule": "{application}settlement-schedule/",
    "review-settlements": "/dashboard/review/settlements/",
    "decided-settlements": "/dashboard/review/settlements/decided/",
    "decide-settlements": "/dashboard/review/settlements/decide/?action=reject&all=yes",
    "unresolved": "/dashboard/unresolved/",
    "unresolved-attempt": "{unresolved}",
    "ask-provider": "/dashboard/unresolved/ask/?selected={unresolved_id}",
}
STATES = {
    "disable-key": "{api_user}?confirm=disable",
    "rotate-key": "{api_user}?confirm=rotate",
    "second-factor": "/dashboard/account/second-factor/",
    "set-up-second-factor": "/dashboard/account/second-factor/set-up/",
    "confirm": "/dashboard/account/confirm/",
    "disable-person": "{person}?confirm=disable",
    "open-forms": "{application_of_forms}identities/",
    "withdraw-form": "{onboarding_form}?confirm=withdraw",
    "link-form": "{onboarding_form}?confirm=link",
    "invited-form": "{invitation}",
    "revoke-link": "{invitation}?confirm=revoke",
    "refused-filters": "/dashboard/identities/?created_at.gte=x&business_type=y",
    "nothing-matches": "/dashboard/audit/?action=x&author_name=y",
    "add-bank-account": "{identity}payment-instruments/?add=bank-account",
    "add-card": "{identity}payment-instruments/?add=card",
    "provision-merchant": "{identity}processors/?provision",
    "create-verification": "{merchant}?confirm=verification",
    "edit-risk-profile": "{application}profile/?edit",
    "rejected-merchant": "{rejected_merchant}",
    "held-merchant": "{held_merchant}",
    "decided-review": "{decided_review}",
    "approve-merchant": "/dashboard/review/merchants/decide/?action=approve&selected={review_id}",
    "nothing-to-decide": "/dashboard/review/merchants/decide/?action=approve",
    "declined-transfer": "{declined_transfer}",
    "refund-transfer": "{reversal}",
    "refunded-transfer": "{refunded}",
    "review-refund": "{refund_review}",
    "refused-refund": "{refund_review}&amount=x",
    "adjustment": "{adjustment}",
    "review-adjustment": "{merchant}adjust/?step=review&key=walk&operation_key=MERCHANT_DEBIT_ADJUSTMENT&amount=12.00"
    "&currency=USD&reason=Late",
    "refused-adjustment": "{merchant}adjust/?step=review&key=walk&amount=x",
    "review-capture": "{held}capture/?step=review&key=walk&amount=1.00&fee=0.10",
    "captured-authorization": "{captured}",
    "voided-authorization": "{voided}",
    "authorization-captured-already": "{captured}capture/",
    "review-sale": "{hold_review}&purpose=charge",
    "review-hold": "{hold_review}&purpose=hold",
    "refused-holds": "/dashboard/authorizations/?amount=twelve&state=x",
    "no-batches": "/dashboard/batches/?q=x",
    "verify-card": "{inquired_card}?confirm=verify",
    "update-card": "{inquired_card}?confirm=update",
    "disable-card": "{inquired_card}?confirm=switch",
    "card-inquiry": "{inquiry}",
    "refused-amounts": "/dashboard/transfers/?amount=twelve&state=x",
    "accruing-settlement": "{accruing_settlement}",
    "approve-settlements": "/dashboard/review/settlements/decide/?action=approve&all=yes",
    "no-settlements-to-decide": "/dashboard/review/settlements/decide/?action=approve",
    "open-attempts": "/dashboard/unresolved/?state=ALL",
    "no-attempts": "/dashboard/unresolved/?operation=token",
    "home-of-a-week": "/dashboard/?days=7",
    "no-deposits": "/dashboard/deposits/?q=x",
    "refused-statement": "{statement}?start_date=2026-03-10&end_date=2026-03-09",
    "refused-period": "/dashboard/reports/?start_date=2026-03-10&end_date=2026-03-09",
    "nothing-to-ask": "/dashboard/unresolved/ask/",
}


def faults_of_pages(sign_in: SignIn, group: Mapping[str, str]) -> dict[str, list[str]]:
    """What is wrong on each page that an admin may open, wide and narrow, light and dark; screenshots are kept."""
    faults = {}
    found_places = places(sign_in)
    page = sign_in("ADMIN")  # anew, since some of the states ask for a proof that is not old
    for name, address in group.items():
        for width, viewport in (("wide", DESKTOP), ("narrow", PHONE)):
            page.set_viewport_size(viewport)
            answer = page.goto(address.format(**found_places))
            assert answer is not None
            found = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]
            keep_screenshot(page, f"{name}-{width}-light")
            page.emulate_media(color_scheme="dark")
            page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")  # painted
            found += [f"dark: {violation}" for violation in violations(page, of_colour=True)]
            keep_screenshot(page, f"{name}-{width}-dark")
            page.emulate_media(color_scheme="light")
            if found or answer.status != 200:
                faults[f"{name} {width}"] = [str(answer.status), *found]
    return faults


def places(sign_in: SignIn) -> dict[str, str]:
    """The addresses of one resource each, found by clicking through lists."""
    page = sign_in("ADMIN")
    lists = {
        "application": "applications/",
        "identity": "identities/?business_type=LIMITED_LIABILITY_COMPANY",
        "person": "people/",
        "api_user": "api-keys/",
        "merchant": "merchants/?onboarding_state=APPROVED&processor=DUMMY_V1",
        "rejected_merchant": "merchants/?onboarding_state=REJECTED",
        "held_merchant": "merchants/?onboarding_state=PROVISIONING",
        "review": "review/merchants/",
        "decided_review": "review/merchants/decided/",
        "payment_instrument": "payment-instruments/?type=PAYMENT_CARD",
        "inquired_card": "payment-instruments/?tags.key=wallet&tags.value=saved",
        "declined_transfer": "transfers/?state=FAILED",
        "adjustment": "transfers/?type=ADJUSTMENT",
        "sale": "transfers/new/",
        "unresolved": "unresolved/",
        "settlement": "settlements/?status=APPROVED",
        "deposit": "deposits/",
        "statement": "statements/",
        "accruing_settlement": "settlements/?status=PENDING",
        "batch": "batches/?state=SUBMITTED",
    }
    found = {name: _first_link(page, f"/dashboard/{path}") for name, path in lists.items()}
    for subject, name in (("merchant", "verification"), ("inquired_card", "inquiry")):
        page.goto(found[subject])
        found[name] = str(page.locator("#verifications a").first.get_attribute("href"))
    page.goto("/dashboard/applications/")
    forms = str(page.get_by_role("link", name="Harbor Market").get_attribute("href"))
    found["application_of_forms"] = forms
    for name, label in (("onboarding_form", "Tidepool Printmakers"), ("invitation", "Marigold Bindery")):
        page.goto(f"{forms}identities/open-forms/?q={label}")
        found[name] = str(page.get_by_role("link", name=label, exact=True).get_attribute("href"))
    found["merchant_import"] = _first_link(page, f"{forms}identities/import/")
    for name, standing in (("held", "Held"), ("captured", "Captured in part"), ("voided", "Voided")):
        page.goto("/dashboard/authorizations/?state=SUCCEEDED")
        row = page.get_by_role("row").filter(has=page.get_by_text(standing, exact=True)).first
        found[name] = str(row.locator("a.row-link").get_attribute("href"))
    found["reversal"] = _first_with(page, "/dashboard/transfers/?type=REVERSAL&state=SUCCEEDED", _OF_A_SALE)
    found["refunded"] = str(page.get_by_role("link", name=_OF_A_SALE).get_attribute("href"))
    sales = "/dashboard/transfers/?state=SUCCEEDED&type=DEBIT&instrument_type=PAYMENT_CARD"
    found["transfer"] = _first_with(page, sales, re.compile("^Refund$"))
    page.goto(f"{found['transfer']}refund/")
    left = page.locator("[name=left]").input_value()
    found["refund_review"] = f"{found['transfer']}refund/?step=review&key=walk&left={left}&amount=0.50&reason=Walk"
    page.goto(found["sale"])
    card = page.get_by_label("Card or bank account", exact=True).locator("optgroup option").first.get_attribute("value")
    found["hold_review"] = f"{found['sale']}?step=review&key=walk&amount=12.50&fee=0.50&currency=USD&source={card}"
    page.goto("/dashboard/transfers/")
    page.locator("summary").filter(has_text="Export").click()
    with page.expect_download():
        page.get_by_role("button", name="CSV").click()
    found["export"] = _first_link(page, "/dashboard/exports/")
    for name in ("review", "unresolved"):
        found[f"{name}_id"] = found[name].rstrip("/").rpartition("/")[2]
    return found


_OF_A_SALE = re.compile("a sale of")


def _first_with(page: Page, address: str, name: re.Pattern[str]) -> str:
    """The first of a list whose page has such a link; other tests have refunded and returned what stands above it."""
    page.goto(address)
    links = [str(link.get_attribute("href")) for link in page.locator("tbody a.row-link").all()]
    for link in links:
        page.goto(link)
        if page.get_by_role("link", name=name).count():
            return link
    raise AssertionError(f"Nothing in {address} has a link {name.pattern}")


def _first_link(page: Page, address: str) -> str:
    page.goto(address)
    return str(page.locator("tbody a.row-link").first.get_attribute("href"))
