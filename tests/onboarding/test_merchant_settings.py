"""Settings of merchants and applications that the API keeps, and the one that keeps a merchant from being sent in."""

import pytest

from tenancy.models import Processor
from tests.conftest import ApiClient
from tests.factories.onboarding import make_identity, make_merchant_identity
from tests.factories.payments import make_bank_account, make_card, make_merchant, make_processor
from tests.factories.tenancy import make_application, make_platform_login

pytestmark = pytest.mark.django_db

KEPT = (
    "level_two_level_three_data_enabled", "convenience_charges_enabled", "rent_surcharges_enabled",
    "surcharges_enabled", "default_partial_authorization_enabled",
)  # fmt: skip


@pytest.mark.parametrize("told", [*KEPT, "surcharge_fees_enabled"])
def test_flag_is_kept_and_answered(told: str) -> None:
    application, login = make_application()
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    admin, partner = ApiClient(make_platform_login()), ApiClient(login)
    name = "surcharges_enabled" if told == "surcharge_fees_enabled" else told
    path = f"/merchants/{merchant.public_id}"
    before = partner.get(path).json()

    answer = admin.put(path, {told: True})

    assert {before[kept] for kept in KEPT} == {False}
    assert answer.status_code == 200
    after = partner.get(path).json()
    assert {kept: after[kept] for kept in KEPT} == {kept: kept == name for kept in KEPT}
    assert "surcharge_fees_enabled" not in after
    assert partner.put(path, {told: False}).status_code == 403


def test_flags_are_flags_and_say_one_thing() -> None:
    application, _ = make_application()
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    admin = ApiClient(make_platform_login())

    wrong = admin.put(f"/merchants/{merchant.public_id}", dict.fromkeys(KEPT, "maybe"))
    torn = admin.put(f"/merchants/{merchant.public_id}", {"surcharges_enabled": True, "surcharge_fees_enabled": False})

    assert {error["field"] for error in wrong.json()["_embedded"]["errors"]} == set(KEPT)
    assert (torn.status_code, torn.json()["_embedded"]["errors"][0]["field"]) == (422, "surcharge_fees_enabled")


def test_bank_account_may_be_needed_before_provisioning() -> None:
    application, login = make_application()
    make_processor(application)
    make_processor(application, Processor.Name.VISA_V1)
    admin, partner = ApiClient(make_platform_login()), ApiClient(login)
    settings = admin.put(f"/applications/{application.public_id}", {"bank_account_required": True}).json()
    identity = make_merchant_identity(application)
    path = f"/identities/{identity.public_id}/merchants"

    refused = partner.post(path, {"processor": "DUMMY_V1"})

    assert settings["bank_account_required"] is True
    (error,) = refused.json()["_embedded"]["errors"]
    assert (refused.status_code, error["message"]) == (
        422,
        "A merchant of this application needs a bank account first; add one to the identity.",
    )
    assert partner.get("/merchants").json()["page"]["count"] == 0
    make_bank_account(identity)
    assert partner.post(path, {"processor": "DUMMY_V1"}).json()["onboarding_state"] == "APPROVED"
    recipient = make_identity(application)
    make_card(recipient)
    to_a_card = partner.post(f"/identities/{recipient.public_id}/merchants", {"processor": "VISA_V1"})
    assert to_a_card.status_code == 201
