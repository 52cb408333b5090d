"""The audit history as somebody reads it: each row says in words what was done, and to what."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from events.models import Audit
from onboarding.models import PaymentInstrument
from tenancy.actors import system
from tenancy.models import Application, Person
from tenancy.roles import Role
from tenancy.services import rotate_api_user, set_person_active, update_api_user
from tenancy.transactions import transaction
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_card, make_merchant, make_processor
from tests.factories.tenancy import Login, make_application, make_person

pytestmark = pytest.mark.django_db

AUDIT = "/dashboard/audit/"


@pytest.fixture
def own_login() -> tuple[Application, Login]:
    return make_application("Own")


@pytest.fixture
def own(own_login: tuple[Application, Login]) -> Application:
    return own_login[0]


@pytest.fixture
def ada() -> Person:
    return make_person("ada@example.org", Role.ADMIN)


@pytest.fixture
def admin(ada: Person) -> Client:
    client = Client()
    client.force_login(ada)
    return client


def rows(client: Client, **filters: str) -> list[list[str]]:
    return [[str(cell or "") for cell in row["cells"]] for row in client.get(AUDIT, filters).context["rows"]]


def about(client: Client, action: str) -> str:
    """What the newest row of an action says it was about, as mark-up."""
    return rows(client, action=action)[0][2]


def link(name: str, url_name: str, *parts: Any) -> str:
    return f'<a href="{reverse(url_name, args=parts)}">{name}</a>'


def test_row_names_what_it_is_about_and_leads_there(own_login: tuple[Application, Login], admin: Client) -> None:
    own, login = own_login
    update_api_user(user=login.user, values={"name": "Web shop"}, by=system(), at=timezone.now())
    make_processor(own)
    identity = make_merchant_identity(own, doing_business_as="Thistle Tea")
    card: PaymentInstrument = make_card(identity)
    merchant = make_merchant(identity)

    shown = {
        action: about(admin, action)
        for action in ("create_identity", "create_payment", "provision", "enable_proc", "create_app", "update_api_user")
    }

    assert shown == {
        "create_identity": f"{link('Thistle Tea', 'onboarding:identity', identity.public_id)} <small>Identity</small>",
        "create_payment": (
            f"{link(card.display_name, 'onboarding:payment-instrument', card.public_id)}"
            " <small>Payment instrument</small>"
        ),
        "provision": (f"{link('Thistle Tea', 'onboarding:merchant', merchant.public_id)} <small>Merchant</small>"),
        "enable_proc": (
            f"{link('DUMMY_V1 of Own', 'onboarding:application-processors', own.public_id)} <small>Processor</small>"
        ),
        "create_app": f"{link('Own', 'onboarding:application', own.public_id)} <small>Application</small>",
        "update_api_user": f"{link('Web shop', 'onboarding:api-user', login.user.public_id)} <small>API key</small>",
    }


def test_change_that_changed_nothing_still_says_of_what(own_login: tuple[Application, Login], admin: Client) -> None:
    user = own_login[1].user

    update_api_user(user=user, values={"enabled": True}, by=system(), at=timezone.now())

    with transaction(by=system()):
        assert Audit.objects.get(action="update_api_user").events == []
    assert user.public_id in about(admin, "update_api_user")


def test_person_is_named_and_led_to_where_one_may_open_it(own: Application, ada: Person, admin: Client) -> None:
    pat = make_person("pat@example.org", Role.PARTNER, application=own)
    set_person_active(person=pat, is_active=False, by=system(), at=timezone.now())
    platform = Client()
    platform.force_login(make_person("paul@example.org", Role.PLATFORM))

    assert about(admin, "disable_person") == f"{link('Pat', 'onboarding:person', pat.pk)} <small>Person</small>"
    assert about(platform, "disable_person") == "Pat <small>Person</small>"


def test_acts_and_refusals_are_told_in_words(own_login: tuple[Application, Login], admin: Client) -> None:
    own, login = own_login
    partner = Client()
    partner.force_login(make_person("pat@example.org", Role.PARTNER, application=own))
    partner.get("/dashboard/people/")
    partner.post("/dashboard/people/new/")
    rotate_api_user(user=login.user, overlap=timedelta(0), by=system(), at=timezone.now())

    text = [re.sub(r"<[^>]+>", "", unescape(row[0])) for row in rows(admin)]

    assert "Open Users and rolesGET onboarding:people" in text
    assert "Send create personPOST onboarding:create-person" in text
    assert "Rotate API key" in text
    assert [row[0] for row in rows(admin, action="Rotate API")] == ["Rotate API key"]


def test_page_costs_the_same_however_many_rows_it_has(own: Application, admin: Client) -> None:
    admin.get(AUDIT)
    counts = []
    for _ in range(2):
        for _ in range(4):
            make_merchant_identity(own)
        with CaptureQueriesContext(connection) as queries:
            page = admin.get(AUDIT, {"action": "create identity"})
        counts.append((len(page.context["rows"]), len(queries)))

    (few, cost), (many, same) = counts
    assert (few, many) == (4, 8)
    assert cost == same
