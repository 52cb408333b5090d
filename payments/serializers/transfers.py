"""Wire shapes of transfers."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, InputSerializer, PublicId, TagsField, Text, WholeNumber
from jobs.idempotency import WHAT_IS_A_KEY, is_key
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import LettersField, SecurityCodeField
from onboarding.serializers.merchants import ProcessorName
from payments.models import Transfer
from payments.serializers.card_payments import CardPaymentInput
from payments.services import Purpose
from tenancy.models import Application

LARGEST = 999_999_999_999
_KEYS = ("SALE", *Transfer.OperationKey.values)
_KEYS_TO_COME = (
    "CARD_PRESENT_AUTHORIZATION",
    "CARD_PRESENT_DEBIT",
    "CARD_PRESENT_SALE",
    "CARD_PRESENT_UNREFERENCED_REFUND",
    "UNREFERENCED_REFUND",
)
"""Documented, and named in the refusal as what is not offered rather than as a slip of the pen."""
_PURPOSES: dict[str, Purpose] = {
    Transfer.OperationKey.PUSH_TO_CARD: Purpose.PUSH,
    Transfer.OperationKey.PULL_FROM_CARD: Purpose.PULL,
}
NOT_OFFERED = (
    "additional_buyer_charges",
    "additional_healthcare_data",
    "adjustment_request",
    "cashback_amount",
    "device",
    "device_configuration",
    "fraud_session_id",
    "hsa_fsa_payment",
    "split_transfers",
    "supplemental_fee",
    "tip_amount",
)
"""Members that would move money, or judge it, otherwise than told here; refused, never silently left out."""
_OF_SALES = ("3d_secure_authentication", "additional_purchase_data", "fee", "security_code", "statement_descriptor")
"""Members that mean nothing for what is no sale."""
_ENDS = ("source", "destination")
_ADJUSTMENTS = frozenset({"MERCHANT_CREDIT_ADJUSTMENT", "MERCHANT_DEBIT_ADJUSTMENT"})
"""Keys of what the operator gives or takes; no instrument is part of it, and nothing of a sale."""
_SAYS_NOTHING: tuple[Any, ...] = (None, "", [], False, {}, 0, "0")


def not_offered(data: Mapping[str, Any], *names: str) -> dict[str, list[str]]:
    """The refusals of members that ask for something that is not offered."""
    return {name: ["Is not offered here"] for name in names if data.get(name) not in _SAYS_NOTHING}


class OperationKeyField(Choice):
    """What kind of transfer is meant."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and data.strip().upper() in _KEYS_TO_COME:
            raise serializers.ValidationError("Is not offered here")
        return super().to_internal_value(data)


class IdempotencyIdField(Text):
    """A key of the caller's own choice."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"required": False, "allow_null": True, "trim_whitespace": False, **options})

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if not is_key(text):
            raise serializers.ValidationError(WHAT_IS_A_KEY)
        return text


class TransferInput(CardPaymentInput):
    """Body of POST /transfers: a sale, a push to a card, a pull from one, or an adjustment. Amounts are minor units.

    A sale names its merchant, or the merchant's identity; without one, a push or pull is for the owner of the card. An
    adjustment has a merchant alone: no card is part of it.
    """

    source = PublicId(PaymentInstrument, required=False, allow_null=True)  # type: ignore[assignment]  # a member of this name hides DRF's attribute
    destination = PublicId(PaymentInstrument, required=False, allow_null=True)
    operation_key = OperationKeyField(choices=_KEYS, required=False, allow_null=True)
    merchant = PublicId(Merchant, required=False, allow_null=True)
    merchant_identity = PublicId(Identity, required=False, allow_null=True)
    processor = ProcessorName(required=False, allow_null=True)
    amount = WholeNumber(min_value=1, max_value=LARGEST)
    currency = LettersField(what="currency")
    fee = WholeNumber(min_value=0, max_value=LARGEST, required=False, allow_null=True)
    statement_descriptor = Text(max_length=20, required=False, allow_null=True)
    security_code = SecurityCodeField(required=False, allow_null=True, write_only=True)
    idempotency_id = IdempotencyIdField()
    tags = TagsField(required=False)

    @property
    def is_adjustment(self) -> bool:
        """Of a body that is valid."""
        return _key_of(self.validated_data) in _ADJUSTMENTS

    @property
    def purpose(self) -> Purpose:
        """Of a body that is valid."""
        return _purpose_of(self.validated_data)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        errors = not_offered(data, *NOT_OFFERED)
        if _key_of(data) in _KEYS_TO_COME:
            return errors
        is_adjustment, purpose = _key_of(data) in _ADJUSTMENTS, _purpose_of(data)
        errors |= not_offered(data, *_ENDS) if is_adjustment else _wrong_ends(data, purpose)
        named = [name for name in ("merchant", "merchant_identity") if data.get(name) is not None]
        if len(named) > 1:
            errors["merchant_identity"] = ["Name either the merchant or its identity"]
        if is_adjustment or purpose.is_visa_direct:
            errors |= not_offered(data, *_OF_SALES)
        if not named and (is_adjustment or not purpose.is_visa_direct):
            errors["merchant"] = ["This field is required."]
        return errors

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values = super().to_internal_value(data)
        if (values.get("fee") or 0) > values["amount"]:
            raise serializers.ValidationError({"fee": ["The fee is at most the amount"]})
        return {name: value for name, value in values.items() if value is not None}


def _key_of(data: Mapping[str, Any]) -> str:
    return str(data.get("operation_key") or "").strip().upper()


def _purpose_of(data: Mapping[str, Any]) -> Purpose:
    if data.get("destination") is not None:
        return Purpose.PUSH
    return _PURPOSES.get(_key_of(data), Purpose.SALE)


def _wrong_ends(data: Mapping[str, Any], purpose: Purpose) -> dict[str, list[str]]:
    """Money comes from a source or goes to a destination, as the operation key has it."""
    if data.get("source") is not None and data.get("destination") is not None:
        return {"destination": ["Name either a source or a destination"]}
    if data.get(purpose.side) is None:
        return {purpose.side: ["This field is required."]}
    if purpose is Purpose.PUSH and _key_of(data) not in {"", Transfer.OperationKey.PUSH_TO_CARD}:
        return {"operation_key": ["With a destination it is PUSH_TO_CARD"]}
    return {}


class ReversalInput(InputSerializer):
    """Body of POST /transfers/{id}/reversals: minor units of a sale that are given back."""

    refund_amount = WholeNumber(min_value=1, max_value=LARGEST)
    idempotency_id = IdempotencyIdField()
    tags = TagsField(required=False)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        return not_offered(data, *NOT_OFFERED, "operation_key")


class TransferChange(InputSerializer):
    """Body of PUT /transfers/{id}: tags, replaced as a whole; left out, they stay."""

    tags = TagsField(required=False)


class TransferDocument(DocumentSerializer):
    """A transfer; call it on a reversal only where its parent was read with it.

    What was found by 3-D Secure is not shown, and its proof nowhere.
    `fee_profile` and the like are there once the apps that own them are.
    """

    kind = Transfer.KIND

    amount = serializers.IntegerField()
    amount_requested = serializers.IntegerField(source="amount")
    tags = serializers.DictField(child=serializers.CharField())
    state = serializers.CharField()
    trace_id = serializers.CharField(allow_null=True)
    currency = serializers.CharField()
    application = PublicIdField(Application, source="application_id")
    source = PublicIdField(PaymentInstrument, source="source_id", allow_null=True)  # type: ignore[assignment]  # the same
    destination = PublicIdField(PaymentInstrument, source="destination_id", allow_null=True)
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
    operation_key = serializers.CharField(allow_null=True)
    parent_transfer = PublicIdField(Transfer, source="parent_id", allow_null=True)
    parent_transfer_trace_id = serializers.SerializerMethodField()
    failure_code = serializers.CharField(allow_null=True)
    failure_message = serializers.CharField(allow_null=True)
    address_verification = serializers.CharField(allow_null=True)
    security_code_verification = serializers.CharField(allow_null=True)
    additional_purchase_data = serializers.DictField(allow_null=True)
    externally_funded = serializers.SerializerMethodField()

    def get_parent_transfer_trace_id(self, transfer: Transfer) -> str | None:
        """That of the sale which a reversal gives back."""
        return transfer.parent.trace_id if transfer.parent is not None else None

    def get_raw(self, _transfer: Transfer) -> dict[str, Any] | None:
        """Null, as documented for a sale; the portal shows the provider's own words to the platform."""
        return None

    def get_externally_funded(self, _transfer: Transfer) -> str:
        """Not told by the providers here."""
        return "UNKNOWN"
