import uuid
from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from events.services import record_audit
from resources.errors import FieldError
from tenancy.actors import Actor
from tenancy.models import Application, Person
from tenancy.roles import Permission, Role
from tenancy.services.platform import platform_id
from tenancy.transactions import transaction
from vault.secret import Secret


class EmailTaken(FieldError):
    def __init__(self) -> None:
        super().__init__("email", "Somebody signs in with this address already.")


def create_person(
    *,
    email: str,
    name: str,
    role: Role,
    password: Secret,
    by: Actor,
    at: datetime,
    application: Application | None = None,
    identity_id: uuid.UUID | None = None,
) -> Person:
    """Let somebody sign in. Raises EmailTaken, or FieldError for a weak password or a role without its tenant."""
    by.require(Permission.MANAGE_PEOPLE)
    person = Person(
        email=Person.objects.normalize_email(email),
        name=name,
        role=role,
        application=application,
        identity_id=identity_id,
        created_at=at,
    )
    if (role in Role.of_the_platform()) != (application is None):
        raise FieldError(
            "application", "A partner or merchant belongs to an application, the platform's people to none."
        )
    if (role == Role.MERCHANT) != (identity_id is not None):
        raise FieldError("identity", "A merchant's person belongs to its identity, others to none.")
    try:
        validate_password(password.reveal(), person)
    except ValidationError as error:
        raise FieldError("password", " ".join(error.messages)) from error
    person.set_password(password.reveal())
    tenant = application.id if application else platform_id()
    try:
        with transaction(by=by):
            person.save(force_insert=True)
            record_audit("create_person", application_id=tenant, by=by.signature, at=at, reason=person.email)
    except IntegrityError as error:
        if "person_email" in str(error):
            raise EmailTaken from error
        raise
    return person


def set_person_active(*, person: Person, is_active: bool, by: Actor, at: datetime) -> Person:
    """Let a person in or keep it out; its open sessions end with it, since each request asks whether it is active."""
    by.require(Permission.MANAGE_PEOPLE)
    if person.pk == by.id:
        raise FieldError("is_active", "Nobody switches off their own access.")
    tenant = person.application_id or platform_id()
    with transaction(by=by):
        Person.objects.visible_to(by).filter(pk=person.pk).update(is_active=is_active)
        action = "enable_person" if is_active else "disable_person"
        record_audit(action, application_id=tenant, by=by.signature, at=at, reason=person.email)
    person.is_active = is_active
    return person
