"""Wire shapes of the review queue."""

from collections.abc import Mapping
from typing import Any

from rest_framework import serializers

from api.documents import DocumentSerializer, MomentField, PublicIdField
from api.inputs import Choice, InputSerializer, TagsField, Text
from onboarding.models import ReviewItem
from onboarding.models.reviews import LONGEST_REASON
from onboarding.services.reviews import public_id_of
from tenancy.models import Application

_ALIASES = {"APPROVED": ReviewItem.Outcome.ACCEPTED.value}


class ReviewInput(InputSerializer):
    """Body of PUT and POST /review_queue/{id}: what is left out keeps its value. APPROVED is read as ACCEPTED."""

    outcome = Choice(choices=[*ReviewItem.Outcome.values, *_ALIASES], required=False)
    reason = Text(max_length=LONGEST_REASON, required=False, allow_null=True)
    tags = TagsField(required=False)

    def validate_outcome(self, value: str) -> str:
        return _ALIASES.get(value, value)

    def errors_across(self, data: Mapping[str, Any]) -> Mapping[str, list[str]]:
        reason = str(data.get("reason") or "").strip()
        if data.get("outcome") == ReviewItem.Outcome.REJECTED and not reason:
            return {"reason": ["Say why: the merchant reads it."]}
        if "outcome" not in data and reason:
            return {"reason": ["Is of an outcome; send the two together"]}
        return {}


class ReviewItemDocument(DocumentSerializer):
    """An item of the review queue.

    `reviewed_by` is the id of an API user or the name of a person; null where nobody has decided, or the processor has.
    """

    kind = ReviewItem.KIND

    application = PublicIdField(Application, source="application_id")
    entity_id = serializers.SerializerMethodField()
    entity_type = serializers.CharField()
    outcome = serializers.CharField()
    processor_type = serializers.CharField()
    review_type = serializers.CharField()
    reviewed_by = serializers.SerializerMethodField()
    completed_at = MomentField(allow_null=True)
    reason = serializers.SerializerMethodField()
    tags = serializers.DictField(child=serializers.CharField())

    def get_entity_id(self, item: ReviewItem) -> str:
        """Of the merchant, or of what waits on its behalf."""
        return public_id_of(item)

    def get_reviewed_by(self, item: ReviewItem) -> str | None:
        """Of a decision that stands, not of one that the processor has still to take."""
        return None if item.is_open and item.decision else item.reviewed_by_name or None

    def get_reason(self, item: ReviewItem) -> str | None:
        return None if item.is_open else item.reason or None
