import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import Sum

import vault.services as vault
from api.errors import field_errors
from onboarding.models import Identity
from onboarding.models.identities import IdentityQuerySet
from onboarding.services.sealed import attach_birth_dates
from onboarding.underwriting import SEALED, Phone, missing_members, open_share
from resources import ids
from resources.errors import DomainError, FieldError, FieldErrors
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application
from tenancy.roles import Permission, Role
from tenancy.services import create_api_user
from tenancy.transactions import Act, act, transaction
from vault.secret import Secret

_PROVIDED = "provided"
_AMOUNTS = frozenset({"annual_card_volume", "max_transaction_amount", "ach_max_transaction_amount"})


MOST_OWNERS = 50
_SHARE = "principal_percentage_ownership"


class NoApplication(DomainError):
    message = "This user has no application yet; an identity belongs to one."


class NoBusiness(DomainError):
    message = "Only a business has owners: the identity of a merchant, and of no buyer or owner."


class TooManyOwners(DomainError):
    message = f"A business has at most {MOST_OWNERS} owners here."


def create_identity(
    *,
    application_id: uuid.UUID,
    entity: Mapping[str, Any],
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
    additional_underwriting_data: Mapping[str, Any] | None = None,
    key: uuid.UUID | None = None,
) -> Identity:
    """Keep a person or business. `entity` is validated input: tax ids as Secret, days as date, phones as Phone.

    The row that is given back has its birth date attached. A `key` that was chosen beforehand is used once: under it
    the identity that is there already is given again, unchanged.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    if key is not None and (present := _present(key, application_id, by)) is not None:
        return present
    with act("create_identity", by=by, at=at, application_id=application_id) as current:
        identity = add_identity(
            current,
            Application.objects.visible_to(by).get(pk=application_id),
            entity,
            tags=tags,
            additional_underwriting_data=additional_underwriting_data,
            key=key,
        )
        attach_birth_dates([identity])
    return identity


def create_associated_identity(
    *,
    business: Identity,
    entity: Mapping[str, Any],
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
) -> Identity:
    """Keep a person who owns a share of a business besides its principal. `entity` is validated as of an owner.

    Raises NoBusiness, TooManyOwners, and FieldErrors where all of them would hold more than the whole.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act("create_associated_identity", by=by, at=at, application_id=business.application_id) as current:
        business = _locked_business(business.pk, by)
        if not business.is_merchant:
            raise NoBusiness
        if owners_of(business, by=by).count() >= MOST_OWNERS:
            raise TooManyOwners
        if refusals := _too_much(business, by, added=entity.get(_SHARE)):
            raise FieldErrors(refusals)
        owner = add_identity(current, business.application, entity, tags=tags, associated_with=business)
        attach_birth_dates([owner])
    return owner


def owners_of(business: Identity, *, by: Actor) -> IdentityQuerySet:
    """Who owns a share of a business besides its principal."""
    return Identity.objects.visible_to(by).filter(application_id=business.application_id, associated_with=business)


def open_share_of(business: Identity, *, by: Actor) -> int:
    """How many percent of a business no owner was told for, where it is enough to ask; else 0."""

    def left(owned: int) -> int:
        return open_share(
            principal=business.principal_percentage_ownership,
            owned=owned,
            business_type=business.business_type,
            ownership_type=business.ownership_type,
        )

    if not business.is_merchant or not left(0):
        return 0
    return left(owners_of(business, by=by).aggregate(held=Sum(_SHARE))["held"] or 0)


def update_identity(
    *, identity: Identity, changes: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> Identity:
    """Change what is told and keep the rest. Does not reach the processor.

    `changes` may hold `entity` (validated input as in `create_identity`), `tags` and `additional_underwriting_data`,
    the latter two replaced as a whole. Raises ChangedMeanwhile where `version` is not the row's,
    and FieldErrors where a merchant's form would no longer be whole, or owners would hold more than the whole.
    """
    by.require(Permission.MANAGE_IDENTITIES)
    with act(
        "update_identity", by=by, at=at, application_id=identity.application_id, resource=identity.handle
    ) as current:
        entity = changes.get("entity") or {}
        business = None
        if _SHARE in entity and identity.associated_with_id is not None:  # before the owner, as when one is added
            business = _locked_business(identity.associated_with_id, by)
        identity = (Identity.objects.visible_to(by).select_related("application").select_for_update(of=("self",))).get(
            pk=identity.pk
        )
        identity.refuse_stale(version)
        refusals = field_errors({"entity": missing_members(entity, present=identity)})
        if business is not None:
            refusals += _too_much(business, by, instead_of=identity, added=entity[_SHARE])
        elif _SHARE in entity and identity.is_merchant:
            refusals += _too_much(identity, by, principal=entity[_SHARE])
        if refusals:
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
            identity.updated_at = identity.application.business_time(at)
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
    associated_with: Identity | None = None,
    key: uuid.UUID | None = None,
) -> Identity:
    """Insert an identity within an act under way."""
    split = _split(entity)
    made_at = application.business_time(current.at)
    identity = Identity(
        id=key or ids.new_id(),
        application=application,
        tags=tags or {},
        additional_underwriting_data=additional_underwriting_data,
        associated_with=associated_with,
        created_at=made_at,
        updated_at=made_at,
        **split.columns,
    )
    identity.save(force_insert=True)
    _seal(identity, split.secrets)
    current.record("identity.created", identity, application_id=application.pk)
    return identity


def _present(key: uuid.UUID, application_id: uuid.UUID, by: Actor) -> Identity | None:
    with transaction(by=by):
        return Identity.objects.visible_to(by).filter(pk=key, application_id=application_id).first()


def _locked_business(key: uuid.UUID, by: Actor) -> Identity:
    """Shares of one business are told one after the other."""
    businesses = Identity.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
    return businesses.get(pk=key)


def _too_much(
    business: Identity,
    by: Actor,
    *,
    added: int | None = None,
    instead_of: Identity | None = None,
    principal: int | None = None,
) -> list[FieldError]:
    """The refusal where principal and owners, with the share that is told, would hold more than the whole.

    The business is locked. `added` is an owner's share, in place of what `instead_of` had; `principal` the principal's.
    """
    others = owners_of(business, by=by)
    if instead_of is not None:
        others = others.exclude(pk=instead_of.pk)
    held = others.aggregate(held=Sum(_SHARE))["held"] or 0
    own = principal if principal is not None else business.principal_percentage_ownership
    total = held + (added or 0) + (own or 0)
    if total <= 100:
        return []
    return [FieldError(f"entity.{_SHARE}", f"Principal and owners would hold {total} % together; 100 % is the whole")]


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
        elif name in _AMOUNTS:
            columns[name] = Decimal(value or 0) if name == "annual_card_volume" else value or 0
        elif name == "has_accepted_credit_cards_previously":
            columns[name] = bool(value)
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
