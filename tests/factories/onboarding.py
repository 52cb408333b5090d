"""Identities for tests, made through the services."""

from typing import Any

from django.utils import timezone

from onboarding.models import Identity
from onboarding.services import create_identity, create_identity_user
from tenancy.actors import system
from tenancy.models import Application
from tests.factories.tenancy import Login, validated_identity

BUYER: dict[str, Any] = {"first_name": "Sean", "last_name": "Green", "email": "sean@example.org", "phone": "7145677613"}
ADDRESS = {
    "line1": "741 Douglass St",
    "line2": "Apartment 7",
    "city": "San Mateo",
    "region": "CA",
    "postal_code": "94114",
    "country": "USA",
}
MERCHANT: dict[str, Any] = {
    "business_name": "Bobs Burgers", "doing_business_as": "Bobs Burgers", "business_type": "CORPORATION",
    "business_tax_id": "123456789", "url": "www.BobsBurgers.com", "business_phone": "+1 (408) 756-4497",
    "incorporation_date": {"year": 1978, "day": 27, "month": 6}, "business_address": ADDRESS,
    "ownership_type": "PRIVATE",
    "first_name": "dwayne", "last_name": "Sunkhronos", "title": "CEO", "principal_percentage_ownership": 50,
    "tax_id": "123456789", "dob": {"year": 1978, "day": 27, "month": 6}, "phone": "1234567890",
    "email": "user@example.org", "personal_address": ADDRESS, "annual_card_volume": 12000000,
    "default_statement_descriptor": "Bobs Burgers", "max_transaction_amount": 12000000, "mcc": "0742",
    "has_accepted_credit_cards_previously": True,
}  # fmt: skip


def make_identity(application: Application, entity: dict[str, Any] | None = None, **options: Any) -> Identity:
    """A buyer's identity unless `entity` says otherwise."""
    body = validated_identity({"entity": entity or BUYER})
    return create_identity(
        application_id=application.pk,
        entity=body["entity"],
        by=system("test"),
        at=options.pop("at", None) or timezone.now(),
        **options,
    )


def make_merchant_identity(application: Application, **changes: Any) -> Identity:
    return make_identity(application, MERCHANT | changes)


def make_merchant_login(identity: Identity) -> Login:
    return Login(*create_identity_user(identity=identity, by=system("test"), at=timezone.now()))
