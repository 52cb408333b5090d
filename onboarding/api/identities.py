from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.inputs import InputSerializer
from api.views import ResourceViewSet
from onboarding import services
from onboarding.filters import IdentityFilter
from onboarding.models import Identity
from onboarding.serializers.identities import (
    AssociatedIdentityInput,
    IdentityDocument,
    IdentityInput,
    IdentityUpdate,
)
from resources.errors import FieldError
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import transaction


class IdentityViewSet(ResourceViewSet):
    """People and businesses."""

    resource = Identity
    document_class = IdentityDocument
    filter_class = IdentityFilter
    embedded_key = "identities"
    permissions: ClassVar = {
        "GET": Permission.VIEW_IDENTITIES,
        "POST": Permission.MANAGE_IDENTITIES,
        "PUT": Permission.MANAGE_IDENTITIES,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": IdentityInput, "PUT": IdentityUpdate}

    def create(self, request: Request) -> Response:
        """Create a merchant's or buyer's identity."""
        del request
        body = self.read_body(IdentityInput).validated_data
        identity = services.create_identity(
            application_id=self._application_id(body.get("application")),
            entity=body["entity"],
            tags=body.get("tags"),
            additional_underwriting_data=body.get("additional_underwriting_data"),
            by=self.actor,
            at=self.now(),
        )
        return Response(self.document_of(identity), status=status.HTTP_201_CREATED)

    def update(self, request: Request, pk: str) -> Response:
        """Update an identity; what is left out keeps its value. Does not reach the processor."""
        del request
        with transaction(by=self.actor):
            identity = self.find(pk)
        body = self.read_body(IdentityUpdate, instance=identity).validated_data
        identity = services.update_identity(identity=identity, changes=body, by=self.actor, at=self.now())
        return Response(self.document_of(identity))

    def prepare(self, rows: Sequence[Identity]) -> None:
        services.attach_birth_dates(rows)

    def _application_id(self, named: Any) -> Any:
        """The caller's own application; the platform, which has none, names one in the body. Raises FieldError."""
        own = self.actor.own_application_id
        if named is None and own is not None:
            return own
        if named is None and not self.actor.is_platform:
            raise services.NoApplication
        with transaction(by=self.actor):
            found = Application.objects.visible_to(self.actor).tenants().filter(pk=named).first() if named else None
        if found is None:
            raise FieldError("application", "Name the application that the identity is to belong to.")
        return found.pk


class ApplicationIdentityViewSet(IdentityViewSet):
    """Identities of one application."""

    def visible(self) -> QuerySet[Identity]:
        application = tenancy.find_application(self.kwargs["application"], by=self.actor)
        return super().visible().filter(application_id=application.pk)


class AssociatedIdentityViewSet(IdentityViewSet):
    """People who own a share of a business besides its principal: beneficial owners, each an identity of its own."""

    permissions: ClassVar = {"GET": Permission.VIEW_IDENTITIES, "POST": Permission.MANAGE_IDENTITIES}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": AssociatedIdentityInput}

    def visible(self) -> QuerySet[Identity]:
        return super().visible().filter(associated_with=self._business())

    def create(self, request: Request, identity: str) -> Response:  # type: ignore[override]
        """Add an owner. Principal and owners hold at most 100 % together."""
        del request, identity
        with transaction(by=self.actor):
            business = self._business()
        body = self.read_body(AssociatedIdentityInput).validated_data
        owner = services.create_associated_identity(
            business=business, entity=body["entity"], tags=body.get("tags"), by=self.actor, at=self.now()
        )
        return Response(self.document_of(owner), status=status.HTTP_201_CREATED)

    def _business(self) -> Identity:
        found: Identity = find(Identity.objects.visible_to(self.actor), self.kwargs["identity"])
        return found
