from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from onboarding import services
from onboarding.filters import ReviewFilter
from onboarding.models import ReviewItem
from onboarding.serializers.reviews import ReviewInput, ReviewItemDocument
from tenancy.roles import Permission
from tenancy.transactions import transaction


class ReviewQueueViewSet(ResourceViewSet):
    """Merchants that their processor holds, and settlements, until a person has decided."""

    resource = ReviewItem
    document_class = ReviewItemDocument
    filter_class = ReviewFilter
    embedded_key = "review_queue_items"
    tag = "review_queue"
    permissions: ClassVar = {
        "GET": Permission.VIEW_REVIEWS,
        "PUT": Permission.DECIDE_REVIEWS,
        "POST": Permission.DECIDE_REVIEWS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": ReviewInput, "POST": ReviewInput}

    def visible(self) -> QuerySet[ReviewItem]:
        return super().visible().select_related("application")

    def update(self, request: Request, pk: str) -> Response:
        """Approve or reject, take into review or put back; a rejection needs a reason."""
        del request
        with transaction(by=self.actor):
            item = self.find(pk)
        body = self.read_body(ReviewInput).validated_data
        self.reviewed = services.review(
            item=item,
            outcome=body.get("outcome"),
            reason=body.get("reason") or "",
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        return Response(self.document_of(self.reviewed))

    def answer_of(self, row: ReviewItem) -> Answer:
        return replace(super().answer_of(row), status=200, is_final=not self._is_under_way(row))

    def kept(self, response: Response) -> Answer:
        return replace(super().kept(response), is_final=not self._is_under_way(self.reviewed))

    def as_it_is(self, key: Any) -> Answer | None:
        with transaction(by=self.actor):
            row = self.visible().filter(pk=key).first()
        return None if row is None or self._is_under_way(row) else self.answer_of(row)

    @staticmethod
    def _is_under_way(item: ReviewItem) -> bool:
        """Whether a decision was given that the processor has not taken yet."""
        return item.is_open and bool(item.decision)
