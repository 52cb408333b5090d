"""Wire shapes of verifications: of merchants, and of cards."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, InputSerializer, PublicId, TagsField
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.serializers.entities import AddressField
from onboarding.serializers.instruments import LettersField, SecurityCodeField
from onboarding.serializers.merchants import ProcessorName
from tenancy.models import Application, Processor

INQUIRED_AT = Processor.Name.VISA_V1
"""The one processor that is asked about cards."""


class VerificationInput(InputSerializer):
    """Body of POST /merchants/{id}/verifications; may be empty."""

    processor = ProcessorName(required=False, allow_null=True)
    tags = TagsField(required=False)


class IdentityVerificationInput(VerificationInput):
    """Body of POST /identities/{id}/verifications. `merchant` tells which one, where the identity has several."""

    merchant = PublicId(Merchant, required=False, allow_null=True)


class _CardChecks(InputSerializer):
    """What may be checked of a card. `country` is for partners in Latin America, and changes nothing."""

    security_code = SecurityCodeField(required=False, allow_null=True, write_only=True)
    address = AddressField(required=False, allow_null=True)
    country = LettersField(what="country", required=False, allow_null=True)


class InstrumentVerificationInput(_CardChecks):
    """Body of POST /payment_instruments/{id}/verifications; may be empty."""

    processor = Choice(choices=[INQUIRED_AT.value], required=False, allow_null=True)
    tags = TagsField(required=False)


class VerificationTargetInput(VerificationInput, _CardChecks):
    """Body of POST /verifications: of a merchant, of an identity that is only one, or of a card.

    `instrument` is read as `payment_instrument`.
    """

    merchant = PublicId(Merchant, required=False, allow_null=True)
    identity = PublicId(Identity, required=False, allow_null=True)
    payment_instrument = PublicId(PaymentInstrument, required=False, allow_null=True)
    instrument = PublicId(PaymentInstrument, required=False, allow_null=True)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        named = [name for name in ("merchant", "identity") if data.get(name) is not None]
        cards = [name for name in ("payment_instrument", "instrument") if data.get(name) is not None]
        if len(named) > 1:
            return {"identity": ["Name either a merchant or an identity"]}
        if named and cards:
            return {cards[0]: ["Name either a merchant, an identity or a payment instrument"]}
        if len(cards) > 1 and data["payment_instrument"] != data["instrument"]:
            return {"instrument": ["Says another thing than payment_instrument"]}
        if cards and str(data.get("processor") or INQUIRED_AT).upper() != INQUIRED_AT:
            return {"processor": [f"One of {INQUIRED_AT} is needed"]}
        return {} if named or cards else {"merchant": ["This field is required."]}

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        alias = attrs.pop("instrument", None)
        return attrs if alias is None else attrs | {"payment_instrument": alias}


class _Findings(serializers.DictField):
    """What the processor found. Of a merchant, for those who may see it; null to others."""

    def get_attribute(self, instance: Verification) -> Any:
        is_shown = instance.payment_instrument_id is not None or self.context.get("shows_raw")
        return instance.raw if is_shown else None

    def to_representation(self, value: Any) -> Any:
        return value


class _Never(serializers.CharField):
    """Null in every row."""

    def get_attribute(self, _instance: Any) -> None:
        return None


class CardDetails(serializers.Serializer[Any]):
    """What a card can receive, in words."""

    push_to_card_domestic = serializers.CharField(allow_null=True)
    push_to_card_cross_border = serializers.CharField(allow_null=True)
    card_type = serializers.CharField(allow_null=True)
    billing_currency = serializers.CharField(allow_null=True)
    issuer_country = serializers.CharField(allow_null=True)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        return {str(name): instance.get(str(name)) for name in self.fields}


class VerificationDocument(DocumentSerializer):
    """A verification of a merchant or of a card; members of the other kind are null.

    `raw` of a merchant is null unless `shows_raw` is in the context: it is for the platform only.
    """

    kind = Verification.KIND

    application = PublicIdField(Application, source="application_id")
    tags = serializers.DictField(child=serializers.CharField())
    messages = serializers.ListField(child=serializers.CharField())
    raw = _Findings(allow_null=True)
    processor = serializers.CharField()
    state = serializers.CharField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)
    trace_id = serializers.CharField(allow_null=True)
    payment_instrument = PublicIdField(PaymentInstrument, source="payment_instrument_id", allow_null=True)
    merchant = PublicIdField(Merchant, source="merchant_id", allow_null=True)
    merchant_identity = PublicIdField(Identity, source="merchant_identity_id", allow_null=True)
    identity = _Never(allow_null=True)
    payment_instrument_verification_details = CardDetails(required=False)

    def to_representation(self, instance: Any) -> dict[str, Any]:
        """Only a card's answered inquiry has details: to the official clients null is no object."""
        document = super().to_representation(instance)
        if document["payment_instrument_verification_details"] is None:
            del document["payment_instrument_verification_details"]
        return document
