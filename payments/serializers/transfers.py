"""Wire shapes of transfers."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import InputSerializer, PublicId, TagsField, Text, WholeNumber
from jobs.idempotency import WHAT_IS_A_KEY, is_key
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import LettersField, SecurityCodeField
from onboarding.serializers.merchants import ProcessorName
from payments.models import Transfer
from tenancy.models import Application

_LARGEST = 999_999_999_999
_NOT_OFFERED = (
    "destination",
    "device",
    "operation_key",
    "split_transfers",
    "additional_buyer_charges",
    "hsa_fsa_payment",
)
"""Members that would move money otherwise than a sale does; refused, never silently left out."""


class TransferInput(InputSerializer):
    """Body of POST /transfers: a sale. Amounts are minor units; the merchant is named, or its identity."""

    source = PublicId(PaymentInstrument)  # type: ignore[assignment]  # a member of this name hides DRF's attribute
    merchant = PublicId(Merchant, required=False, allow_null=True)
    merchant_identity = PublicId(Identity, required=False, allow_null=True)
    processor = ProcessorName(required=False, allow_null=True)
    amount = WholeNumber(min_value=1, max_value=_LARGEST)
    currency = LettersField(what="currency")
    fee = WholeNumber(min_value=0, max_value=_LARGEST, required=False, allow_null=True)
    statement_descriptor = Text(max_length=20, required=False, allow_null=True)
    security_code = SecurityCodeField(required=False, allow_null=True, write_only=True)
    idempotency_id = Text(required=False, allow_null=True, trim_whitespace=False)
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        errors = {name: ["Is not offered here"] for name in _NOT_OFFERED if data.get(name) not in (None, [], False, {})}
        named = [name for name in ("merchant", "merchant_identity") if data.get(name) is not None]
        if len(named) > 1:
            errors["merchant_identity"] = ["Name either the merchant or its identity"]
        if not named:
            errors["merchant"] = ["This field is required."]
        return errors

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if (values.get("fee") or 0) > values["amount"]:
            raise serializers.ValidationError({"fee": ["The fee is at most the amount"]})
        return {name: value for name, value in values.items() if value is not None}

    def validate_idempotency_id(self, value: str | None) -> str | None:
        if value is not None and not is_key(value):
            raise serializers.ValidationError(WHAT_IS_A_KEY)
        return value


class TransferChange(InputSerializer):
    """Body of PUT /transfers/{id}: tags, replaced as a whole; left out, they stay."""

    tags = TagsField(required=False)


class TransferDocument(DocumentSerializer):
    """A transfer. `fee_profile` and the like are there once the apps that own them are."""

    kind = Transfer.KIND

    amount = serializers.IntegerField()
    amount_requested = serializers.IntegerField(source="amount")
    tags = serializers.DictField(child=serializers.CharField())
    state = serializers.CharField()
    trace_id = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    application = PublicIdField(Application, source="application_id")
    source = PublicIdField(PaymentInstrument, source="source_id")  # type: ignore[assignment]  # the same
    destination = serializers.SerializerMethodField()
    ready_to_settle_at = MomentField(allow_null=True)
    fee = serializers.IntegerField()
    statement_descriptor = serializers.CharField(allow_null=True)
    type = serializers.CharField()
    messages = serializers.ListField(child=serializers.CharField())
    raw = serializers.SerializerMethodField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)
    idempotency_id = serializers.CharField(allow_null=True)
    merchant = PublicIdField(Merchant, source="merchant_id")
    merchant_identity = PublicIdField(Identity, source="merchant_identity_id")
    subtype = serializers.CharField()
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    address_verification = serializers.CharField(allow_null=True)
    security_code_verification = serializers.CharField(allow_null=True)
    externally_funded = serializers.SerializerMethodField()

    def get_destination(self, _transfer: Transfer) -> str | None:
        """Null: a sale goes to its merchant."""
        return None

    def get_raw(self, _transfer: Transfer) -> dict[str, Any] | None:
        """Null, as documented for a sale; the portal shows the provider's own words to the platform."""
        return None

    def get_externally_funded(self, _transfer: Transfer) -> str:
        """Not told by the providers here."""
        return "UNKNOWN"
