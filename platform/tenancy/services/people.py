import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError

from resources.errors import ChangedMeanwhile, FieldError, FieldErrors
from tenancy.actors import Actor
from tenancy.models import Application, Person
from tenancy.roles import Permission, Role
from tenancy.services.platform import platform_id
from tenancy.transactions import act
from vault.secret import Secret


class EmailTaken(FieldError):
    def __init__(self) -> None:
        super().__init__("email", "Somebody signs in with this address already.")


@dataclass(frozen=True)
class Place:
    """Where somebody stands: in which role, and in whose name. Raises FieldError for a role without its tenant."""

    role: Role
    application: Application | None = None
    identity_id: uuid.UUID | None = None
    may_refund: bool = False
    """Of a merchant's person; the others may by their role, or not at all."""

    def __post_init__(self) -> None:
        if (self.role in Role.of_the_platform()) != (self.application is None):
            raise FieldError(
                "application", "A partner or merchant belongs to an application, the platform's people to none."
            )
        if (self.role == Role.MERCHANT) != (self.identity_id is not None):
            raise FieldError("identity", "A merchant's person belongs to its identity, others to none.")
        if self.may_refund and self.role != Role.MERCHANT:
            raise FieldError("may_refund", "This is for a merchant's people; the others may by their role.")

    @property
    def tenant(self) -> uuid.UUID:
        return self.application.pk if self.application else platform_id()


def create_person(*, email: str, name: str, place: Place, password: Secret, by: Actor, at: datetime) -> Person:
    """Let somebody sign in. Raises EmailTaken, or FieldErrors for an address, name or password that is no good."""
    by.require(Permission.MANAGE_PEOPLE)
    person = Person(created_at=at, **_columns(email, name, place))
    _check(person, password)
    person.set_password(password.reveal())
    try:
        reason = f"{person.email} as {place.role.label}"
        with act("create_person", by=by, at=at, application_id=place.tenant, reason=reason, resource=person.handle):
            person.save(force_insert=True)
    except IntegrityError as error:
        raise _refusal(error) from error
    return person


def update_person(
    *, person: Person, email: str, name: str, place: Place, by: Actor, at: datetime, version: str | None = None
) -> Person:
    """Change who somebody is or may be. Another address, role or tenant ends the person's sessions.

    Raises EmailTaken or FieldErrors, and ChangedMeanwhile for an older `version`; nobody changes their own role.
    """
    by.require(Permission.MANAGE_PEOPLE)
    if person.pk == by.id and place.role != person.role:
        raise FieldError("role", "Nobody changes their own role.")
    try:
        with act("update_person", by=by, at=at, application_id=place.tenant, resource=person.handle) as current:
            person = _locked(person, by)
            if version is not None and version != person.version:
                raise ChangedMeanwhile
            columns = _columns(email, name, place)
            EmailAddress.objects.filter(user=person).exclude(
                email=columns["email"]
            ).delete()  # allauth lets in by these
            current.reason = f"{person.email}: {_assign(person, columns) or 'nothing changed'}"
            _check(person)
            person.save()
    except IntegrityError as error:
        raise _refusal(error) from error
    return person


def set_person_active(*, person: Person, is_active: bool, by: Actor, at: datetime) -> Person:
    """Let a person in or keep it out; its open sessions end with it, since each request asks whether it is active."""
    by.require(Permission.MANAGE_PEOPLE)
    if person.pk == by.id:
        raise FieldError("is_active", "Nobody switches off their own access.")
    tenant = person.application_id or platform_id()
    action = "enable_person" if is_active else "disable_person"
    with act(action, by=by, at=at, application_id=tenant, reason=person.email, resource=person.handle):
        person = _locked(person, by)
        person.is_active = is_active
        person.save(update_fields=["is_active"])
    return person


def _columns(email: str, name: str, place: Place) -> Mapping[str, Any]:
    return {
        "email": Person.objects.normalize_email(email),
        "name": name.strip(),
        "role": place.role,
        "application": place.application,
        "identity_id": place.identity_id,
        "may_refund": place.may_refund,
    }


def _assign(person: Person, columns: Mapping[str, Any]) -> str:
    """Set the columns, and tell in words what differs."""
    changes = []
    for column, value in columns.items():
        before = getattr(person, column)
        if before != value:
            changes.append(f"{column.removesuffix('_id')} {before or 'none'} → {value or 'none'}")
            setattr(person, column, value)
    return ", ".join(changes)


def _check(person: Person, password: Secret | None = None) -> None:
    """What the columns ask of address and name, and the rules of passwords; all refusals at once."""
    refusals = []
    try:
        person.clean_fields(exclude=["password", "application", "identity_id", "factors_changed_at"])
    except ValidationError as error:
        refusals = [FieldError(field, " ".join(texts)) for field, texts in error.message_dict.items()]
    if password is not None:
        try:
            validate_password(password.reveal(), person)
        except ValidationError as error:
            refusals.append(FieldError("password", " ".join(error.messages)))
    if refusals:
        raise FieldErrors(refusals)


def _locked(person: Person, by: Actor) -> Person:
    found: Person = Person.objects.visible_to(by).select_for_update(of=("self",)).get(pk=person.pk)
    return found


def _refusal(error: IntegrityError) -> Exception:
    return EmailTaken() if "person_email" in str(error) else error
