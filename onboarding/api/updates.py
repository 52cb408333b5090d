from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from onboarding import services
from onboarding.filters import InstrumentUpdateFilter
from onboarding.models import InstrumentUpdate, PaymentInstrument
from onboarding.serializers.updates import InstrumentUpdateDocument, InstrumentUpdateInput
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction


class InstrumentUpdateViewSet(ResourceViewSet):
    """Questions to card issuers whether a card has a new number or date."""

    resource = InstrumentUpdate
    document_class = InstrumentUpdateDocument
    filter_class = InstrumentUpdateFilter
    embedded_key = "updates"
    always_offset = True
    permissions: ClassVar = {"GET": Permission.VIEW_INSTRUMENTS}

    def answer_of(self, row: InstrumentUpdate) -> Answer:
        return replace(super().answer_of(row), is_final=row.state != InstrumentUpdate.State.PENDING)

    def kept(self, response: Response) -> Answer:
        return replace(super().kept(response), is_final=response.data["state"] != InstrumentUpdate.State.PENDING)


class CardUpdateViewSet(InstrumentUpdateViewSet):
    """Updates of one card."""

    tag = "payment_instruments"
    permissions: ClassVar = {"GET": Permission.VIEW_INSTRUMENTS, "POST": Permission.MANAGE_INSTRUMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": InstrumentUpdateInput}

    def visible(self) -> QuerySet[InstrumentUpdate]:
        return super().visible().filter(payment_instrument=self._card())

    def create(self, request: Request, **_: Any) -> Response:
        """Ask the card's issuer, for a merchant, about a new number or date; it answers within days."""
        del request
        with transaction(by=self.actor):
            card = self._card()
        body = self.read_body(InstrumentUpdateInput).validated_data
        update = services.update_card(
            instrument=card, merchant_id=body["merchant"], tags=body.get("tags"), by=self.actor, at=self.now()
        )
        return Response(self.document_of(update), status=status.HTTP_201_CREATED)

    def _card(self) -> PaymentInstrument:
        found: PaymentInstrument = find(
            PaymentInstrument.objects.visible_to(self.actor), self.kwargs["payment_instrument"]
        )
        return found
