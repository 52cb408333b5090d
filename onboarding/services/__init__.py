from onboarding.services.applications import UserOwnsApplication, create_application, found_application
from onboarding.services.identities import (
    NoApplication,
    create_identity,
    create_identity_user,
    update_identity,
)
from onboarding.services.instruments import (
    InstrumentRefused,
    ProviderUndecided,
    create_payment_instrument,
    refusal_of,
)
from onboarding.services.merchants import (
    NotApproved,
    RecipientNeedsCard,
    VerificationPending,
    provision_merchant,
    update_merchant,
    verify_merchant,
)
from onboarding.services.processors import NoProcessor, choose_processor
from onboarding.services.sealed import attach_birth_dates

__all__ = [
    "InstrumentRefused",
    "NoApplication",
    "NoProcessor",
    "NotApproved",
    "ProviderUndecided",
    "RecipientNeedsCard",
    "UserOwnsApplication",
    "VerificationPending",
    "attach_birth_dates",
    "choose_processor",
    "create_application",
    "create_identity",
    "create_identity_user",
    "create_payment_instrument",
    "found_application",
    "provision_merchant",
    "refusal_of",
    "update_identity",
    "update_merchant",
    "verify_merchant",
]
