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
from onboarding.serializers.instruments import TOKEN, InstrumentChange, InstrumentDocument, InstrumentInput
from resources.errors import NotVisible
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
    permissions: ClassVar = {
        "GET": Permission.VIEW_INSTRUMENTS,
        "POST": Permission.CREATE_INSTRUMENTS,
        "PUT": Permission.MANAGE_INSTRUMENTS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": InstrumentInput, "PUT": InstrumentChange}

    def create(self, request: Request) -> Response:
        """Keep a card or bank account of an identity, or claim the token of one."""
        del request
        now = self.now()
        body = self.read_body(InstrumentInput, context={"now": self._business_time(now)}).validated_data
        make = services.claim_token if body["type"] == TOKEN else services.create_payment_instrument
        instrument = make(values=body, by=self.actor, at=now)
        return Response(self.document_of(instrument), status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str) -> Response:
        """Change name, address, tags, or whether it may be used. Number and expiry never change."""
        del request
        with transaction(by=self.actor):
            instrument = self.find(pk)
        body = self.read_body(InstrumentChange, context={"instrument": instrument}).validated_data
        instrument = services.update_payment_instrument(
            instrument=instrument, values=body, by=self.actor, at=self.now()
        )
        return Response(self.document_of(instrument))

    def as_it_is(self, key: Any) -> Answer | None:
        is_update = self.request.method == "PUT"
        with transaction(by=self.actor):
            if is_update and services.is_update_open(key, by=self.actor):
                return None
            refusal = services.refusal_of(key, by=self.actor, of_update=is_update)
        if refusal is None:
            return super().as_it_is(key)
        response = self.handle_exception(refusal)
        return Answer(response.status_code, rendered(response.data))

    def _business_time(self, now: Any) -> Any:
        """By which a card expires: the clock of the application that the instrument will be of."""
        if settings.IS_LIVE:
            return now
        with transaction(by=self.actor):
            application = self._application()
        return now if application is None else application.business_time(now)

    def _application(self) -> Application | None:
        """The caller's own; for the platform, that of the identity. None where there is no such identity."""
        if self.actor.own_application_id is not None:
            return Application.objects.visible_to(self.actor).get(pk=self.actor.own_application_id)
        identities = Identity.objects.visible_to(self.actor).select_related("application")
        told = dict(self.request.data).get("identity")
        try:
            identity: Identity = find(identities, str(told))
        except NotVisible:
            return None
        application: Application = identity.application
        return application


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
