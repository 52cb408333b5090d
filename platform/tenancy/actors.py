"""Who acts: a person in the portal, a program with an API key, or the system itself."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import connection

from events.models import Author
from events.services import Signature
from resources.errors import DomainError
from tenancy.roles import PERMISSIONS, Permission, Role


class MissingPermission(DomainError):
    """In sight, but not allowed. Names the permission that is missing."""

    code = "FORBIDDEN"
    status = 403
    message = "Access is denied"

    def __init__(self, permission: Permission) -> None:
        super().__init__()
        self.permission = permission


@dataclass(frozen=True)
class Origin:
    """Where a request came from; kept on audit rows."""

    address: str | None = None
    browser: str = ""
    request_id: str = ""


@dataclass(frozen=True)
class Actor:
    """Who acts, in which role, and over which applications; what row security and `visible_to` go by."""

    kind: Author
    id: uuid.UUID | None
    name: str
    role: Role
    application_ids: tuple[uuid.UUID, ...]
    identity_id: uuid.UUID | None = None
    origin: Origin = field(default_factory=Origin)
    only: frozenset[Permission] | None = None
    """Where it is set: nothing but this of what the role may do."""
    also: frozenset[Permission] = frozenset()
    """What this one may beyond the role."""
    has_old_secret: bool = False
    """An API user that came by the secret before its last rotation."""

    @property
    def is_platform(self) -> bool:
        return self.role in Role.of_the_platform()

    @property
    def own_application_id(self) -> uuid.UUID | None:
        """The application of a partner or merchant; None for the platform and for an owner without one yet."""
        return None if self.is_platform or not self.application_ids else self.application_ids[0]

    def may(self, permission: Permission) -> bool:
        is_given = permission in PERMISSIONS[self.role] or permission in self.also
        return is_given and (self.only is None or permission in self.only)

    def require(self, permission: Permission) -> None:
        """Raises MissingPermission."""
        if not self.may(permission):
            raise MissingPermission(permission)

    @property
    def signature(self) -> Signature:
        return Signature(
            kind=self.kind,
            id=self.id,
            name=self.name,
            role="" if self.kind == Author.STRANGER else self.role.value,
            address=self.origin.address,
            browser=self.origin.browser,
            request_id=self.origin.request_id,
        )


def all_application_ids() -> tuple[uuid.UUID, ...]:
    """Every application, for an actor of the platform: a list in the setting, not a bypass of row security."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenancy_application_ids()")
        (found,) = cursor.fetchone()
    return tuple(found)


def visitor(application_id: uuid.UUID, name: str, *, only: Iterable[Permission], origin: Origin | None = None) -> Actor:
    """Somebody without an account who was let in for one thing, in one application: by a link, or to make a token."""
    return Actor(
        kind=Author.STRANGER,
        id=None,
        name=name,
        role=Role.PARTNER,
        application_ids=(application_id,),
        origin=origin or Origin(),
        only=frozenset(only),
    )


def system(name: str = "Merchantry") -> Actor:
    """The platform's own hand: jobs, demo data, commands."""
    return Actor(kind=Author.SYSTEM, id=None, name=name, role=Role.ADMIN, application_ids=all_application_ids())
