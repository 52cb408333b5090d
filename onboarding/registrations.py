"""What this app adds to the documents of the API. A link is there once the part that owns its target is."""

import uuid
from functools import partial

from api.documents import register_link
from api.root import register_root_link
from onboarding.models import Identity, InstrumentUpdate, Merchant, PaymentInstrument, ReviewItem, Verification
from onboarding.services import reviews
from onboarding.services.copies import (
    copy_instrument,
    copy_instrument_update,
    copy_merchant,
    copy_token,
    copy_verification,
)
from onboarding.services.inquiries import inquire
from onboarding.services.instruments import tokenise, update
from onboarding.services.merchants import provision, verify
from onboarding.services.reviews import decide
from onboarding.services.tokens import claim, keep
from onboarding.services.updates import ask_issuer
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
from tenancy.roles import Permission

_LISTS = dict.fromkeys(("applications", "identities", "users", "merchants", "payment_instruments", "verifications")) | {
    "review_queue": Permission.VIEW_REVIEWS,
    "application_profiles": Permission.VIEW_PROFILES,
    "merchant_profiles": Permission.VIEW_PROFILES,
    "risk_profiles": Permission.VIEW_PROFILES,
}
"""What the root names, with the permission that its own list asks for where not everybody has it."""


def register() -> None:
    for operation in (tokenise, update, keep, claim, provision, verify, decide, inquire, ask_issuer):
        attempts.register(operation)
    copying.register(port.Token, copy_token)
    copying.register(port.Instrument, copy_instrument)
    copying.register(port.Merchant, copy_merchant)
    copying.register(port.Verification, copy_verification)
    copying.register(port.CardUpdate, copy_instrument_update)
    for plural, permission in _LISTS.items():
        register_root_link(plural, f"/{plural}", permission=permission)
    for kind, plural in (
        (Application.KIND, "applications"),
        (Identity.KIND, "identities"),
        (PaymentInstrument.KIND, "payment_instruments"),
        (Merchant.KIND, "merchants"),
        (Verification.KIND, "verifications"),
        (InstrumentUpdate.KIND, "updates"),
        (ReviewItem.KIND, "review_queue"),
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
        InstrumentUpdate.KIND,
        ReviewItem.KIND,
        ApplicationProfile.KIND,
        MerchantProfile.KIND,
        RiskProfile.KIND,
    ):
        register_link(kind, "application", lambda row: _application(row.application_id))
    for rel in (
        "processors",
        "users",
        "identities",
        "application_profile",
        "merchants",
        "payment_instruments",
        "tokens",
    ):
        register_link(Application.KIND, rel, partial(_path_of_application, rel))
    register_link(Application.KIND, "owner_identity", lambda row: _id_path("identities", Identity, row.owner_id))
    register_link(ApiUser.KIND, "applications", lambda _row: "/applications")
    register_link(ApiUser.KIND, "application", lambda row: _application(row.application_id))
    register_link(Processor.KIND, "self", lambda row: f"{_application(row.application_id)}/processors/{row.processor}")
    register_link(Processor.KIND, "application", lambda row: _application(row.application_id))
    for kind, key in (
        (ApplicationProfile.KIND, "risk_profile_id"),
        (MerchantProfile.KIND, "effective_risk_profile_id"),
    ):
        register_link(kind, "risk_profile", partial(_path_of_risk_profile, key))
    for rel in ("verifications", "merchants", "payment_instruments", "associated_identities"):
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
    for kind in (Verification.KIND, InstrumentUpdate.KIND):
        register_link(kind, "payment_instrument", _path_of_instrument)
    register_link(
        PaymentInstrument.KIND, "verifications", lambda row: f"/payment_instruments/{row.public_id}/verifications"
    )
    register_link(
        PaymentInstrument.KIND,
        "updates",
        lambda row: f"/payment_instruments/{row.public_id}/updates" if row.is_card else None,
    )
    register_link(ReviewItem.KIND, "entity", reviews.path_of)


def _path_under(plural: str, row: Resource) -> str:
    return f"/{plural}/{row.public_id}"


def _path_of_application(rel: str, row: Application) -> str:
    return f"/applications/{row.public_id}/{rel}"


def _path_of_identity(rel: str, row: Identity) -> str:
    return f"/identities/{row.public_id}/{rel}"


def _path_of_instrument(row: Verification | InstrumentUpdate) -> str | None:
    return _id_path("payment_instruments", PaymentInstrument, row.payment_instrument_id)


def _path_of_risk_profile(key: str, row: Resource) -> str | None:
    return _id_path("risk_profiles", RiskProfile, getattr(row, key))


def _application(key: uuid.UUID | None) -> str | None:
    return _id_path("applications", Application, key)


def _id_path(plural: str, model: type[Resource], key: uuid.UUID | None) -> str | None:
    return None if key is None else f"/{plural}/{ids.public_id(model.PREFIX, key)}"
