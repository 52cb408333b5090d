"""A shop that sells: an application with its key, an approved merchant, and a card; made through the services."""

import base64
from dataclasses import dataclass
from typing import Any

from benchmarks.load import NUMBER, Request

AMOUNT = 1000
FEE = 30
_CARD = {
    "type": "PAYMENT_CARD",
    "name": "Sean Green",
    "number": "4895142232120006",
    "security_code": "112",
    "expiration_month": 12,
    "expiration_year": 2040,
}
_ADDRESS = {
    "line1": "741 Douglass St",
    "line2": "Apartment 7",
    "city": "San Mateo",
    "region": "CA",
    "postal_code": "94114",
    "country": "USA",
}
_DAY = {"year": 1978, "day": 27, "month": 6}
_BUYER = {"first_name": "Sean", "last_name": "Green", "email": "sean@example.org"}
_BUSINESS: dict[str, Any] = {
    "business_name": "Bobs Burgers", "doing_business_as": "Bobs Burgers", "business_type": "CORPORATION",
    "business_tax_id": "123456789", "url": "www.BobsBurgers.com", "business_phone": "+1 (408) 756-4497",
    "incorporation_date": _DAY, "business_address": _ADDRESS, "ownership_type": "PRIVATE",
    "first_name": "dwayne", "last_name": "Sunkhronos", "title": "CEO", "principal_percentage_ownership": 50,
    "tax_id": "123456789", "dob": _DAY, "phone": "1234567890", "email": "user@example.org",
    "personal_address": _ADDRESS, "annual_card_volume": 12000000, "default_statement_descriptor": "Bobs Burgers",
    "max_transaction_amount": 12000000, "mcc": "0742", "has_accepted_credit_cards_previously": True,
}  # fmt: skip


@dataclass(frozen=True)
class Shop:
    """What a client needs to know of it."""

    authorization: str
    merchant: str
    source: str

    @property
    def head(self) -> list[str]:
        return [
            f"Authorization: {self.authorization}",
            "Content-Type: application/json",
            "Accept: application/hal+json",
        ]

    @property
    def sale(self) -> Request:
        """POST /transfers with a fee, and an idempotency key that is never the same."""
        body = (
            f'{{"merchant": "{self.merchant}", "source": "{self.source}", "amount": {AMOUNT}, "fee": {FEE}, '
            f'"currency": "USD", "tags": {{"order_number": "{NUMBER}"}}}}'
        )
        return Request("POST", "/transfers", (*self.head, f"Idempotency-Key: order-{NUMBER}"), body)


def open_shop() -> Shop:
    """Call it in a process of the platform (`stack.use_django`)."""
    from django.utils import timezone

    from onboarding import services as onboarding
    from onboarding.models import Identity
    from onboarding.serializers.identities import IdentityInput
    from onboarding.serializers.instruments import InstrumentInput
    from tenancy import services as tenancy
    from tenancy.actors import system
    from tenancy.models import Processor
    from tenancy.roles import Role

    def validated(body: Any) -> Any:
        body.is_valid(raise_exception=True)
        return body.validated_data

    def identity(entity: dict[str, Any]) -> Identity:
        body = validated(IdentityInput(data={"entity": entity}))
        return onboarding.create_identity(
            application_id=application.pk, entity=body["entity"], by=system("Benchmark"), at=timezone.now()
        )

    owner, secret = tenancy.create_api_user(role=Role.PARTNER, by=system("Benchmark"), at=timezone.now())
    application = onboarding.create_application(
        owner_user_id=owner.pk,
        entity=validated(IdentityInput(data={"entity": _BUYER | {"business_name": "Acme"}}))["entity"],
        by=system("Benchmark"),
        at=timezone.now(),
    )
    tenancy.enable_processor(
        application=application,
        name=Processor.Name.DUMMY_V1,
        config={},
        by=system("Benchmark"),
        at=timezone.now(),
    )
    by = system("Benchmark")
    merchant = onboarding.provision_merchant(identity=identity(_BUSINESS), processor=None, by=by, at=timezone.now())
    card = onboarding.create_payment_instrument(
        values=validated(InstrumentInput(data=_CARD | {"identity": identity(_BUYER).public_id})),
        by=by,
        at=timezone.now(),
    )
    if merchant.onboarding_state != merchant.OnboardingState.APPROVED:
        raise RuntimeError(f"The merchant is {merchant.onboarding_state}.")
    pair = f"{owner.public_id}:{secret.reveal()}".encode()
    return Shop("Basic " + base64.b64encode(pair).decode(), merchant.public_id, card.public_id)
