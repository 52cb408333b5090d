"""Wire shapes of what may be told beside a charge of a card, or a hold on it: 3-D Secure and purchase data."""

import re
from typing import Any

from rest_framework import serializers

from api.documents import AnyField
from api.inputs import Choice, InputSerializer, ParsedText, Text
from payments.serializers.purchases import AdditionalPurchaseData
from payments.services import ThreeDSecure
from vault.secret import Secret


class ProofField(ParsedText):
    """What a 3-D Secure vendor hands out as evidence. A secret, from here on."""

    def parse(self, text: str) -> Secret:
        return Secret(text)


class DottedQuad(ParsedText):
    """An IPv4 address as it is documented, `nnn.nnn.nnn.nnn`; zeros before a number are kept."""

    def parse(self, text: str) -> str:
        parts = text.split(".")
        if len(parts) != 4 or not all(re.fullmatch(r"[0-9]{1,3}", part) and int(part) <= 255 for part in parts):
            raise serializers.ValidationError("An IPv4 address is needed, as 203.0.113.7")
        return text


class ThreeDSecureInput(InputSerializer):
    """What a 3-D Secure vendor found about the cardholder. The value is a `ThreeDSecure`."""

    electronic_commerce_indicator = Choice(choices=["AUTHENTICATED", "ATTEMPTED"])
    cardholder_authentication = ProofField(max_length=200, write_only=True)
    cardholder_ip_address = DottedQuad(required=False, allow_null=True)
    transaction_id = Text(max_length=100, required=False, allow_null=True)

    def to_internal_value(self, data: Any) -> Any:
        return ThreeDSecure(**super().to_internal_value(data))


class CardPaymentInput(InputSerializer):
    """Members that POST /transfers and POST /authorizations have in common, and that mean nothing without a card."""

    additional_purchase_data = AdditionalPurchaseData(required=False, allow_null=True)

    def get_fields(self) -> dict[str, AnyField]:
        """A member of a name that Python has no attribute for."""
        proof = ThreeDSecureInput(source="three_d_secure", required=False, allow_null=True, write_only=True)
        return {**super().get_fields(), "3d_secure_authentication": proof}
