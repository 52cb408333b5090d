import uuid
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import idempotency as keys
from api.documents import base_url
from api.errors import error_body
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs import idempotency
from jobs.idempotency import Answer
from onboarding.api.verifications import only_merchant
from onboarding.filters import InstrumentFilter
from onboarding.models import Identity, Merchant, PaymentInstrument
from onboarding.serializers.instruments import InstrumentDocument
from payments import services
from payments.filters import TransferFilter
from payments.models import Transfer
from payments.serializers.transfers import TransferChange, TransferDocument, TransferInput
from providers.attempts import NOT_EXECUTED
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.roles import Permission
from tenancy.transactions import transaction


class TransferViewSet(ResourceViewSet):
    """Movements of money."""

    resource = Transfer
    document_class = TransferDocument
    filter_class = TransferFilter
    embedded_key = "transfers"
    sortable: ClassVar = ("created_at", "updated_at", "amount")
    permissions: ClassVar = {
        "GET": Permission.VIEW_TRANSFERS,
        "POST": Permission.CREATE_TRANSFERS,
        "PUT": Permission.CREATE_TRANSFERS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": TransferInput, "PUT": TransferChange}

    def create(self, request: Request) -> Response | HttpResponse:
        """Charge a card for a merchant. A decline is 402, and the transfer exists as FAILED."""
        body = self.read_body(TransferInput).validated_data
        claim = idempotency.current()
        transfer = services.create_sale(
            merchant_id=self._merchant_id(body),
            source_id=body["source"],
            processor=body.get("processor"),
            amount=body["amount"],
            currency=body["currency"],
            fee=body.get("fee", 0),
            statement_descriptor=body.get("statement_descriptor"),
            security_code=body.get("security_code"),
            idempotency_id=claim.key if claim else None,
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        answer = claim.kept if claim and claim.kept else self.answer_of(transfer)
        return keys.answer_from(answer, request)

    def update(self, request: Request, pk: str) -> Response:
        """Replace the tags. Nothing else of a transfer changes."""
        del request
        with transaction(by=self.actor):
            transfer = self.find(pk)
        body = self.read_body(TransferChange).validated_data
        transfer = services.update_transfer(transfer=transfer, tags=body.get("tags"), by=self.actor, at=self.now())
        return Response(self.document_of(transfer))

    def answer_of(self, row: Transfer) -> Answer:
        if self.request.method == "PUT":
            return super().answer_of(row)
        if row.state in {Transfer.State.FAILED, Transfer.State.CANCELED}:
            body = error_body([_decline(row)], path=base_url(self.request) + self.request.path)
            return Answer(status.HTTP_402_PAYMENT_REQUIRED, keys.rendered(body))
        return Answer(status.HTTP_201_CREATED, keys.rendered(self.document_of(row)), is_final=row.is_decided)

    def as_it_is(self, key: Any) -> Answer | None:
        if self.request.method == "PUT":
            return super().as_it_is(key)
        with transaction(by=self.actor):
            row = Transfer.objects.visible_to(self.actor).filter(pk=key).first()
        return self.answer_of(row) if row is not None and row.is_decided else None

    def _merchant_id(self, body: Mapping[str, Any]) -> uuid.UUID:
        if "merchant" in body:
            key: uuid.UUID = body["merchant"]
            return key
        named = {"identity_id": body["merchant_identity"]}
        if "processor" in body:
            named["processor"] = body["processor"]
        with transaction(by=self.actor):
            approved = Merchant.objects.visible_to(self.actor).filter(processing_enabled=True, **named)
            return only_merchant(approved, "merchant_identity").pk


class _SubList(TransferViewSet):
    """Transfers of something else."""

    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS}


class ApplicationTransferViewSet(_SubList):
    """Transfers of one application."""

    tag = "applications"

    def visible(self) -> QuerySet[Transfer]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class IdentityTransferViewSet(_SubList):
    """Transfers of the merchants that one identity is."""

    tag = "identities"

    def visible(self) -> QuerySet[Transfer]:
        identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return super().visible().filter(merchant_identity=identity)


class InstrumentTransferViewSet(_SubList):
    """Transfers that charged one instrument."""

    tag = "payment_instruments"

    def visible(self) -> QuerySet[Transfer]:
        instrument = find(PaymentInstrument.objects.visible_to(self.actor), self.kwargs["instrument"])
        return super().visible().filter(source=instrument)


class TransferInstrumentViewSet(ResourceViewSet):
    """The instrument that a transfer charged. Who sees the transfer sees what may be shown of it."""

    resource = PaymentInstrument
    document_class = InstrumentDocument
    filter_class = InstrumentFilter
    embedded_key = "payment_instruments"
    tag = "transfers"
    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS}

    def visible(self) -> QuerySet[PaymentInstrument]:
        transfer = find(Transfer.objects.visible_to(self.actor), self.kwargs["transfer"])
        return PaymentInstrument.objects.filter(pk=transfer.source_id, application_id=transfer.application_id)


def _decline(transfer: Transfer) -> dict[str, Any]:
    is_decline = transfer.failure_code not in NOT_EXECUTED
    return {
        "code": "PAYMENT_DECLINED" if is_decline else "UPSTREAM_PROCESSOR_ERROR",
        "message": transfer.failure_message or "The payment was declined.",
        "failure_code": transfer.failure_code,
        "failure_message": transfer.failure_message,
        "transfer": transfer.public_id,
    }
