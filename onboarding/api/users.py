from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from django.db.models import QuerySet
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from api.idempotency import rendered
from api.inputs import InputSerializer
from api.views import ResourceViewSet
from jobs.idempotency import Answer
from onboarding import services
from onboarding.filters import ApiUserFilter
from onboarding.models import Identity
from onboarding.serializers.applications import TenantUserInput, UserDocument, UserInput, UserSecretInput, UserUpdate
from resources.lookup import find
from tenancy import services as tenancy
from tenancy.models import ApiUser, Application
from tenancy.roles import Permission, Role
from tenancy.transactions import transaction

_OVERLAP = timedelta(days=1)


class UserViewSet(ResourceViewSet):
    """API users: log-ins of programs."""

    resource = ApiUser
    document_class = UserDocument
    filter_class = ApiUserFilter
    embedded_key = "users"
    always_offset = True
    permissions: ClassVar = {
        "GET": Permission.VIEW_API_USERS,
        "POST": Permission.CREATE_OWNER_USERS,
        "PUT": Permission.MANAGE_API_USERS,
    }
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": UserInput, "PUT": UserUpdate}

    def create(self, request: Request, **_: Any) -> Response:
        """Create a user without an application: the owner-to-be of one, or a user of the platform."""
        del request
        body = self.read_body(UserInput).validated_data
        return self._created(
            *tenancy.create_api_user(role=body["role"], tags=body.get("tags"), by=self.actor, at=self.now())
        )

    def update(self, request: Request, pk: str) -> Response:
        """Switch a user on or off, or set its tags."""
        del request
        with transaction(by=self.actor):
            user = self.find(pk)
        body = self.read_body(UserUpdate)
        user = tenancy.update_api_user(user=user, values=body.validated_data, by=self.actor, at=self.now())
        return Response(self.document_of(user))

    def kept(self, response: Response) -> Answer:
        return Answer(response.status_code, rendered({**response.data, "password": None}))

    def _created(self, user: ApiUser, secret: Any) -> Response:
        serializer = self.document_class(context={"request": self.request, "secret": secret})
        return Response(serializer.to_representation(user), status=status.HTTP_201_CREATED)


class UserSecretViewSet(UserViewSet):
    """Secrets of API users."""

    permissions: ClassVar = {"POST": Permission.MANAGE_API_USERS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": UserSecretInput}

    def create(self, request: Request, **_: Any) -> Response:
        """Give a user a new secret, shown in this answer alone. The old one opens for `overlap_seconds` longer."""
        del request
        with transaction(by=self.actor):
            user = self.find(self.kwargs["pk"])
        told = self.read_body(UserSecretInput).validated_data.get("overlap_seconds")
        overlap = _OVERLAP if told is None else timedelta(seconds=told)
        return self._created(*tenancy.rotate_api_user(user=user, overlap=overlap, by=self.actor, at=self.now()))


class ApplicationUserViewSet(UserViewSet):
    """API users of one application."""

    tag = "applications"
    permissions: ClassVar = {"GET": Permission.VIEW_API_USERS, "POST": Permission.CREATE_API_USERS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": TenantUserInput}

    def visible(self) -> QuerySet[ApiUser]:
        return super().visible().filter(application_id=self._application().pk)

    def create(self, request: Request, **_: Any) -> Response:
        """Create one more key for the application."""
        del request
        with transaction(by=self.actor):
            application = self._application()
        body = self.read_body(TenantUserInput).validated_data
        return self._created(
            *tenancy.create_api_user(
                role=Role.PARTNER,
                application=application,
                identity_id=application.owner_id,
                tags=body.get("tags"),
                by=self.actor,
                at=self.now(),
            )
        )

    def _application(self) -> Application:
        return tenancy.find_application(self.kwargs["application"], by=self.actor)


class IdentityUserViewSet(UserViewSet):
    """Log-ins of the merchant that an identity is: read only."""

    tag = "identities"
    permissions: ClassVar = {"POST": Permission.CREATE_API_USERS}
    bodies: ClassVar[Mapping[str, type[InputSerializer]]] = {"POST": TenantUserInput}

    def create(self, request: Request, **_: Any) -> Response:
        """Create a user with ROLE_MERCHANT, which sees this identity and what belongs to it."""
        del request
        with transaction(by=self.actor):
            identity = find(
                Identity.objects.visible_to(self.actor).select_related("application"), self.kwargs["identity"]
            )
        body = self.read_body(TenantUserInput).validated_data
        return self._created(
            *services.create_identity_user(identity=identity, tags=body.get("tags"), by=self.actor, at=self.now())
        )
