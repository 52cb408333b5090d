"""A provider that tells secrets of a merchant: they are nowhere, whatever its adapter let through (MER-3)."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from onboarding.models import Identity, Merchant
from onboarding.services import provision_merchant
from providers import copying, port
from providers.port import Answer, ProvisionMerchant, Verdict
from tenancy.actors import system
from tenancy.models import Application
from tenancy.roles import Role
from tenancy.transactions import outcome, transaction
from tests.conftest import ApiClient
from tests.factories.onboarding import make_merchant_identity
from tests.factories.payments import make_processor
from tests.factories.tenancy import Login, make_application, make_person, make_platform_login
from tests.providers.scripted import Scripted, stand_behind_processors

pytestmark = pytest.mark.django_db

NEEDLE = "hunter2-of-the-processor"
NUMBER = "000123454321"
WHY = f"There is no account {NUMBER}."
DETAILS: dict[str, Any] = {
    "mid": "FNX4711",
    "api_key": NEEDLE,
    "secret": NEEDLE,
    "somethingNobodyThoughtOf": NEEDLE,
    "gateway": {"password": NEEDLE, "keys": [NEEDLE, {"private": NEEDLE}], "login": {"pass_code": NEEDLE}},
}


def loose_lipped(act: ProvisionMerchant, state: str = "APPROVED", version: str = "2") -> Answer:
    """Everything it knows, as an adapter would that redacts nothing."""
    now = timezone.now()
    common: dict[str, Any] = {"version": version, "created_at": now, "updated_at": now, "tags": {}}
    raw = {"processor_details": DETAILS, "api_key": NEEDLE, "inner": [{"clientSecret": NEEDLE}], "mid": "FNX4711"}
    raw |= {"bank_account": {"number": NUMBER}, "why": WHY}
    verification = port.Verification(
        id=act.verification_id, raw=raw, merchant_id=act.id, identity_id=act.identity_id, processor="DUMMY_V1",
        state="SUCCEEDED", messages=(WHY,), trace_id="T1", findings={"check": "MATCH", "access_token": NEEDLE},
        **common,
    )  # fmt: skip
    merchant = port.Merchant(
        id=act.id, raw=raw, identity_id=act.identity_id, verification_id=act.verification_id, processor="DUMMY_V1",
        onboarding_state=state, mid="FNX4711", mcc="5812", merchant_name="Bobs Burgers", processor_details=DETAILS,
        reasons=(WHY,), **common,
    )  # fmt: skip
    return Answer(Verdict.ACCEPTED, (merchant, verification), message=WHY)


class Place:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.application, self.login = make_application()
        make_processor(self.application)
        self.provider = Scripted(answers=[loose_lipped])
        stand_behind_processors(self.provider, monkeypatch)
        self.identity = make_merchant_identity(self.application)
        self.merchant = provision_merchant(identity=self.identity, by=system("test"), at=timezone.now())


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch) -> Place:
    return Place(monkeypatch)


def tables_that_hold(needle: str) -> list[str]:
    """Every table of the database, searched row by row as text."""
    with transaction(by=system("test")), connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in cursor.fetchall()]
        found = []
        for name in names:
            cursor.execute(f'SELECT count(*) FROM "{name}" AS r WHERE r::text LIKE %s', [f"%{needle}%"])
            if cursor.fetchone()[0]:
                found.append(name)
    return found


def pages(application: Application, identity: Identity, merchant: Merchant) -> list[str]:
    """The merchant's page and its verification's, as each role sees them."""
    texts = []
    for role in (Role.ADMIN, Role.PLATFORM, Role.PARTNER, Role.MERCHANT):
        own = None if role in Role.of_the_platform() else application
        whose = identity.pk if role == Role.MERCHANT else None
        client = Client()
        client.force_login(make_person(f"{role.name.lower()}@s.example", role, application=own, identity_id=whose))
        for path in (f"merchants/{merchant.public_id}/", f"identities/{identity.public_id}/processors/"):
            answer = client.get(f"/dashboard/{path}")
            assert answer.status_code == 200
            texts.append(answer.content.decode())
    return texts


def test_secrets_are_in_no_table(place: Place) -> None:
    assert place.merchant.onboarding_state == "APPROVED"
    assert tables_that_hold("FNX4711") != []
    assert tables_that_hold(NEEDLE) == []
    assert tables_that_hold(NUMBER) == []


@pytest.mark.parametrize("who", ["partner", "platform"])
def test_secrets_are_in_no_answer(place: Place, who: str) -> None:
    login: Login = place.login if who == "partner" else make_platform_login()
    client = ApiClient(login)

    merchant = client.get(f"/merchants/{place.merchant.public_id}")
    verification = client.get(f"/verifications/{merchant.json()['verification']}")

    details = merchant.json()["processor_details"]
    assert (details["mid"], set(details)) == ("FNX4711", set(DETAILS))
    for answer in (merchant, verification, client.get("/merchants"), client.get("/verifications")):
        assert answer.status_code == 200
        assert NEEDLE not in answer.content.decode()


def test_secrets_are_on_no_page(place: Place) -> None:
    texts = pages(place.application, place.identity, place.merchant)

    assert any("FNX4711" in text for text in texts)
    assert not any(NEEDLE in text for text in texts)


def test_secrets_do_not_come_with_later_news(place: Place) -> None:
    act = place.provider.asked[0][1]
    assert isinstance(act, ProvisionMerchant)

    for news in loose_lipped(act, version="3").news:
        with outcome(by=system("test"), at=timezone.now()) as current:
            copying.copy(current, port.Account(place.application.pk), "scripted", news)

    with transaction(by=system("test")):
        assert Merchant.objects.get(pk=place.merchant.pk).provider_version == "3"
    assert tables_that_hold(NEEDLE) == []
