"""Wire shapes of authorizations."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import AnyField, DocumentSerializer, MomentField, PublicIdField
from api.inputs import Flag, InputSerializer, PublicId, TagsField, Text, WholeNumber
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import LettersField, SecurityCodeField
from onboarding.serializers.merchants import ProcessorName
from payments.models import Authorization, Transfer
from payments.serializers.card_payments import CardPaymentInput
from payments.serializers.purchases import AdditionalPurchaseData
from payments.serializers.transfers import NOT_OFFERED, IdempotencyIdField, not_offered
from tenancy.models import Application

_LARGEST = 999_999_999_999


class _Input(InputSerializer):
    """What creating and changing have in common."""

    idempotency_id = IdempotencyIdField()
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        return not_offered(data, *NOT_OFFERED, "destination", "operation_key")

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        return {name: value for name, value in super().to_internal_value(data).items() if value is not None}


class AuthorizationInput(_Input, CardPaymentInput):
    """Body of POST /authorizations. Amounts are minor units; the merchant is named, or its identity."""

    source = PublicId(PaymentInstrument)  # type: ignore[assignment]  # a member of this name hides DRF's attribute
    merchant = PublicId(Merchant, required=False, allow_null=True)
    merchant_identity = PublicId(Identity, required=False, allow_null=True)
    processor = ProcessorName(required=False, allow_null=True)
    amount = WholeNumber(min_value=1, max_value=_LARGEST)
    currency = LettersField(what="currency")
    fee = WholeNumber(min_value=0, max_value=_LARGEST, required=False, allow_null=True)
    statement_descriptor = Text(max_length=20, required=False, allow_null=True)
    security_code = SecurityCodeField(required=False, allow_null=True, write_only=True)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        errors = dict(super().errors_across(data))
        named = [name for name in ("merchant", "merchant_identity") if data.get(name) is not None]
        if len(named) > 1:
            errors["merchant_identity"] = ["Name either the merchant or its identity"]
        if not named:
            errors["merchant"] = ["This field is required."]
        return errors

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if values.get("fee", 0) > values["amount"]:
            raise serializers.ValidationError({"fee": ["The fee is at most the amount"]})
        return values


class AuthorizationChange(_Input):
    """Body of PUT /authorizations/{id}: a capture, a void, or tags and purchase data, replaced as a whole.

    `void_me: false` asks for nothing, as if it were left out.
    """

    capture_amount = WholeNumber(min_value=1, max_value=_LARGEST, required=False, allow_null=True)
    fee = WholeNumber(min_value=0, max_value=_LARGEST, required=False, allow_null=True)
    void_me = Flag(required=False, allow_null=True)
    additional_purchase_data = AdditionalPurchaseData(required=False, allow_null=True)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        errors = dict(super().errors_across(data))
        is_capture = any(data.get(name) is not None for name in ("capture_amount", "fee"))
        is_void = data.get("void_me") is True
        if is_capture and is_void:
            errors["void_me"] = ["Either capture the authorization or void it"]
        elif is_capture and data.get("capture_amount") is None:
            errors["capture_amount"] = ["This field is required."]
        if is_capture or is_void:
            beside = [name for name in ("tags", "additional_purchase_data") if data.get(name) is not None]
            errors |= {name: ["Is changed in a request of its own"] for name in beside}
        return errors


class AuthorizationDocument(DocumentSerializer):
    """An authorization. What was found by 3-D Secure is not shown, and its proof nowhere."""

    kind = Authorization.KIND

    amount = serializers.IntegerField()
    amount_requested = serializers.IntegerField(source="amount")
    tags = serializers.DictField(child=serializers.CharField())
    state = serializers.CharField()
    currency = serializers.CharField()
    application = PublicIdField(Application, source="application_id")
    transfer = PublicIdField(Transfer, source="transfer_id", allow_null=True)
    capture_amount = serializers.IntegerField(allow_null=True)
    fee = serializers.IntegerField()
    messages = serializers.ListField(child=serializers.CharField())
    raw = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)
    trace_id = serializers.CharField(allow_null=True)
    source = PublicIdField(PaymentInstrument, source="source_id")  # type: ignore[assignment]  # the same
    merchant = PublicIdField(Merchant, source="merchant_id")
    merchant_identity = PublicIdField(Identity, source="merchant_identity_id")
    statement_descriptor = serializers.CharField(allow_null=True)
    is_void = serializers.BooleanField()
    void_state = serializers.CharField()
    expires_at = MomentField()
    idempotency_id = serializers.CharField(allow_null=True)
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    address_verification = serializers.CharField(allow_null=True)
    security_code_verification = serializers.CharField(allow_null=True)
    additional_purchase_data = serializers.DictField(allow_null=True)

    def get_fields(self) -> dict[str, AnyField]:
        """A member of a name that Python has no attribute for."""
        url = serializers.SerializerMethodField(method_name="get_3ds_redirect_url")
        return {**super().get_fields(), "3ds_redirect_url": url}

    def get_3ds_redirect_url(self, _authorization: Authorization) -> str | None:
        """Null: the vendor has asked the cardholder before."""
        return None

    def get_raw(self, _authorization: Authorization) -> dict[str, Any] | None:
        """Null, as documented; the portal shows the provider's own words to the platform."""
        return None
