"""Wire shapes of merchants and their verifications."""

import re
from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, Flag, InputSerializer, ParsedText, PublicId, TagsField, Text
from onboarding.models import Identity, Merchant, Verification
from tenancy.models import Application, MerchantProfile

_SETTLE_UPON = Application.SettleUpon.values


class ProcessorName(ParsedText):
    """The name of a processor, in any case. Whether the application may use it is for the service to say."""

    def parse(self, text: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_]{1,40}", text):
            raise serializers.ValidationError("Must be the name of a processor")
        return text.upper()


class MerchantInput(InputSerializer):
    """Body of POST /identities/{id}/merchants; without a processor, the application's only enabled one."""

    processor = ProcessorName(required=False, allow_null=True)
    tags = TagsField(required=False)


class MerchantUpdate(InputSerializer):
    """Body of PUT /merchants/{id}: what is left out keeps its value.

    Null for `ready_to_settle_upon` leaves it to the application.
    """

    processing_enabled = Flag(required=False)
    settlement_enabled = Flag(required=False)
    ready_to_settle_upon = Choice(choices=_SETTLE_UPON, required=False, allow_null=True)
    fee_ready_to_settle_upon = Choice(choices=_SETTLE_UPON, required=False)
    card_cvv_required = Flag(required=False)
    card_expiration_date_required = Flag(required=False)
    creating_transfer_from_report_enabled = Flag(required=False)
    merchant_name = Text(max_length=120, required=False)
    settlement_funding_identifier = Choice(choices=Application.FundingIdentifier.values, required=False)
    tags = TagsField(required=False)


class VerificationInput(InputSerializer):
    """Body of POST /merchants/{id}/verifications; may be empty."""

    processor = ProcessorName(required=False, allow_null=True)
    tags = TagsField(required=False)


class IdentityVerificationInput(VerificationInput):
    """Body of POST /identities/{id}/verifications. `merchant` tells which one, where the identity has several."""

    merchant = PublicId(Merchant, required=False, allow_null=True)


class VerificationTargetInput(VerificationInput):
    """Body of POST /verifications: of a merchant, or of an identity that has only one."""

    merchant = PublicId(Merchant, required=False, allow_null=True)
    identity = PublicId(Identity, required=False, allow_null=True)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        named = [name for name in ("merchant", "identity") if data.get(name) is not None]
        if len(named) > 1:
            return {"identity": ["Name either a merchant or an identity"]}
        return {} if named else {"merchant": ["This field is required."]}


class MerchantDocument(DocumentSerializer):
    """A merchant. The row needs its `application` joined: what the merchant leaves open, the application decides.

    With `is_creation` in the context it is the answer to its creation, which shows no `ready_to_settle_upon` yet.
    """

    kind = Merchant.KIND

    application = PublicIdField(Application, source="application_id")
    identity = PublicIdField(Identity, source="identity_id")
    verification = PublicIdField(Verification, source="verification_id", allow_null=True)
    merchant_profile = PublicIdField(MerchantProfile, source="merchant_profile_id")
    processor = serializers.CharField()
    processing_enabled = serializers.BooleanField()
    settlement_enabled = serializers.BooleanField()
    gross_settlement_enabled = serializers.BooleanField()
    creating_transfer_from_report_enabled = serializers.BooleanField()
    card_expiration_date_required = serializers.BooleanField()
    card_cvv_required = serializers.BooleanField()
    tags = serializers.DictField(child=serializers.CharField())
    mcc = serializers.CharField(allow_null=True)
    mid = serializers.CharField(allow_null=True)
    merchant_name = serializers.CharField(allow_null=True)
    settlement_funding_identifier = serializers.CharField()
    ready_to_settle_upon = serializers.SerializerMethodField()
    fee_ready_to_settle_upon = serializers.CharField()
    created_at = MomentField(read_only=True)
    updated_at = MomentField(read_only=True)
    onboarding_state = serializers.CharField()
    processor_details = serializers.DictField()

    def get_ready_to_settle_upon(self, merchant: Merchant) -> str | None:
        """The effective one; null until the merchant was decided upon."""
        if self.context.get("is_creation") or merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING:
            return None
        return merchant.ready_to_settle_upon or merchant.application.ready_to_settle_upon or "RECONCILIATION"


class _Findings(serializers.DictField):
    """What the processor found, for those who may see it; null to others."""

    def to_representation(self, value: Any) -> Any:
        return value if self.context.get("shows_raw") else None


class _Never(serializers.CharField):
    """Null in every row."""

    def get_attribute(self, _instance: Any) -> None:
        return None


class VerificationDocument(DocumentSerializer):
    """A verification of a merchant. `raw` is null unless `shows_raw` is in the context: it is for the platform only."""

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
    payment_instrument = _Never(allow_null=True)
    merchant = PublicIdField(Merchant, source="merchant_id")
    merchant_identity = PublicIdField(Identity, source="merchant_identity_id")
    identity = _Never(allow_null=True)
