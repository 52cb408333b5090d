import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import Q, QuerySet, prefetch_related_objects
from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import idempotency as keys
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs import idempotency
from jobs.idempotency import Answer
from onboarding.filters import InstrumentFilter
from onboarding.models import Identity, PaymentInstrument
from onboarding.serializers.instruments import InstrumentDocument
from payments import services
from payments.api.declines import declined
from payments.api.payees import merchant_of
from payments.filters import TransferFilter
from payments.models import Transfer
from payments.serializers.transfers import TransferChange, TransferDocument, TransferInput
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Processor
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

    def create(self, request: Request, **_: Any) -> HttpResponse:
        """Charge a card or bank account for a merchant; pull money from a card, or push it to one.

        A decline is 402, and the transfer exists as FAILED. The platform credits or debits a merchant, too.
        """
        read = self.read_body(TransferInput)
        body = read.validated_data
        claim = idempotency.current()
        asked: dict[str, Any] = {
            "amount": body["amount"],
            "currency": body["currency"],
            "processor": body.get("processor"),
            "idempotency_id": claim.key if claim else None,
            "tags": body.get("tags"),
            "by": self.actor,
            "at": self.now(),
        }
        if read.is_adjustment:
            transfer = services.create_adjustment(
                operation_key=body["operation_key"], merchant_id=merchant_of(body, by=self.actor), **asked
            )
        elif (purpose := read.purpose).is_visa_direct:
            transfer = services.create_visa_direct(
                purpose=purpose,
                instrument_id=body[purpose.side],
                merchant_id=self._recipient_id(body),
                **asked,
            )
        else:
            transfer = services.create_sale(
                merchant_id=merchant_of(body, by=self.actor),
                source_id=body["source"],
                fee=body.get("fee", 0),
                statement_descriptor=body.get("statement_descriptor"),
                security_code=body.get("security_code"),
                three_d_secure=body.get("three_d_secure"),
                additional_purchase_data=body.get("additional_purchase_data"),
                **asked,
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

    def prepare(self, rows: Sequence[Transfer]) -> None:
        """A reversal tells the trace id of what it gives back."""
        if reversals := [row for row in rows if row.parent_id is not None]:
            prefetch_related_objects(reversals, "parent")

    def answer_of(self, row: Transfer) -> Answer:
        if self.request.method == "PUT":
            return super().answer_of(row)
        if row.has_failed:
            return declined(row, self.request)
        return Answer(status.HTTP_201_CREATED, keys.rendered(self.document_of(row)), is_final=row.is_decided)

    def as_it_is(self, key: Any) -> Answer | None:
        if self.request.method == "PUT":
            return super().as_it_is(key)
        with transaction(by=self.actor):
            row = Transfer.objects.visible_to(self.actor).filter(pk=key).first()
            if row is None or not row.is_decided:
                return None
            self.prepare([row])
        return self.answer_of(row)

    def _recipient_id(self, body: Mapping[str, Any]) -> uuid.UUID | None:
        """Whose money goes to a card or comes from it; where nobody is named, the card's owner is meant."""
        if not body.keys() & {"merchant", "merchant_identity"}:
            return None
        return merchant_of({"processor": Processor.Name.VISA_V1, **body}, by=self.actor)


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
    """Transfers from one instrument, or to it."""

    tag = "payment_instruments"

    def visible(self) -> QuerySet[Transfer]:
        instrument = find(PaymentInstrument.objects.visible_to(self.actor), self.kwargs["instrument"])
        return super().visible().filter(Q(source=instrument) | Q(destination=instrument))


class TransferInstrumentViewSet(ResourceViewSet):
    """The instrument that a transfer took from or gave to. Who sees the transfer sees what may be shown of it."""

    resource = PaymentInstrument
    document_class = InstrumentDocument
    filter_class = InstrumentFilter
    embedded_key = "payment_instruments"
    tag = "transfers"
    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS}

    def visible(self) -> QuerySet[PaymentInstrument]:
        transfer = find(Transfer.objects.visible_to(self.actor), self.kwargs["transfer"])
        if transfer.is_adjustment:
            return PaymentInstrument.objects.none()
        return PaymentInstrument.objects.filter(pk=transfer.instrument_id, application_id=transfer.application_id)
