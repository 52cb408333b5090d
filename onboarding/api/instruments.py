from collections.abc import Mapping
from typing import Any, ClassVar

from django.conf import settings
from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.idempotency import rendered
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from onboarding import services
from onboarding.filters import InstrumentFilter
from onboarding.models import Identity, PaymentInstrument
from onboarding.serializers.instruments import InstrumentDocument, InstrumentInput
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import transaction


class PaymentInstrumentViewSet(ResourceViewSet):
    """Cards and bank accounts."""

    resource = PaymentInstrument
    document_class = InstrumentDocument
    filter_class = InstrumentFilter
    embedded_key = "payment_instruments"
    permissions: ClassVar = {"GET": Permission.VIEW_INSTRUMENTS, "POST": Permission.CREATE_INSTRUMENTS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": InstrumentInput}

    def create(self, request: Request) -> Response:
        """Keep a card or bank account of an identity; its number is passed on to the provider."""
        del request
        now = self.now()
        body = self.read_body(InstrumentInput, context={"now": self._business_time(now)}).validated_data
        instrument = services.create_payment_instrument(values=body, by=self.actor, at=now)
        return Response(self.document_of(instrument), status=status.HTTP_201_CREATED)

    def as_it_is(self, key: Any) -> Answer | None:
        with transaction(by=self.actor):
            refusal = services.refusal_of(key, by=self.actor)
        if refusal is None:
            return super().as_it_is(key)
        response = self.handle_exception(refusal)
        return Answer(response.status_code, rendered(response.data))

    def _business_time(self, now: Any) -> Any:
        """By which a card expires. The platform, which has no clock of its own, goes by the wall's."""
        application_id = self.actor.own_application_id
        if settings.IS_LIVE or application_id is None:
            return now
        with transaction(by=self.actor):
            return Application.objects.visible_to(self.actor).get(pk=application_id).business_time(now)


class ApplicationInstrumentViewSet(PaymentInstrumentViewSet):
    """Instruments of one application."""

    tag = "applications"

    def visible(self) -> QuerySet[PaymentInstrument]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class IdentityInstrumentViewSet(PaymentInstrumentViewSet):
    """Instruments of one identity."""

    tag = "identities"

    def visible(self) -> QuerySet[PaymentInstrument]:
        identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return super().visible().filter(identity=identity)
