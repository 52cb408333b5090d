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
from onboarding.filters import VerificationFilter
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.serializers.verifications import (
    IdentityVerificationInput,
    InstrumentVerificationInput,
    VerificationDocument,
    VerificationInput,
    VerificationTargetInput,
)
from resources.errors import FieldError
from resources.lookup import find
from tenancy.roles import Permission
from tenancy.transactions import transaction


class VerificationViewSet(ResourceViewSet):
    """What processors found about merchants and cards."""

    resource = Verification
    document_class = VerificationDocument
    filter_class = VerificationFilter
    embedded_key = "verifications"
    permissions: ClassVar = {"GET": Permission.VIEW_MERCHANTS, "POST": Permission.PROVISION_MERCHANTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": VerificationTargetInput}

    def create(self, request: Request, **_: Any) -> Response:
        """Send a merchant's present data to its processor; the answer is pending, the worker brings the verdict.

        Of a card, ask its network: what it is and what it can receive is told at once.
        """
        del request
        body = self.read_body(self.bodies["POST"]).validated_data
        if body.get("payment_instrument") is not None:
            with transaction(by=self.actor):
                cards = PaymentInstrument.objects.visible_to(self.actor)
                card = cards.filter(pk=body["payment_instrument"]).first()
            if card is None:
                raise FieldError("payment_instrument", "There is no such payment instrument.")
            return self.inquire(card, body)
        with transaction(by=self.actor):
            merchant = self.merchant(body)
        if body.get("processor") not in {None, merchant.processor}:
            raise FieldError("processor", f"The merchant's processor is {merchant.processor}")
        verification = services.verify_merchant(merchant=merchant, tags=body.get("tags"), by=self.actor, at=self.now())
        return Response(self.document_of(verification), status=status.HTTP_201_CREATED)

    def merchant(self, body: Mapping[str, Any]) -> Merchant:
        """Whose verification it is; call it in a transaction. Raises FieldError."""
        merchants = Merchant.objects.visible_to(self.actor)
        if body.get("merchant") is not None:
            found = merchants.filter(pk=body["merchant"]).first()
            if found is None:
                raise FieldError("merchant", "There is no such merchant.")
            return found
        return only_merchant(merchants.filter(identity_id=body["identity"]), "identity")

    def inquire(self, card: PaymentInstrument, body: Mapping[str, Any]) -> Response:
        verification = services.verify_card(
            instrument=card,
            security_code=body.get("security_code"),
            address=body.get("address"),
            tags=body.get("tags"),
            by=self.actor,
            at=self.now(),
        )
        return Response(self.document_of(verification), status=status.HTTP_201_CREATED)

    def as_it_is(self, key: Any) -> Answer | None:
        """A card's inquiry is decided in the request that asks it, so a repeat waits for that one."""
        answer = super().as_it_is(key)
        if answer is None or answer.is_final:
            return answer
        with transaction(by=self.actor):
            row = self.visible().filter(pk=key, payment_instrument__isnull=False).first()
        return answer if row is None else None

    def answer_of(self, row: Verification) -> Answer:
        return replace(super().answer_of(row), is_final=row.state != Verification.State.PENDING)

    def kept(self, response: Response) -> Answer:
        return replace(super().kept(response), is_final=response.data["state"] != Verification.State.PENDING)

    def document_context(self) -> dict[str, Any]:
        return {**super().document_context(), "shows_raw": self.actor.may(Permission.VIEW_PROVIDER_DATA)}


class MerchantVerificationViewSet(VerificationViewSet):
    """Verifications of one merchant."""

    tag = "merchants"
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": VerificationInput}

    def visible(self) -> QuerySet[Verification]:
        return super().visible().filter(merchant=self.merchant({}))

    def merchant(self, body: Mapping[str, Any]) -> Merchant:
        del body
        found: Merchant = find(Merchant.objects.visible_to(self.actor), self.kwargs["merchant"])
        return found


class IdentityVerificationViewSet(VerificationViewSet):
    """Verifications of the merchants that one identity is."""

    tag = "identities"
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": IdentityVerificationInput}

    def visible(self) -> QuerySet[Verification]:
        return super().visible().filter(merchant_identity=self._identity())

    def merchant(self, body: Mapping[str, Any]) -> Merchant:
        merchants = Merchant.objects.visible_to(self.actor).filter(identity=self._identity())
        if body.get("merchant") is not None:
            merchants = merchants.filter(pk=body["merchant"])
        return only_merchant(merchants, "merchant")

    def _identity(self) -> Identity:
        found: Identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return found


class InstrumentVerificationViewSet(VerificationViewSet):
    """Verifications of one card."""

    tag = "payment_instruments"
    always_offset = True
    permissions: ClassVar = {"GET": Permission.VIEW_INSTRUMENTS, "POST": Permission.MANAGE_INSTRUMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": InstrumentVerificationInput}

    def visible(self) -> QuerySet[Verification]:
        return super().visible().filter(payment_instrument=self._instrument())

    def create(self, request: Request, **_: Any) -> Response:
        """Ask the card's network what the card is and can receive; address and security code are checked."""
        del request
        with transaction(by=self.actor):
            card = self._instrument()
        return self.inquire(card, self.read_body(InstrumentVerificationInput).validated_data)

    def _instrument(self) -> PaymentInstrument:
        instruments = PaymentInstrument.objects.visible_to(self.actor)
        found: PaymentInstrument = find(instruments, self.kwargs["payment_instrument"])
        return found


def only_merchant(merchants: QuerySet[Merchant], field: str) -> Merchant:
    """The one merchant there is; several are named in the refusal. Raises FieldError."""
    found = list(merchants.order_by("created_at", "id")[:10])
    if not found:
        raise FieldError(field, "There is no such merchant.")
    if len(found) > 1:
        raise FieldError(field, f"Name the merchant: {', '.join(merchant.public_id for merchant in found)}")
    return found[0]
