"""Wire shapes of merchants."""

import re
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, Flag, InputSerializer, ParsedText, TagsField, Text
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

    Null for `ready_to_settle_upon` leaves it to the application. `surcharge_fees_enabled` is read as
    `surcharges_enabled`.
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
    level_two_level_three_data_enabled = Flag(required=False)
    convenience_charges_enabled = Flag(required=False)
    rent_surcharges_enabled = Flag(required=False)
    surcharges_enabled = Flag(required=False)
    surcharge_fees_enabled = Flag(required=False)
    default_partial_authorization_enabled = Flag(required=False)
    tags = TagsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        alias = attrs.pop("surcharge_fees_enabled", None)
        if alias is not None and attrs.setdefault("surcharges_enabled", alias) != alias:
            refusal = ["Says another thing than surcharges_enabled"]
            raise serializers.ValidationError({"surcharge_fees_enabled": refusal})
        return attrs


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
    level_two_level_three_data_enabled = serializers.BooleanField()
    convenience_charges_enabled = serializers.BooleanField()
    rent_surcharges_enabled = serializers.BooleanField()
    surcharges_enabled = serializers.BooleanField()
    default_partial_authorization_enabled = serializers.BooleanField()
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
    rejection_reasons = serializers.ListField(child=serializers.CharField())
    processor_details = serializers.DictField()

    def get_ready_to_settle_upon(self, merchant: Merchant) -> str | None:
        """The effective one; null until the merchant was decided upon."""
        if self.context.get("is_creation") or merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING:
            return None
        return merchant.ready_to_settle_upon or merchant.application.ready_to_settle_upon or "RECONCILIATION"
