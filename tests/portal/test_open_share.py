"""What pages say of a business of which nobody told who owns a large part."""

from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.models import Identity
from onboarding.services import create_associated_identity, open_share_of
from onboarding.underwriting import open_share
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import transaction
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.onboarding.test_saved_forms import filled_in
from tests.portal.pages import browser, text_of
from tests.portal.test_onboarding_pages import tab

pytestmark = pytest.mark.django_db

OTHER_40 = "Nobody told who owns the other 40 %. Owners of 25 % or more are usually asked for."


@pytest.fixture
def business(own: Application) -> Identity:
    return make_merchant_identity(own, principal_percentage_ownership=60)


def overview(identity: Identity) -> str:
    return f"/dashboard/identities/{identity.public_id}/"


def add(business: Identity, percent: int) -> None:
    entity = {"first_name": "Bo", "last_name": "Li", "principal_percentage_ownership": percent}
    create_associated_identity(business=business, entity=entity, by=system(), at=timezone.now())


@pytest.mark.parametrize(
    ("told", "percent"),
    [
        ({"principal": 60}, 40),
        ({"principal": 75}, 25),
        ({"principal": 76}, 0),
        ({"principal": 100}, 0),
        ({"principal": 0}, 100),
        ({"principal": None}, 0),
        ({"principal": 60, "owned": 15}, 25),
        ({"principal": 60, "owned": 16}, 0),
        ({"principal": 60, "ownership_type": "PUBLIC"}, 0),
        ({"principal": 0, "business_type": "GOVERNMENT_AGENCY"}, 0),
        ({"principal": 0, "business_type": "TAX_EXEMPT_ORGANIZATION"}, 0),
    ],
)
def test_open_share(told: dict[str, Any], percent: int) -> None:
    assert open_share(**{"business_type": "CORPORATION", "ownership_type": "PRIVATE"} | told) == percent


def test_owners_count_and_buyers_have_none(own: Application, business: Identity) -> None:
    with transaction(by=system()):
        before = open_share_of(business, by=system())
    add(business, 30)
    buyer = make_identity(own)
    with transaction(by=system()):
        after = open_share_of(business, by=system())
        of_a_buyer = open_share_of(buyer, by=system())

    assert (before, after, of_a_buyer) == (40, 0, 0)


def test_identity_and_checklist_lead_to_the_owners(own: Application, business: Identity) -> None:
    partner = browser(Role.PARTNER, own)
    link = f'href="{tab(business, "owners")}"'
    pages = [overview(business), tab(business, "processors")]

    before = [partner.get(page) for page in pages]
    add(business, 30)
    after = [partner.get(page) for page in pages]

    for page in before:
        assert OTHER_40 in text_of(page)
        assert f"{link}>Beneficial owners</a>" in page.content.decode()
    for page in after:
        assert "Nobody told" not in text_of(page)


def test_open_share_is_nobodys_turn(own: Application, business: Identity) -> None:
    page = browser(Role.PARTNER, own).get(overview(business))

    (checklist,) = page.context["checklists"]
    assert checklist["next"]["title"] == "Bank account"
    assert [step["state"] for step in checklist["steps"] if step["title"] == "Beneficial owners"] == ["optional"]


def test_owners_page_says_it_to_those_who_add_and_to_those_who_ask(own: Application, business: Identity) -> None:
    partner = browser(Role.PARTNER, own).get(tab(business, "owners"))
    merchant = browser(Role.MERCHANT, own, business).get(tab(business, "owners"))

    assert f"{OTHER_40} Add them here" in text_of(partner)
    assert f"{OTHER_40} Ask Own to add them." in text_of(merchant)


def test_form_says_it_at_its_end_as_soon_as_the_share_is_told(own: Application) -> None:
    client: Client = browser(Role.PARTNER, own)
    page = f"/dashboard/applications/{own.public_id}/identities/new/"
    key = client.get(page).context["key"]

    def save(**told: str) -> str:
        form = filled_in(**told) | {"act": "save", "key": key, "section": "principal"}
        return text_of(client.post(page, form, headers={"HX-Request": "true"}))

    assert "Nobody told" not in text_of(client.get(page))
    assert "Nobody told who owns the other 40 %" in save(principal_percentage_ownership="60")
    assert "Nobody told" not in save(principal_percentage_ownership="80")
    assert "Nobody told" not in save(principal_percentage_ownership="x")


def test_category_is_named_or_doubted_beside_its_field(own: Application) -> None:
    client: Client = browser(Role.PARTNER, own)
    page = f"/dashboard/applications/{own.public_id}/identities/new/"

    def told(mcc: str) -> str:
        key = client.get(page).context["key"]
        form = filled_in(mcc=mcc) | {"act": "save", "key": key, "section": "processing"}
        return text_of(client.post(page, form, headers={"HX-Request": "true"}))

    assert "5812 is Eating places and restaurants." in told("5812")
    assert "No list has the code 0001. Check it" in told("0001")
    assert "No list has" not in told("12")
