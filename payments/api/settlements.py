from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from django.db.models import QuerySet, prefetch_related_objects
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api import idempotency as keys
from api.documents import DocumentSerializer
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from jobs.models import IdempotencyKey
from onboarding.api.verifications import only_merchant
from onboarding.models import Identity, Merchant, ReviewItem
from payments import services
from payments.api.transfers import TransferViewSet
from payments.models import Settlement, Transfer
from payments.serializers.settlements import (
    FundingInput,
    RemovalInput,
    SettlementChange,
    SettlementDocument,
    SettlementInput,
)
from payments.serializers.transfers import TransferDocument
from payments.settlement_filters import HeldTransferFilter, SettlementFilter
from resources import ids
from resources.errors import FieldError
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.roles import Permission
from tenancy.transactions import transaction


class SettlementViewSet(ResourceViewSet):
    """What merchants are to be paid: it accrues, is closed, reviewed and paid."""

    resource = Settlement
    document_class = SettlementDocument
    filter_class = SettlementFilter
    embedded_key = "settlements"
    permissions: ClassVar = {
        "GET": Permission.VIEW_SETTLEMENTS,
        "PUT": Permission.MANAGE_SETTLEMENTS,
        "POST": Permission.FUND_SETTLEMENTS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"PUT": SettlementChange, "POST": FundingInput}
    answers: ClassVar[Mapping[str, type[DocumentSerializer]]] = {"POST": TransferDocument}

    def update(self, request: Request, pk: str) -> Response:
        """Replace the tags; the platform closes it with an `action`, or approves and pays it with a `destination`."""
        del request
        with transaction(by=self.actor):
            settlement = self.find(pk)
        body = self.read_body(SettlementChange).validated_data
        who_and_when = {"settlement": settlement, "by": self.actor, "at": self.now()}
        if "destination" in body:
            changed = services.approve_settlement(destination_id=body["destination"], **who_and_when)
        elif "action" in body:
            changed = services.close_settlement(**who_and_when)
        else:
            changed = services.update_settlement(tags=body.get("tags"), **who_and_when)
        return Response(self.document_of(changed))

    def fund(self, request: Request, pk: str) -> Response:
        """Pay a part of it to a bank account; the same as POST /settlements/{id}/funding_transfers."""
        del request
        return pay_part(self, pk)

    def prepare(self, rows: Sequence[Settlement]) -> None:
        prefetch_related_objects(rows, "processor")

    def kept(self, response: Response) -> Answer:
        return replace(super().kept(response), is_final=not self._is_payment)

    def as_it_is(self, key: Any) -> Answer | None:
        """An approval was taken down under its review item, a payment under its transfer or under that item."""
        if self._is_payment:
            return paid_under(key, self)
        return super().as_it_is(_settlement_under(key, self))

    def name_of(self, row: IdempotencyKey) -> str:
        return _name_of(row) or super().name_of(row)

    @property
    def _is_payment(self) -> bool:
        return self.action == "fund"


class ApplicationSettlementViewSet(SettlementViewSet):
    """Settlements of one application."""

    tag = "applications"
    permissions: ClassVar = {"GET": Permission.VIEW_SETTLEMENTS}

    def visible(self) -> QuerySet[Settlement]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class IdentitySettlementViewSet(SettlementViewSet):
    """Settlements of the merchants that one identity is."""

    tag = "identities"
    permissions: ClassVar = {"GET": Permission.VIEW_SETTLEMENTS, "POST": Permission.MANAGE_SETTLEMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": SettlementInput}
    answers: ClassVar[Mapping[str, type[DocumentSerializer]]] = {}

    def visible(self) -> QuerySet[Settlement]:
        return super().visible().filter(identity=self._identity())

    def create(self, request: Request, **_: Any) -> Response:
        """Take what is ready to settle into the merchant's accruing settlement, which is opened where there is none."""
        del request
        with transaction(by=self.actor):
            identity = self._identity()
        body = self.read_body(SettlementInput).validated_data
        with transaction(by=self.actor):
            merchant = self._merchant(identity, body)
        settlement = services.create_settlement(
            merchant=merchant, currency=body["currency"], tags=body.get("tags"), by=self.actor, at=self.now()
        )
        return Response(self.document_of(settlement), status=status.HTTP_201_CREATED)

    def _identity(self) -> Identity:
        found: Identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return found

    def _merchant(self, identity: Identity, body: Mapping[str, Any]) -> Merchant:
        """Whose settlement it is; call it in a transaction. Raises FieldError."""
        merchants = Merchant.objects.visible_to(self.actor).filter(identity=identity)
        named, processor = body.get("merchant_id"), body.get("processor")
        if named not in {None, identity.pk}:
            merchant = only_merchant(merchants.filter(pk=named), "merchant_id")
            if processor not in {None, merchant.processor}:
                raise FieldError("processor", f"The merchant's processor is {merchant.processor}")
            return merchant
        if processor is not None:
            merchants = merchants.filter(processor=processor)
            if not merchants.exists():
                raise FieldError("processor", f"The identity is no merchant at {processor}")
        return only_merchant(merchants, "merchant_id")


class HeldTransferViewSet(TransferViewSet):
    """Transfers that one settlement holds."""

    filter_class = HeldTransferFilter
    tag = "settlements"
    permissions: ClassVar = {"GET": Permission.VIEW_SETTLEMENTS, "DELETE": Permission.MANAGE_SETTLEMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"DELETE": RemovalInput}

    def visible(self) -> QuerySet[Transfer]:
        settlement = find_settlement(self, self.kwargs["settlement"])
        held = super().visible().filter(application_id=settlement.application_id, settlement=settlement)
        return held.exclude(subtype__in=Transfer.DEPOSITS)

    def remove(self, request: Request, **_: Any) -> Response:
        """Take transfers out before it is approved; their fees go too, and the next settlement takes them in."""
        del request
        with transaction(by=self.actor):
            settlement = find_settlement(self, self.kwargs["settlement"])
        body = self.read_body(RemovalInput).validated_data
        services.remove_transfers(settlement=settlement, transfer_ids=body["transfers"], by=self.actor, at=self.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


class FundingTransferViewSet(TransferViewSet):
    """Deposits that pay one settlement out."""

    tag = "settlements"
    permissions: ClassVar = {"GET": Permission.VIEW_SETTLEMENTS, "POST": Permission.FUND_SETTLEMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": FundingInput}

    def visible(self) -> QuerySet[Transfer]:
        settlement = find_settlement(self, self.kwargs["settlement"])
        paying = super().visible().filter(application_id=settlement.application_id, settlement=settlement)
        return paying.filter(subtype__in=Transfer.DEPOSITS)

    def create(self, request: Request, **_: Any) -> Response:
        """Pay a part of the settlement to a bank account of its merchant. The first part approves it."""
        del request
        return pay_part(self, self.kwargs["settlement"])

    def kept(self, response: Response) -> Answer:
        return replace(super().kept(response), is_final=False)

    def as_it_is(self, key: Any) -> Answer | None:
        return paid_under(key, self)

    def name_of(self, row: IdempotencyKey) -> str:
        return _name_of(row) or super().name_of(row)


def pay_part(view: ResourceViewSet, public_id: str) -> Response:
    """Pay what the body says of a settlement. The deposit is PENDING: the worker brings what becomes of it."""
    with transaction(by=view.actor):
        settlement = find_settlement(view, public_id)
    body = view.read_body(FundingInput).validated_data
    if body["currency"] != settlement.currency:
        raise FieldError("currency", f"The settlement's currency is {settlement.currency}")
    deposit = services.pay_part(
        settlement=settlement,
        amount=body["amount"],
        destination_id=body["destination"],
        tags=body.get("tags"),
        by=view.actor,
        at=view.now(),
    )
    return Response(_document_of(deposit, view), status=status.HTTP_201_CREATED)


def paid_under(key: Any, view: ResourceViewSet) -> Answer | None:
    """The answer to a payment that was taken down under a key: that of its transfer, or of the item it decided."""
    with transaction(by=view.actor):
        deposits = Transfer.objects.visible_to(view.actor).filter(subtype__in=Transfer.DEPOSITS)
        deposit = deposits.filter(pk=key).first()
        if deposit is None:
            deposits = deposits.filter(settlement_id=_reviewed_under(key, view))
            deposit = deposits.order_by("created_at", "id").first()
    if deposit is None:
        return None
    return Answer(status.HTTP_201_CREATED, keys.rendered(_document_of(deposit, view)), is_final=deposit.is_decided)


def find_settlement(view: ResourceViewSet, public_id: str) -> Settlement:
    """Call it in a transaction. Raises NotVisible."""
    found: Settlement = find(Settlement.objects.visible_to(view.actor), public_id)
    return found


def _document_of(deposit: Transfer, view: ResourceViewSet) -> dict[str, Any]:
    document: dict[str, Any] = TransferDocument(context=view.document_context()).to_representation(deposit)
    return document


def _settlement_under(key: Any, view: ResourceViewSet) -> Any:
    with transaction(by=view.actor):
        return _reviewed_under(key, view) or key


def _reviewed_under(key: Any, view: ResourceViewSet) -> Any:
    """The key of the settlement that a review item is of; None where there is no such item."""
    items = ReviewItem.objects.visible_to(view.actor).filter(pk=key, entity_type=ReviewItem.EntityType.SETTLEMENT)
    return items.values_list("entity_id", flat=True).first()


def _name_of(row: IdempotencyKey) -> str:
    prefixes = {model.KIND: model.PREFIX for model in (Transfer, Settlement, ReviewItem)}
    if row.resource_id is None or row.resource_kind not in prefixes:
        return ""
    return ids.public_id(prefixes[row.resource_kind], row.resource_id)
