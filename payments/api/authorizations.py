from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import idempotency as keys
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs import idempotency
from jobs.idempotency import Answer
from jobs.models import IdempotencyKey
from onboarding.models import Identity, PaymentInstrument
from payments import services
from payments.api.declines import declined, not_void
from payments.api.payees import merchant_of
from payments.filters import AuthorizationFilter
from payments.models import Authorization, Transfer
from payments.serializers.authorizations import AuthorizationChange, AuthorizationDocument, AuthorizationInput
from resources import ids
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.roles import Permission
from tenancy.transactions import transaction


class AuthorizationViewSet(ResourceViewSet):
    """Amounts that are held on cards."""

    resource = Authorization
    document_class = AuthorizationDocument
    filter_class = AuthorizationFilter
    embedded_key = "authorizations"
    sortable: ClassVar = ("created_at", "updated_at", "amount")
    permissions: ClassVar = {
        "GET": Permission.VIEW_TRANSFERS,
        "POST": Permission.CREATE_TRANSFERS,
        "PUT": Permission.CREATE_TRANSFERS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": AuthorizationInput, "PUT": AuthorizationChange}
    told: Mapping[str, Any] = {}
    """The validated body of this request, once it is read."""

    def create(self, request: Request) -> HttpResponse:
        """Hold an amount on a card for a merchant. A decline is 402, and the authorization exists as FAILED."""
        self.told = body = self.read_body(AuthorizationInput).validated_data
        claim = idempotency.current()
        authorization = services.create_authorization(
            merchant_id=merchant_of(body, by=self.actor),
            source_id=body["source"],
            processor=body.get("processor"),
            amount=body["amount"],
            currency=body["currency"],
            fee=body.get("fee", 0),
            statement_descriptor=body.get("statement_descriptor"),
            security_code=body.get("security_code"),
            three_d_secure=body.get("three_d_secure"),
            additional_purchase_data=body.get("additional_purchase_data"),
            idempotency_id=claim.key if claim else None,
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        return self._answer(authorization, request)

    def update(self, request: Request, pk: str) -> Response | HttpResponse:
        """Capture what is held with `capture_amount`, let it go with `void_me`, or replace tags or purchase data."""
        with transaction(by=self.actor):
            authorization = self.find(pk)
        self.told = body = self.read_body(AuthorizationChange).validated_data
        who_and_when = {"authorization": authorization, "by": self.actor, "at": self.now()}
        if self._is_capture:
            transfer = services.capture_authorization(
                amount=body["capture_amount"], fee=body.get("fee"), **who_and_when
            )
            return self._answer(transfer, request)
        if self._is_void:
            return self._answer(services.void_authorization(**who_and_when), request)
        changed = services.update_authorization(
            tags=body.get("tags"), additional_purchase_data=body.get("additional_purchase_data"), **who_and_when
        )
        return Response(self.document_of(changed))

    def answer_of(self, row: Authorization | Transfer) -> Answer:
        """Of a capture the row is its transfer, and the answer shows the authorization."""
        if isinstance(row, Transfer):
            return self._captured(row)
        if self._is_void and row.void_state == Authorization.VoidState.FAILED:
            return not_void(row, self.request)
        if self._is_creation and row.has_failed:
            return declined(row, self.request)
        document = keys.rendered(self.document_of(row))
        return Answer(
            status.HTTP_201_CREATED if self._is_creation else status.HTTP_200_OK,
            document,
            is_final=not self._is_open(row),
        )

    def as_it_is(self, key: Any) -> Answer | None:
        row: Authorization | Transfer | None
        with transaction(by=self.actor):
            if self._is_capture:
                captures = Transfer.objects.visible_to(self.actor).select_related("authorization")
                row = captures.filter(pk=key).first()
            else:
                row = Authorization.objects.visible_to(self.actor).filter(pk=key).first()
        return self.answer_of(row) if row is not None and not self._is_open(row) else None

    def name_of(self, row: IdempotencyKey) -> str:
        if row.resource_id is not None and row.resource_kind == Transfer.KIND:
            return ids.public_id(Transfer.PREFIX, row.resource_id)
        return super().name_of(row)

    @property
    def _is_creation(self) -> bool:
        return self.request.method == "POST"

    @property
    def _is_capture(self) -> bool:
        return "capture_amount" in self.told

    @property
    def _is_void(self) -> bool:
        return bool(self.told.get("void_me"))

    def _is_open(self, row: Authorization | Transfer) -> bool:
        """Whether how this request ended may not be known yet."""
        if self._is_void and isinstance(row, Authorization):
            return row.void_state == Authorization.VoidState.PENDING
        return (self._is_creation or self._is_capture) and not row.is_decided

    def _answer(self, row: Authorization | Transfer, request: Request) -> HttpResponse:
        claim = idempotency.current()
        return keys.answer_from(claim.kept if claim and claim.kept else self.answer_of(row), request)

    def _captured(self, transfer: Transfer) -> Answer:
        authorization = transfer.authorization
        if authorization is None:
            raise ValueError("A capture has its authorization")
        if transfer.has_failed:
            return declined(transfer, self.request, authorization=authorization.public_id)
        document = keys.rendered(self.document_of(authorization))
        return Answer(status.HTTP_200_OK, document, is_final=transfer.is_decided)


class _SubList(AuthorizationViewSet):
    """Authorizations of something else."""

    permissions: ClassVar = {"GET": Permission.VIEW_TRANSFERS}


class ApplicationAuthorizationViewSet(_SubList):
    """Authorizations of one application."""

    tag = "applications"

    def visible(self) -> QuerySet[Authorization]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class IdentityAuthorizationViewSet(_SubList):
    """Authorizations of the merchants that one identity is."""

    tag = "identities"

    def visible(self) -> QuerySet[Authorization]:
        identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return super().visible().filter(merchant_identity=identity)


class InstrumentAuthorizationViewSet(_SubList):
    """Authorizations that hold an amount on one card."""

    tag = "payment_instruments"

    def visible(self) -> QuerySet[Authorization]:
        instrument = find(PaymentInstrument.objects.visible_to(self.actor), self.kwargs["instrument"])
        return super().visible().filter(source=instrument)
