"""From credentials to an actor. What happens here comes before a tenant is known."""

import hmac
import uuid
from datetime import datetime, timedelta

from django.db import connection
from django.utils import timezone

from events.models import Audit, Author
from events.services import Signature, record_audit
from resources.ids import MalformedId
from tenancy.actors import Actor, Origin, all_application_ids
from tenancy.models import ApiUser, Person
from tenancy.roles import Role
from tenancy.services.api_users import hash_secret
from tenancy.services.platform import platform_id
from tenancy.transactions import transaction
from vault.secret import Secret

_NOBODY = b"\0" * 32
_API_USER = """
SELECT id, tags, created_at, updated_at, application_id, identity_id, role, enabled, secret_hash,
       previous_secret_hash, previous_secret_until, last_used_at,
       tenancy_is_application_enabled(application_id) AS is_application_enabled
FROM api_user WHERE id = %s
"""
_USED_AGAIN = timedelta(minutes=1)
# Nobody waits here: who finds the row locked leaves it to whoever comes next.
_NOTE_USE = """
UPDATE api_user SET last_used_at = %(at)s WHERE id = (
    SELECT id FROM api_user WHERE id = %(id)s AND (last_used_at IS NULL OR last_used_at <= %(before)s)
    FOR NO KEY UPDATE SKIP LOCKED
)
"""


def authenticate_api_user(*, user_id: str, secret: Secret, origin: Origin) -> Actor | None:
    """The actor behind an API key, or None. An unknown id, a wrong secret and a disabled user take the same path.

    The secret before a rotation opens as well, until its time is over. That the key was used is noted once a minute.
    """
    try:
        user, is_application_enabled = _find_api_user(ApiUser.parse_id(user_id))
    except MalformedId:
        user, is_application_enabled = None, False
    now = timezone.now()
    given = hash_secret(secret)
    is_right = hmac.compare_digest(bytes(user.secret_hash) if user else _NOBODY, given)
    is_one_before = hmac.compare_digest(bytes((user and user.previous_secret_hash) or _NOBODY), given)
    is_let_in = is_right or (is_one_before and user is not None and user.has_previous_secret(now))
    if user is None or not is_let_in or not user.enabled or not is_application_enabled:
        return None
    _note_use(user, now)
    return Actor(
        kind=Author.API_USER,
        id=user.id,
        name=user.public_id,
        role=Role(user.role),
        application_ids=_applications_of(Role(user.role), user.application_id),
        identity_id=user.identity_id if user.role == Role.MERCHANT else None,
        origin=origin,
        has_old_secret=not is_right,
    )


def person_actor(person: Person, *, origin: Origin) -> Actor:
    """The actor behind a person who is signed in."""
    return Actor(
        kind=Author.PERSON,
        id=person.pk,
        name=person.name or person.email,
        role=Role(person.role),
        application_ids=_applications_of(Role(person.role), person.application_id),
        identity_id=person.identity_id,
        origin=origin,
        also=person.permissions_beyond_role,
    )


def record_denial(
    action: str, *, reason: str, at: datetime, origin: Origin, actor: Actor | None = None, name: str = "unknown"
) -> None:
    """Audit a refused log-in or act in a transaction of its own; under the platform where no tenant is known."""
    platform = platform_id()
    stranger = Signature(
        kind=Author.STRANGER,
        id=None,
        name=name[:200],
        address=origin.address,
        browser=origin.browser,
        request_id=origin.request_id,
    )
    tenant = (actor.own_application_id if actor else None) or platform
    recorder = Actor(
        kind=Author.SYSTEM, id=None, name="Merchantry", role=Role.ADMIN, application_ids=(tenant,), origin=origin
    )
    with transaction(by=recorder):
        record_audit(
            action,
            application_id=tenant,
            by=actor.signature if actor else stranger,
            at=at,
            result=Audit.Result.DENIED,
            reason=reason,
        )


def _applications_of(role: Role, application_id: uuid.UUID | None) -> tuple[uuid.UUID, ...]:
    if role in Role.of_the_platform():
        return all_application_ids()
    return (application_id,) if application_id else ()


def _find_api_user(key: uuid.UUID) -> tuple[ApiUser | None, bool]:
    """The user, and whether its application lets anybody in; one statement, because it comes before every request."""
    user = next(iter(ApiUser.objects.raw(_API_USER, [key])), None)
    if user is None or user.application_id is None:
        return user, user is not None
    return user, bool(user.is_application_enabled)  # type: ignore[attr-defined]  # a column of the statement


def _note_use(user: ApiUser, at: datetime) -> None:
    """Asks the row that was read first, so that most requests write nothing."""
    before = at - _USED_AGAIN
    if user.last_used_at is None or user.last_used_at <= before:
        with connection.cursor() as cursor:
            cursor.execute(_NOTE_USE, {"at": at, "id": user.pk, "before": before})
