import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from onboarding.services.identities import add_identity
from resources import ids
from resources.errors import FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import ApiUser, Application, ApplicationProfile, RiskProfile
from tenancy.roles import Permission, Role
from tenancy.services import add_api_user, platform_id
from tenancy.transactions import Act, act
from vault.secret import Secret


class UserOwnsApplication(FieldError):
    def __init__(self) -> None:
        super().__init__("user", "This user has an application already.")


def create_application(
    *,
    owner_user_id: uuid.UUID,
    entity: Mapping[str, Any],
    by: Actor,
    at: datetime,
    name: str | None = None,
    tags: Tags | None = None,
) -> Application:
    """Make a tenant: the application, its owner's identity, its profiles; the owner user belongs to it from now on.

    The name is the owner's trading name where none is told; the tags are kept on both, as documented. Raises
    UserOwnsApplication, or FieldError for a user that is not a partner's or does not exist.
    """
    by.require(Permission.MANAGE_APPLICATIONS)
    key = ids.new_id()
    with act(
        "create_application",
        by=by,
        at=at,
        application_id=key,
        resource=(Application.KIND, key),
        key_scope=platform_id(),
    ) as current:
        current.include(key)
        owner = ApiUser.objects.visible_to(by).select_for_update().filter(pk=owner_user_id).first()
        if owner is None:
            raise FieldError("user", "There is no such user.")
        if owner.application_id is not None:
            raise UserOwnsApplication
        if owner.role != Role.PARTNER:
            raise FieldError("user", f"The owner of an application has {Role.PARTNER.value}.")
        return _add_application(current, key, owner, entity, name=name, tags=tags)


def found_application(*, entity: Mapping[str, Any], by: Actor, at: datetime) -> tuple[Application, ApiUser, Secret]:
    """Make a tenant together with the user that owns it, whose secret is given here and nowhere again."""
    by.require(Permission.MANAGE_APPLICATIONS)
    key = ids.new_id()
    with act(
        "create_application",
        by=by,
        at=at,
        application_id=key,
        resource=(Application.KIND, key),
        key_scope=platform_id(),
    ) as current:
        current.include(key)
        owner, secret = add_api_user(current, role=Role.PARTNER, name="First key")
        return _add_application(current, key, owner, entity), owner, secret


def _add_application(
    current: Act,
    key: uuid.UUID,
    owner: ApiUser,
    entity: Mapping[str, Any],
    *,
    name: str | None = None,
    tags: Tags | None = None,
) -> Application:
    moments = {"created_at": current.at, "updated_at": current.at}
    application = Application.objects.create(id=key, name=name or _name_of(entity), tags=tags or {}, **moments)
    application.owner_id = add_identity(current, application, entity, tags=tags).pk
    application.save(update_fields=["owner_id"])
    owner.application, owner.identity_id, owner.updated_at = application, application.owner_id, current.at
    owner.save(update_fields=["application", "identity_id", "updated_at"])
    risk_profile = RiskProfile.objects.create(application=application, **moments)
    ApplicationProfile.objects.create(application=application, risk_profile=risk_profile, **moments)
    current.record("application.created", application, application_id=key, changes={"name": [None, application.name]})
    return application


def _name_of(entity: Mapping[str, Any]) -> str:
    person = " ".join(part for part in (entity.get("first_name"), entity.get("last_name")) if part)
    return str(entity.get("doing_business_as") or entity.get("business_name") or person or "Unnamed application")
