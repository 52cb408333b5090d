"""Wire shapes of applications, their processors, users and profiles."""

from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, Flag, FreeObject, InputSerializer, PublicId, TagsField, Text, WholeNumber
from onboarding.models import Identity
from onboarding.serializers.entities import EntityInput
from tenancy.models import (
    ApiUser,
    Application,
    ApplicationProfile,
    MerchantProfile,
    Processor,
    RiskProfile,
)
from tenancy.roles import Role
from tenancy.services import LONGEST_OVERLAP

SETTLE_UPON = Application.SettleUpon.values


class ApplicationInput(InputSerializer):
    """Body of POST /applications: the user that will own it, and the owner's business and person."""

    user = PublicId(ApiUser)
    entity = EntityInput()
    tags = TagsField(required=False)


class ApplicationUpdate(InputSerializer):
    """Body of PUT /applications/{id}: what is left out keeps its value."""

    name = Text(max_length=120, required=False)
    enabled = Flag(required=False)
    processing_enabled = Flag(required=False)
    settlement_enabled = Flag(required=False)
    card_cvv_required = Flag(required=False)
    card_expiration_date_required = Flag(required=False)
    bank_account_required = Flag(required=False)
    maker_checker_enabled = Flag(required=False)
    creating_transfer_from_report_enabled = Flag(required=False)
    settlement_funding_identifier = Choice(choices=Application.FundingIdentifier.values, required=False)
    ready_to_settle_upon = Choice(choices=SETTLE_UPON, required=False, allow_null=True)
    fee_ready_to_settle_upon = Choice(choices=SETTLE_UPON, required=False)
    idempotency_mode = Choice(choices=Application.IdempotencyMode.values, required=False)
    tags = TagsField(required=False)


class ApplicationDocument(DocumentSerializer):
    kind = Application.KIND

    enabled = serializers.BooleanField()
    tags = serializers.DictField(child=serializers.CharField())
    owner = PublicIdField(Identity, source="owner_id", allow_null=True)
    name = serializers.CharField()
    processing_enabled = serializers.BooleanField()
    settlement_enabled = serializers.BooleanField()
    creating_transfer_from_report_enabled = serializers.BooleanField()
    card_expiration_date_required = serializers.BooleanField()
    card_cvv_required = serializers.BooleanField()
    bank_account_required = serializers.BooleanField()
    maker_checker_enabled = serializers.BooleanField()
    settlement_funding_identifier = serializers.CharField()
    ready_to_settle_upon = serializers.CharField(allow_null=True)
    fee_ready_to_settle_upon = serializers.CharField()
    idempotency_mode = serializers.CharField()


class ProcessorInput(InputSerializer):
    """Body of POST /applications/{id}/processors. Free keys of `config` are kept and echoed."""

    type = Choice(choices=Processor.Name.values)
    config = FreeObject(required=False)


class ProcessorUpdate(InputSerializer):
    """Body of PUT /applications/{id}/processors/{name}: settings that are left out keep their values."""

    enabled = Flag(required=False)
    config = FreeObject(required=False)
    application_config = FreeObject(required=False)


class ProcessorDocument(DocumentSerializer):
    """A processor of an application. Unlike other resources it has no tags."""

    kind = Processor.KIND

    application = PublicIdField(Application, source="application_id")
    default_merchant_profile = PublicIdField(MerchantProfile, source="default_merchant_profile_id")
    application_config = serializers.DictField()
    system_config = serializers.SerializerMethodField()
    processor = serializers.CharField()
    config = serializers.DictField()
    enabled = serializers.BooleanField()

    def get_system_config(self, _processor: Processor) -> dict[str, Any] | None:
        """Always null: a remote provider's own settings are not ours to show."""
        return None


class UserInput(InputSerializer):
    """Body of POST /users. Roles may be sent without `ROLE_`."""

    role = serializers.CharField()
    tags = TagsField(required=False)

    def validate_role(self, value: Any) -> Role:
        known = {role.value: role for role in Role}
        text = str(value).strip().upper()
        found = known.get(text) or known.get(f"ROLE_{text}")
        if found is None:
            raise serializers.ValidationError(f"One of {', '.join(known)} is needed")
        return found


class TenantUserInput(InputSerializer):
    """Body of POST /applications/{id}/users and /identities/{id}/users; may be empty."""

    tags = TagsField(required=False)


class UserUpdate(InputSerializer):
    """Body of PUT /users/{id}."""

    enabled = Flag(required=False)
    tags = TagsField(required=False)


class UserSecretInput(InputSerializer):
    """Body of POST /users/{id}/secret; may be empty: the old secret then opens for a day longer."""

    overlap_seconds = WholeNumber(min_value=0, max_value=int(LONGEST_OVERLAP.total_seconds()), required=False)


class UserDocument(DocumentSerializer):
    """An API user. `password` holds the secret in the answer to its creation or rotation, and null ever after."""

    kind = ApiUser.KIND

    password = serializers.SerializerMethodField()
    identity = PublicIdField(Identity, source="identity_id", allow_null=True)
    enabled = serializers.BooleanField()
    role = serializers.CharField()
    tags = serializers.DictField(child=serializers.CharField())
    last_used_at = MomentField(allow_null=True)
    previous_password_until = MomentField(source="previous_secret_until", allow_null=True)

    def get_password(self, _user: ApiUser) -> str | None:
        secret = self.context.get("secret")
        return secret.reveal() if secret else None


class ProfileUpdate(InputSerializer):
    """Body of PUT /application_profiles/{id}."""

    risk_profile = PublicId(RiskProfile, required=False)
    tags = TagsField(required=False)


class MerchantProfileUpdate(ProfileUpdate):
    """Body of PUT /merchant_profiles/{id}. Null for the risk profile leaves it to the application."""

    risk_profile = PublicId(RiskProfile, required=False, allow_null=True)


class ApplicationProfileDocument(DocumentSerializer):
    kind = ApplicationProfile.KIND

    tags = serializers.DictField(child=serializers.CharField())
    application = PublicIdField(Application, source="application_id")
    risk_profile = PublicIdField(RiskProfile, source="risk_profile_id")


class MerchantProfileDocument(ApplicationProfileDocument):
    """A merchant's profiles, of a row read `with_effective()`: what is not its own is its application's."""

    kind = MerchantProfile.KIND

    risk_profile = PublicIdField(RiskProfile, source="effective_risk_profile_id")


class RiskProfileUpdate(InputSerializer):
    """Body of PUT /risk_profiles/{id}. `cvv_failure_allowed` is read as `csc_failure_allowed`."""

    avs_failure_allowed = Flag(required=False)
    csc_failure_allowed = Flag(required=False)
    cvv_failure_allowed = Flag(required=False)
    tags = TagsField(required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        alias = attrs.pop("cvv_failure_allowed", None)
        if alias is not None and attrs.setdefault("csc_failure_allowed", alias) != alias:
            raise serializers.ValidationError({"cvv_failure_allowed": ["Says another thing than csc_failure_allowed"]})
        return attrs


class RiskProfileDocument(DocumentSerializer):
    kind = RiskProfile.KIND

    tags = serializers.DictField(child=serializers.CharField())
    application = PublicIdField(Application, source="application_id")
    avs_failure_allowed = serializers.BooleanField()
    csc_failure_allowed = serializers.BooleanField()
