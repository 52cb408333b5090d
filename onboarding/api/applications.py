from collections.abc import Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from onboarding import services
from onboarding.filters import ApplicationFilter, ProcessorFilter
from onboarding.serializers.applications import (
    ApplicationDocument,
    ApplicationInput,
    ApplicationUpdate,
    ProcessorDocument,
    ProcessorInput,
    ProcessorUpdate,
)
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application, Processor
from tenancy.roles import Permission
from tenancy.transactions import transaction


class ApplicationViewSet(ResourceViewSet):
    """Applications: the tenants."""

    resource = Application
    document_class = ApplicationDocument
    filter_class = ApplicationFilter
    embedded_key = "applications"
    permissions: ClassVar = {
        "GET": Permission.VIEW_APPLICATIONS,
        "POST": Permission.MANAGE_APPLICATIONS,
        "PUT": Permission.MANAGE_APPLICATIONS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": ApplicationInput, "PUT": ApplicationUpdate}

    def visible(self) -> QuerySet[Application]:
        return super().visible().filter(is_platform=False)

    def create(self, request: Request) -> Response:
        """Create an application for an owner user that has none yet."""
        del request
        body = self.read_body(ApplicationInput).validated_data
        application = services.create_application(
            owner_user_id=body["user"], entity=body["entity"], tags=body.get("tags"), by=self.actor, at=self.now()
        )
        return Response(self.document_of(application), status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str) -> Response:
        """Change settings: processing, settlement, what a card must bring, when funds are ready."""
        del request
        with transaction(by=self.actor):
            application = self.find(pk)
        body = self.read_body(ApplicationUpdate)
        application = tenancy.update_application(
            application=application, values=body.validated_data, by=self.actor, at=self.now()
        )
        return Response(self.document_of(application))


class ProcessorViewSet(ResourceViewSet):
    """Processors of an application."""

    resource = Processor
    document_class = ProcessorDocument
    filter_class = ProcessorFilter
    embedded_key = "processors"
    tag = "applications"
    permissions: ClassVar = {
        "GET": Permission.VIEW_PROCESSORS,
        "POST": Permission.MANAGE_PROCESSORS,
        "PUT": Permission.MANAGE_PROCESSORS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": ProcessorInput, "PUT": ProcessorUpdate}

    def visible(self) -> QuerySet[Processor]:
        return super().visible().filter(application_id=self._application().pk)

    def find(self, public_id: str) -> Processor:
        """A processor is found by its name, in any case, or by its id."""
        visible = self.visible()
        name = public_id.upper()
        found: Processor | None = visible.filter(processor=name).first() if name in Processor.Name.values else None
        return found or find(visible, public_id)

    def create(self, request: Request, application: str) -> Response:
        """Enable a processor for the application."""
        del request, application
        with transaction(by=self.actor):
            tenant = self._application()
        body = self.read_body(ProcessorInput).validated_data
        processor = tenancy.enable_processor(
            application=tenant,
            name=Processor.Name(body["type"]),
            config=body.get("config", {}),
            by=self.actor,
            at=self.now(),
        )
        return Response(self.document_of(processor), status=status.HTTP_201_CREATED)

    def update(self, request: Request, application: str, pk: str) -> Response:
        """Change settings of a processor, e.g. how card sales are submitted."""
        del request, application
        with transaction(by=self.actor):
            processor = self.find(pk)
        body: dict[str, Any] = self.read_body(ProcessorUpdate).validated_data
        processor = tenancy.update_processor(processor=processor, by=self.actor, at=self.now(), **body)
        return Response(self.document_of(processor))

    def _application(self) -> Application:
        return tenancy.find_application(self.kwargs["application"], by=self.actor)
