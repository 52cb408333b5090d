"""A walk over every page of the portal, in one colour scheme: wide and narrow, by axe and by rule."""

from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE, SignIn, keep_screenshot, overflows, violations

PAGES = {
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
    "transfer": "{transfer}",
    "choose-merchant": "/dashboard/transfers/new/",
    "create-transfer": "{sale}",
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
    "verify-card": "{inquired_card}?confirm=verify",
    "update-card": "{inquired_card}?confirm=update",
    "disable-card": "{inquired_card}?confirm=switch",
    "card-inquiry": "{inquiry}",
    "refused-amounts": "/dashboard/transfers/?amount=twelve&state=x",
}


def faults_of_pages(sign_in: SignIn, scheme: str) -> dict[str, list[str]]:
    """What is wrong on each page that an admin may open, in both widths; screenshots of all are kept."""
    faults = {}
    found_places = places(sign_in)
    for group in (PAGES, STATES):
        page = sign_in("ADMIN", scheme=scheme)  # anew, since some of the states ask for a proof that is not old
        for name, address in group.items():
            for width, viewport in (("wide", DESKTOP), ("narrow", PHONE)):
                page.set_viewport_size(viewport)
                answer = page.goto(address.format(**found_places))
                assert answer is not None
                found = [*violations(page), *(["scrolls sideways"] if overflows(page) else [])]
                keep_screenshot(page, f"{name}-{width}-{scheme}")
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
        "inquired_card": "payment-instruments/?tags.key=wallet",
        "transfer": "transfers/?state=SUCCEEDED",
        "declined_transfer": "transfers/?state=FAILED",
        "sale": "transfers/new/",
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
    found["review_id"] = found["review"].rstrip("/").rpartition("/")[2]
    return found


def _first_link(page: Page, address: str) -> str:
    page.goto(address)
    return str(page.locator("tbody a.row-link").first.get_attribute("href"))
