"""3-D Secure: what a vendor found about a cardholder before a card was charged, or an amount held on it."""

import uuid
from typing import Any

import vault.services as vault
from payments.models import Payment
from providers import port
from resources.errors import FieldError

MEMBER = "3d_secure_authentication"
_PROOF = "cardholder_authentication"


class ThreeDSecure(port.ThreeDSecure):
    """What a 3-D Secure vendor found (requirements PAY-4); the proof goes into the vault."""

    @property
    def kept(self) -> dict[str, Any]:
        """What the row keeps in clear."""
        return {name: value for name, value in vars(self).items() if name != _PROOF and value is not None}

    def refuse_for(self, brand: str | None) -> None:
        """Raises FieldError for what the card's network does not take, or needs."""
        if brand == "AMERICAN_EXPRESS" and self.cardholder_ip_address is None:
            raise FieldError(f"{MEMBER}.cardholder_ip_address", "American Express needs the cardholder's IP address")
        if brand != "VISA" and self.transaction_id is not None:
            raise FieldError(f"{MEMBER}.transaction_id", "Only Visa takes a transaction id")


def seal_proof(payment: Payment, found: ThreeDSecure | None, *, application_id: uuid.UUID) -> None:
    """Keep the proof of a payment whose row is new; call it in the transaction that inserts it."""
    if found is not None:
        vault.seal_new([(payment, _PROOF, found.cardholder_authentication)], application_id=application_id)


def found_of(payment: Payment) -> ThreeDSecure | None:
    """What was found, as it was told, its proof out of the vault. In a transaction."""
    if payment.three_d_secure is None:
        return None
    proof = vault.open_all([payment], _PROOF)[payment.pk]
    return ThreeDSecure(cardholder_authentication=proof, **payment.three_d_secure)
