"""A timeline's entries in words."""

from typing import Any

import pytest
from django.utils import timezone

from portal.timeline import changes_of, timeline_of
from tenancy.actors import system
from tenancy.transactions import Act, transaction
from tests.factories.onboarding import make_identity
from tests.factories.tenancy import make_application


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"title": ["CEO", "CFO"]}, "Title: CEO → CFO"),
        ({"title": [None, "CFO"]}, "Title set to CFO"),
        ({"title": ["CEO", None]}, "Title: CEO → nothing"),
        ({"processing_enabled": [True, False]}, "Processing: on → off"),
        ({"max_transaction_amount": [0, 2500050]}, "Largest transaction: 0.00 → 25,000.50"),
        ({"annual_card_volume": ["0", "100"]}, "Card sales a year: 0.00 → 1.00"),
        ({"phone": ["1", "2"], "phone_e164": ["+1", "+2"]}, "Phone: 1 → 2"),
        ({"tax_id": ["provided", "provided"], "tax_id_provided": [False, True]}, "Tax id replaced"),
        ({"mcc": [None, "5812"], "verification_id": [None, "VI1"]}, "Merchant category set to 5812"),
        ({"tags": [{}, {"a": "b"}]}, "Tags changed"),
        ({"card_type": ["UNKNOWN", "DEBIT"]}, "Card type: Unknown → Debit"),
        ({"issuer_country": ["UNKNOWN", "USA"]}, "Issuer country: Unknown → USA"),
        ({"business_type": [None, "LIMITED_LIABILITY_COMPANY"]}, "Business type set to Limited liability company"),
    ],
)
def test_changes_are_told_in_words(changes: dict[str, Any], words: str) -> None:
    application, _ = make_application()
    identity = make_identity(application)
    by = system("Ann")

    with transaction(by=by):
        Act(by, timezone.now()).record("identity.updated", identity, application_id=application.pk, changes=changes)
        newest, first = timeline_of(identity, by=by)

    assert (newest["title"], newest["by"], newest["detail"]) == ("Identity updated", "Ann", words)
    assert first["title"] == "Identity created"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("currency", "told"), [("USD", "50.00 → 12.34"), ("JPY", "5,000 → 1,234"), ("KWD", "5.000 → 1.234")]
)
def test_amounts_have_the_decimals_of_their_currency(currency: str, told: str) -> None:
    application, _ = make_application()
    identity = make_identity(application)
    by = system("Ann")

    with transaction(by=by):
        changes = {"refunded_amount": [5000, 1234]}
        Act(by, timezone.now()).record("transfer.updated", identity, application_id=application.pk, changes=changes)
        newest = changes_of(identity.pk, currency=currency, by=by)[0]

    assert newest["detail"] == f"Refunded amount: {told}"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("kind", "changes", "title"),
    [
        ("merchant.underwritten", {"onboarding_state": ["PROVISIONING", "APPROVED"]}, "Merchant approved"),
        ("merchant.underwritten", {"onboarding_state": ["PROVISIONING", "REJECTED"]}, "Merchant rejected"),
        ("merchant.updated", {"verification_id": [None, "VI1"]}, "Verification created"),
        ("merchant.updated", {"verification_id": [None, "VI1"], "mid": ["1", "2"]}, "Merchant updated"),
    ],
)
def test_title_says_what_became_of_a_merchant(kind: str, changes: dict[str, Any], title: str) -> None:
    application, _ = make_application()
    identity = make_identity(application)
    by = system("Ann")

    with transaction(by=by):
        Act(by, timezone.now()).record(kind, identity, application_id=application.pk, changes=changes)
        newest = timeline_of(identity, by=by)[0]

    assert newest["title"] == title
