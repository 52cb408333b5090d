"""What the tests of saved forms and of links share: the pages, and how a form begins, is invited and filled in."""

from typing import Any

from django.test import Client

from onboarding.models import OnboardingForm
from tenancy.models import Application
from tests.factories.imports import NUMBER
from tests.onboarding.test_saved_forms import filled_in
from tests.portal.pages import rows

BANK = {
    "bank-name": "Bobs Burgers",
    "bank-bank_code": "122105278",
    "bank-account_number": NUMBER,
    "bank-account_type": "BUSINESS_CHECKING",
    "bank-country": "USA",
}
SECTIONS = ("business", "business-address", "principal", "principals-home-address", "processing")


def new_page(application: Application) -> str:
    return f"/dashboard/applications/{application.public_id}/identities/new/"


def tab(application: Application) -> str:
    return f"/dashboard/applications/{application.public_id}/identities/"


def page_of(row: Any) -> str:
    kind = "merchant-imports" if row.KIND == "merchant_import" else "onboarding-forms"
    return f"/dashboard/{kind}/{row.public_id}/"


def begin(client: Client, application: Application, **changes: str) -> OnboardingForm:
    client.post(new_page(application), filled_in(**changes) | {"act": "save"})
    row: OnboardingForm = rows(OnboardingForm)[-1]
    return row


def invite(client: Client, application: Application, **changes: str) -> str:
    """Makes an invitation and gives the path of its link."""
    page = f"/dashboard/applications/{application.public_id}/identities/invite/"
    key = client.get(page).context["form"]["key"].value()
    told = {"key": key, "name": "Bobs Burgers", "days": "7"} | changes
    shown = client.post(page, told, follow=True)
    link: str = shown.context["link"]
    return link.removeprefix("http://testserver")


def fill_in(stranger: Client, link: str, **changes: str) -> None:
    """All sections but the bank account, one page each."""
    form = filled_in(**changes)
    for section in SECTIONS:
        stranger.post(f"{link}{section}/", form)
