import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.conf import settings

from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application
from tenancy.roles import Permission, Role
from tenancy.services.platform import platform_id
from tenancy.transactions import Act, act
from vault.keys import keyed_hash
from vault.secret import Secret


class CannotDisableItself(DomainError):
    message = "A user cannot disable itself."


def create_api_user(
    *,
    role: Role,
    by: Actor,
    at: datetime,
    application: Application | None = None,
    identity_id: uuid.UUID | None = None,
    tags: Tags | None = None,
) -> tuple[ApiUser, Secret]:
    """Make a log-in for a program. The secret is given here and nowhere again."""
    by.require(_permission_to_create(role, application))
    if role == Role.MERCHANT and identity_id is None:
        raise FieldError("role", "A merchant's user is created at its identity: POST /identities/{id}/users")
    tenant = application.id if application else platform_id()
    with act("create_api_user", by=by, at=at, application_id=tenant) as current:
        return add_api_user(current, role=role, application=application, identity_id=identity_id, tags=tags)


def add_api_user(
    current: Act,
    *,
    role: Role,
    application: Application | None = None,
    identity_id: uuid.UUID | None = None,
    tags: Tags | None = None,
) -> tuple[ApiUser, Secret]:
    """Insert a log-in for a program within an act under way."""
    secret = Secret(secrets.token_urlsafe(32))
    user = ApiUser.objects.create(
        role=role,
        application=application,
        identity_id=identity_id,
        tags=tags or {},
        secret_hash=hash_secret(secret),
        created_at=current.at,
        updated_at=current.at,
    )
    tenant = application.id if application else platform_id()
    current.record("user.created", user, application_id=tenant, changes={"role": [None, role.value]})
    return user, secret


def update_api_user(*, user: ApiUser, values: Mapping[str, Any], by: Actor, at: datetime) -> ApiUser:
    """Switch a user on or off, or set its tags. Raises CannotDisableItself."""
    by.require(Permission.MANAGE_API_USERS)
    if values.get("enabled") is False and user.pk == by.id:
        raise CannotDisableItself
    if user.role in Role.of_the_platform():
        by.require(Permission.CREATE_PLATFORM_USERS)
    tenant = user.application_id or platform_id()
    with act("update_api_user", by=by, at=at, application_id=tenant, resource=user.handle) as current:
        user = ApiUser.objects.visible_to(by).select_for_update().get(pk=user.pk)
        changes = user.assign(values)
        if changes:
            user.updated_at = at
            user.save(update_fields=[*changes, "updated_at"])
            current.record("user.updated", user, application_id=tenant, changes=changes)
    return user


def hash_secret(secret: Secret) -> bytes:
    """What is kept of a secret. It has 256 random bits, so a keyed hash serves and costs a microsecond."""
    return keyed_hash(settings.API_KEY_PEPPER.encode(), secret.reveal())


def _permission_to_create(role: Role, application: Application | None) -> Permission:
    if role in Role.of_the_platform():
        return Permission.CREATE_PLATFORM_USERS
    return Permission.CREATE_API_USERS if application else Permission.CREATE_OWNER_USERS
