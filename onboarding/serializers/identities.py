"""Wire shapes of identities."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, PublicIdField
from api.inputs import InputSerializer, PublicId, TagsField
from onboarding.models import Identity
from onboarding.serializers.entities import AddressField, DayField, EntityInput, OwnerEntity
from onboarding.serializers.underwriting import UnderwritingData
from onboarding.underwriting import missing_members
from tenancy.models import Application


class _IdentityBody(InputSerializer):
    """Names what is missing from the form beside what cannot be read, so that a caller sees all of it at once."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        try:
            values: dict[str, Any] = super().to_internal_value(data)
        except serializers.ValidationError as error:
            entity = data.get("entity") if isinstance(data, Mapping) else None
            if not isinstance(entity, Mapping):
                raise
            refused: Any = error.detail
            unread = refused.get("entity", {})
            missing = missing_members(_as_read(entity, unread), present=self.instance)
            raise serializers.ValidationError(_merged({"entity": missing}, refused)) from error
        if missing := missing_members(values.get("entity", {}), present=self.instance):
            raise serializers.ValidationError({"entity": missing})
        return values


class IdentityInput(_IdentityBody):
    """Body of POST /identities: with `business_type` the full underwriting form, without it everything is optional."""

    entity = EntityInput()
    application = PublicId(Application, required=False)
    additional_underwriting_data = UnderwritingData(required=False, allow_null=True)
    tags = TagsField(required=False)


class IdentityUpdate(_IdentityBody):
    """Body of PUT /identities/{id}: members that are left out keep their values; tags are replaced as a whole."""

    entity = EntityInput(required=False)
    additional_underwriting_data = UnderwritingData(required=False, allow_null=True)
    tags = TagsField(required=False)


class AssociatedIdentityInput(InputSerializer):
    """Body of POST /identities/{id}/associated_identities: a person who owns a share of the business."""

    entity = OwnerEntity()
    tags = TagsField(required=False)


def _as_read(entity: Mapping[str, Any], unread: Mapping[str, Any]) -> dict[str, Any]:
    """A body of which not all can be read, as far as it tells what it lacks: texts as the fields trim them.

    Whoever names a business type, though none that there is, means a merchant.
    """
    told = {name: (value.strip() or None) if isinstance(value, str) else value for name, value in entity.items()}
    return told | {"business_type": Identity.BusinessType.CORPORATION} if "business_type" in unread else told


def _merged(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Both sides' errors; where both have some of a nested object, the objects are merged, else the other's count."""
    both = {
        name: _merged(one[name], errors) if isinstance(errors, dict) and isinstance(one.get(name), dict) else errors
        for name, errors in other.items()
    }
    return {**one, **both}


class _EntityDocument(serializers.Serializer[Identity]):
    """The `entity` as it is answered. Tax ids never are: only whether they were given."""

    title = serializers.CharField(allow_null=True)
    first_name = serializers.CharField(allow_null=True)
    last_name = serializers.CharField(allow_null=True)
    email = serializers.CharField(allow_null=True)
    business_name = serializers.CharField(allow_null=True)
    business_type = serializers.CharField(allow_null=True)
    doing_business_as = serializers.CharField(allow_null=True)
    phone = serializers.CharField(allow_null=True)
    business_phone = serializers.CharField(allow_null=True)
    personal_address = AddressField(allow_null=True)
    business_address = AddressField(allow_null=True)
    mcc = serializers.CharField(allow_null=True)
    dob = DayField(allow_null=True)
    max_transaction_amount = serializers.IntegerField()
    ach_max_transaction_amount = serializers.IntegerField()
    amex_mid = serializers.IntegerField(allow_null=True)
    discover_mid = serializers.IntegerField(allow_null=True)
    url = serializers.CharField(allow_null=True)
    annual_card_volume = serializers.IntegerField()
    has_accepted_credit_cards_previously = serializers.BooleanField()
    incorporation_date = DayField(allow_null=True)
    principal_percentage_ownership = serializers.IntegerField(allow_null=True)
    short_business_name = serializers.CharField(allow_null=True)
    ownership_type = serializers.CharField(allow_null=True)
    tax_authority = serializers.CharField(allow_null=True)
    tax_id_provided = serializers.BooleanField()
    business_tax_id_provided = serializers.BooleanField()
    default_statement_descriptor = serializers.CharField(allow_null=True)


class IdentityDocument(DocumentSerializer):
    """An identity. The row needs `dob` beside it, opened from the vault for all rows of an answer at once."""

    kind = Identity.KIND

    application = PublicIdField(Application, source="application_id")
    entity = _EntityDocument(source="*")
    additional_underwriting_data = serializers.DictField(allow_null=True)
    tags = serializers.DictField(child=serializers.CharField())
