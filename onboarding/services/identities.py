import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import vault.services as vault
from api.errors import field_errors
from onboarding.models import Identity
from onboarding.services.sealed import attach_birth_dates
from onboarding.underwriting import SEALED, Phone, missing_members
from resources.errors import DomainError, FieldErrors
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application
from tenancy.roles import Permission, Role
from tenancy.services import create_api_user
from tenancy.transactions import Act, act
from vault.secret import Secret

_PROVIDED = "provided"


class NoApplication(DomainError):
    message = "This user has no application yet; an identity belongs to one."


def create_identity(
    *,
    application_id: uuid.UUID,
    entity: Mapping[str, Any],
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
    additional_underwriting_data: Mapping[str, Any] | None = None,
) -> Identity:
    """Keep a person or business. `entity` is validated input: tax ids as Secret, days as date, phones as Phone.

    The row that is given back has its birth date attached.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act("create_identity", by=by, at=at, application_id=application_id) as current:
        identity = add_identity(
            current,
            Application.objects.visible_to(by).get(pk=application_id),
            entity,
            tags=tags,
            additional_underwriting_data=additional_underwriting_data,
        )
        attach_birth_dates([identity])
    return identity


def update_identity(
    *, identity: Identity, changes: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Identity:
    """Change what is told and keep the rest. Does not reach the processor.

    `changes` may hold `entity` (validated input as in `create_identity`), `tags` and `additional_underwriting_data`,
    the latter two replaced as a whole. Raises ChangedMeanwhile where `version` is not the row's,
    and FieldErrors where a merchant's form would no longer be whole.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "update_identity", by=by, at=at, application_id=identity.application_id, resource=identity.handle
    ) as current:
        identity = Identity.objects.visible_to(by).select_for_update().get(pk=identity.pk)
        identity.refuse_stale(version)
        entity = changes.get("entity") or {}
        if refusals := field_errors({"entity": missing_members(entity, present=identity)}):
            raise FieldErrors(refusals)
        split = _split(entity)
        others = {name: changes[name] for name in ("tags", "additional_underwriting_data") if name in changes}
        had = {name: getattr(identity, f"{name}_provided") for name in split.secrets}
        differences = identity.assign(split.columns | others)
        if differences or split.secrets:
            differences |= {
                name: [_PROVIDED if had[name] else None, _PROVIDED if secret else None]
                for name, secret in split.secrets.items()
            }
            identity.updated_at = at
            identity.save()
            _seal(identity, split.secrets)
            current.record("identity.updated", identity, application_id=identity.application_id, changes=differences)
        attach_birth_dates([identity])
    return identity


def create_identity_user(
    *, identity: Identity, by: Actor, at: datetime, tags: Tags | None = None
) -> tuple[ApiUser, Secret]:
    """Make a read-only log-in for the merchant that this identity is."""
    return create_api_user(
        role=Role.MERCHANT,
        application=identity.application,
        identity_id=identity.pk,
        by=by,
        at=at,
        tags=tags,
    )


def add_identity(
    current: Act,
    application: Application,
    entity: Mapping[str, Any],
    *,
    tags: Tags | None = None,
    additional_underwriting_data: Mapping[str, Any] | None = None,
) -> Identity:
    """Insert an identity within an act under way."""
    split = _split(entity)
    identity = Identity(
        application=application,
        tags=tags or {},
        additional_underwriting_data=additional_underwriting_data,
        created_at=current.at,
        updated_at=current.at,
        **split.columns,
    )
    identity.save(force_insert=True)
    _seal(identity, split.secrets)
    current.record("identity.created", identity, application_id=application.pk)
    return identity


@dataclass(frozen=True)
class _Split:
    columns: dict[str, Any]
    secrets: dict[str, Secret | None]


def _split(entity: Mapping[str, Any]) -> _Split:
    """Validated members as columns of the row and as values for the vault."""
    columns: dict[str, Any] = {}
    secrets: dict[str, Secret | None] = {}
    for name, value in entity.items():
        if name in SEALED:
            secrets[name] = Secret(value.isoformat()) if isinstance(value, date) else value
            columns[f"{name}_provided"] = value is not None
        elif name in {"phone", "business_phone"}:
            phone: Phone | None = value
            columns[name] = phone.text if phone else None
            columns[f"{name}_e164"] = phone.e164 if phone else None
        elif name == "annual_card_volume":
            columns[name] = Decimal(value)
        elif name in {"amex_mid", "discover_mid"}:
            columns[name] = None if value is None else str(value)
        else:
            columns[name] = value
    return _Split(columns, secrets)


def _seal(identity: Identity, secrets: Mapping[str, Secret | None]) -> None:
    for name, secret in secrets.items():
        if secret is None:
            vault.erase(identity, name)
        else:
            vault.seal(identity, name, secret, application_id=identity.application_id)
