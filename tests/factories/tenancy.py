"""Applications, log-ins and actors for tests, made through the services. Dull by intent."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from onboarding.serializers.identities import IdentityInput
from onboarding.services import create_application
from tenancy import services
from tenancy.actors import Actor, Origin, system
from tenancy.models import ApiUser, Application, Person
from tenancy.roles import Role
from tenancy.services import authenticate_api_user
from vault.secret import Secret

PASSWORD = "correct horse 42"
OWNER = {"first_name": "Olga", "last_name": "Owner", "business_name": "Owner Co", "doing_business_as": "Owner"}


@dataclass(frozen=True)
class Login:
    """An API user with its secret."""

    user: ApiUser
    secret: Secret

    @property
    def basic(self) -> tuple[str, str]:
        return self.user.public_id, self.secret.reveal()

    @property
    def actor(self) -> Actor:
        """The actor as authentication makes it now."""
        actor = authenticate_api_user(user_id=self.user.public_id, secret=self.secret, origin=Origin())
        assert actor is not None
        return actor


def make_platform_login(role: Role = Role.ADMIN) -> Login:
    return Login(*services.create_api_user(role=role, by=system("test"), at=timezone.now()))


def make_application(name: str = "Acme") -> tuple[Application, Login]:
    """An application with its owner's log-in."""
    owner, secret = services.create_api_user(role=Role.PARTNER, by=system("test"), at=timezone.now())
    body = validated_identity({"entity": OWNER | {"business_name": name, "doing_business_as": name}})
    application = create_application(
        owner_user_id=owner.pk, entity=body["entity"], by=system("test"), at=timezone.now()
    )
    owner.refresh_from_db()
    return application, Login(owner, secret)


def make_person(
    email: str, role: Role, *, application: Application | None = None, identity_id: Any = None, may_refund: bool = False
) -> Person:
    return services.create_person(
        email=email,
        name=email.partition("@")[0].title(),
        place=services.Place(role, application, identity_id, may_refund=may_refund),
        password=Secret(PASSWORD),
        by=system("test"),
        at=timezone.now(),
    )


def validated_identity(data: dict[str, Any]) -> dict[str, Any]:
    body = IdentityInput(data=data)
    body.is_valid(raise_exception=True)
    result: dict[str, Any] = body.validated_data
    return result
