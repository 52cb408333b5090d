from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework.request import Request

from api import idempotency as keys
from api.inputs import InputSerializer
from jobs import idempotency
from payments import services
from payments.api.transfers import TransferViewSet
from payments.models import Transfer
from payments.serializers.transfers import ReversalInput
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.roles import Permission
from tenancy.transactions import transaction


class ReversalViewSet(TransferViewSet):
    """What was given back of one transfer."""

    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS, "POST": Permission.REFUND_TRANSFERS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": ReversalInput}

    def visible(self) -> QuerySet[Transfer]:
        return super().visible().filter(parent=self._parent())

    def create(self, request: Request, **_: Any) -> HttpResponse:
        """Give back a sale, whole or in part. A decline is 402, and the reversal exists as FAILED."""
        with transaction(by=self.actor):
            parent = self._parent()
        body = self.read_body(ReversalInput).validated_data
        claim = idempotency.current()
        reversal = services.create_reversal(
            transfer=parent,
            amount=body["refund_amount"],
            idempotency_id=claim.key if claim else None,
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        answer = claim.kept if claim and claim.kept else self.answer_of(reversal)
        return keys.answer_from(answer, request)

    def _parent(self) -> Transfer:
        found: Transfer = find(Transfer.objects.visible_to(self.actor), self.kwargs["transfer"])
        return found


class ApplicationReversalViewSet(TransferViewSet):
    """What was given back within one application."""

    tag = "applications"
    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {}

    def visible(self) -> QuerySet[Transfer]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk, type=Transfer.Type.REVERSAL)
