import secrets
import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
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

LONGEST_OVERLAP = timedelta(days=7)


class CannotDisableItself(DomainError):
    message = "A user cannot disable itself."


class NeedsOverlap(FieldError):
    """It would be locked out, were the answer with its new secret lost."""

    def __init__(self) -> None:
        super().__init__("overlap_seconds", "A user that replaces its own secret keeps the old one for a while.")


class NoPreviousSecret(DomainError):
    code = "CONFLICT"
    status = 409
    message = "The old secret has ended already."


def create_api_user(
    *,
    role: Role,
    by: Actor,
    at: datetime,
    application: Application | None = None,
    identity_id: uuid.UUID | None = None,
    tags: Tags | None = None,
    name: str = "",
) -> tuple[ApiUser, Secret]:
    """Make a log-in for a program. The secret is given here and nowhere again."""
    by.require(_permission_to_create(role, application))
    if role == Role.MERCHANT and identity_id is None:
        raise FieldError("role", "A merchant's user is created at its identity: POST /identities/{id}/users")
    tenant = application.id if application else platform_id()
    with act("create_api_user", by=by, at=at, application_id=tenant) as current:
        return add_api_user(current, role=role, application=application, identity_id=identity_id, tags=tags, name=name)


def add_api_user(
    current: Act,
    *,
    role: Role,
    application: Application | None = None,
    identity_id: uuid.UUID | None = None,
    tags: Tags | None = None,
    name: str = "",
) -> tuple[ApiUser, Secret]:
    """Insert a log-in for a program within an act under way."""
    secret = Secret(secrets.token_urlsafe(32))
    user = ApiUser.objects.create(
        role=role,
        application=application,
        identity_id=identity_id,
        tags=tags or {},
        name=name,
        secret_hash=hash_secret(secret),
        created_at=current.at,
        updated_at=current.at,
    )
    tenant = application.id if application else platform_id()
    changes = {"role": [None, role.value], **({"name": [None, name]} if name else {})}
    current.record("user.created", user, application_id=tenant, changes=changes)
    return user, secret


def update_api_user(*, user: ApiUser, values: Mapping[str, Any], by: Actor, at: datetime) -> ApiUser:
    """Switch a user on or off, name it, or set its tags. Raises CannotDisableItself."""
    _require_to_manage(user, by)
    if values.get("enabled") is False and user.pk == by.id:
        raise CannotDisableItself
    tenant = user.application_id or platform_id()
    with act("update_api_user", by=by, at=at, application_id=tenant, resource=user.handle) as current:
        user = _locked(user, by)
        changes = user.assign(values)
        if changes:
            user.updated_at = at
            user.save(update_fields=[*changes, "updated_at"])
            current.record("user.updated", user, application_id=tenant, changes=changes)
    return user


def rotate_api_user(
    *, user: ApiUser, overlap: timedelta, by: Actor, at: datetime, version: str | None = None
) -> tuple[ApiUser, Secret]:
    """A new secret, given here and nowhere again. The one before opens for `overlap` longer, at most seven days.

    One secret before the new one is kept: what a rotation left over from an earlier one ends. A user that comes by the
    old one has lost the answer to the rotation before: its secret goes on, no longer than it did, and the one that
    nobody heard of ends. Raises NeedsOverlap, and ChangedMeanwhile for an older `version`.
    """
    _require_to_manage(user, by)
    if not timedelta() <= overlap <= LONGEST_OVERLAP:
        raise FieldError("overlap_seconds", f"0 to {int(LONGEST_OVERLAP.total_seconds())} is needed")
    if user.pk == by.id and not overlap:
        raise NeedsOverlap
    secret = Secret(secrets.token_urlsafe(32))
    tenant = user.application_id or platform_id()
    with act("rotate_api_user", by=by, at=at, application_id=tenant, resource=user.handle) as current:
        user = _locked(user, by)
        user.refuse_stale(version)
        until = at + overlap if overlap else None
        before = _told(user.previous_secret_until) if user.has_previous_secret(at) else None
        if before and user.pk == by.id and by.has_old_secret:
            until = user.previous_secret_until
        else:
            user.previous_secret_hash = user.secret_hash if overlap else None
        changes = {"previous_secret_until": [before, _told(until)]} if before != _told(until) else {}
        user.previous_secret_until = until
        user.secret_hash = hash_secret(secret)
        user.updated_at = at
        user.save(update_fields=["secret_hash", "previous_secret_hash", "previous_secret_until", "updated_at"])
        current.record("user.rotated", user, application_id=tenant, changes=changes)
    return user, secret


def end_previous_secret(*, user: ApiUser, by: Actor, at: datetime) -> ApiUser:
    """Let the secret before the last rotation open nothing from the next request on. Raises NoPreviousSecret."""
    _require_to_manage(user, by)
    tenant = user.application_id or platform_id()
    with act("end_previous_secret", by=by, at=at, application_id=tenant, resource=user.handle) as current:
        user = _locked(user, by)
        if not user.has_previous_secret(at):
            raise NoPreviousSecret
        changes = {"previous_secret_until": [_told(user.previous_secret_until), None]}
        user.previous_secret_hash = user.previous_secret_until = None
        user.updated_at = at
        user.save(update_fields=["previous_secret_hash", "previous_secret_until", "updated_at"])
        current.record("user.old_secret_ended", user, application_id=tenant, changes=changes)
    return user


def hash_secret(secret: Secret) -> bytes:
    """What is kept of a secret. It has 256 random bits, so a keyed hash serves and costs a microsecond."""
    return keyed_hash(settings.API_KEY_PEPPER.encode(), secret.reveal())


def _permission_to_create(role: Role, application: Application | None) -> Permission:
    if role in Role.of_the_platform():
        return Permission.CREATE_PLATFORM_USERS
    return Permission.CREATE_API_USERS if application else Permission.CREATE_OWNER_USERS


def _require_to_manage(user: ApiUser, by: Actor) -> None:
    by.require(Permission.MANAGE_API_USERS)
    if user.role in Role.of_the_platform():
        by.require(Permission.CREATE_PLATFORM_USERS)


def _locked(user: ApiUser, by: Actor) -> ApiUser:
    return ApiUser.objects.visible_to(by).select_for_update().get(pk=user.pk)


def _told(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
