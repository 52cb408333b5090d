from onboarding.services.applications import UserOwnsApplication, create_application, found_application
from onboarding.services.identities import (
    MOST_OWNERS,
    NoApplication,
    create_associated_identity,
    create_identity,
    create_identity_user,
    open_share_of,
    owners_of,
    update_identity,
)
from onboarding.services.inquiries import OnlyCards, may_verify_cards, verify_card
from onboarding.services.instruments import (
    UpdateUndecided,
    create_payment_instrument,
    is_update_open,
    refusal_of,
    update_payment_instrument,
)
from onboarding.services.keeping import InstrumentRefused, ProviderUndecided
from onboarding.services.merchants import (
    BankAccountNeeded,
    NotApproved,
    RecipientNeedsCard,
    VerificationPending,
    provision_merchant,
    update_merchant,
    verify_merchant,
)
from onboarding.services.processors import NoProcessor, choose_processor
from onboarding.services.reviews import (
    AlreadyDecided,
    DecisionNotSent,
    DecisionRefused,
    DecisionUnderWay,
    OwnApproval,
    PersonNeeded,
    review,
    why_decided,
)
from onboarding.services.sealed import attach_birth_dates
from onboarding.services.tokens import ApplicationDisabled, claim_token, create_token, purge_tokens, refusal_of_token
from onboarding.services.updates import NoCardToUpdate, UpdatePending, update_card

__all__ = [
    "MOST_OWNERS",
    "AlreadyDecided",
    "ApplicationDisabled",
    "BankAccountNeeded",
    "DecisionNotSent",
    "DecisionRefused",
    "DecisionUnderWay",
    "InstrumentRefused",
    "NoApplication",
    "NoCardToUpdate",
    "NoProcessor",
    "NotApproved",
    "OnlyCards",
    "OwnApproval",
    "PersonNeeded",
    "ProviderUndecided",
    "RecipientNeedsCard",
    "UpdatePending",
    "UpdateUndecided",
    "UserOwnsApplication",
    "VerificationPending",
    "attach_birth_dates",
    "choose_processor",
    "claim_token",
    "create_application",
    "create_associated_identity",
    "create_identity",
    "create_identity_user",
    "create_payment_instrument",
    "create_token",
    "found_application",
    "is_update_open",
    "may_verify_cards",
    "open_share_of",
    "owners_of",
    "provision_merchant",
    "purge_tokens",
    "refusal_of",
    "refusal_of_token",
    "review",
    "update_card",
    "update_identity",
    "update_merchant",
    "update_payment_instrument",
    "verify_card",
    "verify_merchant",
    "why_decided",
]
