"""What this app adds to the documents of the API. A link is there once the part that owns its target is."""

import uuid
from functools import partial

from api.documents import register_link
from api.root import register_root_link
from onboarding.models import Identity
from resources import ids
from resources.models import Resource
from tenancy.models import (
    ApiUser,
    Application,
    ApplicationProfile,
    MerchantProfile,
    Processor,
    RiskProfile,
)


def register() -> None:
    for plural in ("applications", "identities", "users"):
        register_root_link(plural, f"/{plural}")
    for kind, plural in (
        (Application.KIND, "applications"),
        (Identity.KIND, "identities"),
        (ApiUser.KIND, "users"),
        (ApplicationProfile.KIND, "application_profiles"),
        (MerchantProfile.KIND, "merchant_profiles"),
        (RiskProfile.KIND, "risk_profiles"),
    ):
        register_link(kind, "self", partial(_path_under, plural))
    for kind in (Identity.KIND, ApplicationProfile.KIND, MerchantProfile.KIND, RiskProfile.KIND):
        register_link(kind, "application", lambda row: _application(row.application_id))
    for rel in ("processors", "users", "identities", "application_profile"):
        register_link(Application.KIND, rel, partial(_path_of_application, rel))
    register_link(Application.KIND, "owner_identity", lambda row: _id_path("identities", Identity, row.owner_id))
    register_link(ApiUser.KIND, "applications", lambda _row: "/applications")
    register_link(ApiUser.KIND, "application", lambda row: _application(row.application_id))
    register_link(Processor.KIND, "self", lambda row: f"{_application(row.application_id)}/processors/{row.processor}")
    register_link(Processor.KIND, "application", lambda row: _application(row.application_id))
    for kind in (ApplicationProfile.KIND, MerchantProfile.KIND):
        register_link(kind, "risk_profile", lambda row: _id_path("risk_profiles", RiskProfile, row.risk_profile_id))


def _path_under(plural: str, row: Resource) -> str:
    return f"/{plural}/{row.public_id}"


def _path_of_application(rel: str, row: Application) -> str:
    return f"/applications/{row.public_id}/{rel}"


def _application(key: uuid.UUID | None) -> str | None:
    return _id_path("applications", Application, key)


def _id_path(plural: str, model: type[Resource], key: uuid.UUID | None) -> str | None:
    return None if key is None else f"/{plural}/{ids.public_id(model.PREFIX, key)}"
