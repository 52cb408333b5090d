"""What this app adds to the documents of the API. A link is there once the part that owns its target is."""

import uuid
from functools import partial

from api.documents import register_link
from api.root import register_root_link
from onboarding.models import Identity, Merchant, PaymentInstrument, Verification
from onboarding.services.copies import copy_instrument, copy_merchant, copy_verification
from onboarding.services.instruments import tokenise
from onboarding.services.merchants import provision, verify
from providers import attempts, copying, port
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
    for operation in (tokenise, provision, verify):
        attempts.register(operation)
    copying.register(port.Instrument, copy_instrument)
    copying.register(port.Merchant, copy_merchant)
    copying.register(port.Verification, copy_verification)
    for plural in ("applications", "identities", "users", "merchants", "payment_instruments", "verifications"):
        register_root_link(plural, f"/{plural}")
    for kind, plural in (
        (Application.KIND, "applications"),
        (Identity.KIND, "identities"),
        (PaymentInstrument.KIND, "payment_instruments"),
        (Merchant.KIND, "merchants"),
        (Verification.KIND, "verifications"),
        (ApiUser.KIND, "users"),
        (ApplicationProfile.KIND, "application_profiles"),
        (MerchantProfile.KIND, "merchant_profiles"),
        (RiskProfile.KIND, "risk_profiles"),
    ):
        register_link(kind, "self", partial(_path_under, plural))
    for kind in (
        Identity.KIND,
        PaymentInstrument.KIND,
        Merchant.KIND,
        Verification.KIND,
        ApplicationProfile.KIND,
        MerchantProfile.KIND,
        RiskProfile.KIND,
    ):
        register_link(kind, "application", lambda row: _application(row.application_id))
    for rel in ("processors", "users", "identities", "application_profile", "merchants", "payment_instruments"):
        register_link(Application.KIND, rel, partial(_path_of_application, rel))
    register_link(Application.KIND, "owner_identity", lambda row: _id_path("identities", Identity, row.owner_id))
    register_link(ApiUser.KIND, "applications", lambda _row: "/applications")
    register_link(ApiUser.KIND, "application", lambda row: _application(row.application_id))
    register_link(Processor.KIND, "self", lambda row: f"{_application(row.application_id)}/processors/{row.processor}")
    register_link(Processor.KIND, "application", lambda row: _application(row.application_id))
    for kind in (ApplicationProfile.KIND, MerchantProfile.KIND):
        register_link(kind, "risk_profile", lambda row: _id_path("risk_profiles", RiskProfile, row.risk_profile_id))
    for rel in ("verifications", "merchants", "payment_instruments"):
        register_link(Identity.KIND, rel, partial(_path_of_identity, rel))
    for kind in (PaymentInstrument.KIND, Merchant.KIND):
        register_link(kind, "identity", lambda row: _id_path("identities", Identity, row.identity_id))
    register_link(Merchant.KIND, "verifications", lambda row: f"/merchants/{row.public_id}/verifications")
    register_link(
        Merchant.KIND,
        "merchant_profile",
        lambda row: _id_path("merchant_profiles", MerchantProfile, row.merchant_profile_id),
    )
    register_link(
        Merchant.KIND, "verification", lambda row: _id_path("verifications", Verification, row.verification_id)
    )
    register_link(Verification.KIND, "merchant", lambda row: _id_path("merchants", Merchant, row.merchant_id))


def _path_under(plural: str, row: Resource) -> str:
    return f"/{plural}/{row.public_id}"


def _path_of_application(rel: str, row: Application) -> str:
    return f"/applications/{row.public_id}/{rel}"


def _path_of_identity(rel: str, row: Identity) -> str:
    return f"/identities/{row.public_id}/{rel}"


def _application(key: uuid.UUID | None) -> str | None:
    return _id_path("applications", Application, key)


def _id_path(plural: str, model: type[Resource], key: uuid.UUID | None) -> str | None:
    return None if key is None else f"/{plural}/{ids.public_id(model.PREFIX, key)}"
