"""Wire shape of tokens: what a browser or a phone learns of the card that was entered, and no more."""

from rest_framework import serializers

from api.documents import AnyField, DocumentSerializer, MomentField
from onboarding.models import Token


class TokenDocument(DocumentSerializer):
    """A token. It has no links and no tags, as documented."""

    kind = Token.KIND

    fingerprint = serializers.CharField()
    instrument_type = serializers.CharField()
    currency = serializers.CharField()
    expires_at = MomentField(read_only=True)

    def get_fields(self) -> dict[str, AnyField]:
        return {name: field for name, field in super().get_fields().items() if name != "_links"}
