from onboarding.models.forms import OnboardingForm
from onboarding.models.identities import Identity
from onboarding.models.imports import ImportedRow, MerchantImport
from onboarding.models.instruments import PaymentInstrument
from onboarding.models.merchants import Merchant
from onboarding.models.reviews import ReviewItem
from onboarding.models.tags import IdentityTag, PaymentInstrumentTag
from onboarding.models.tokens import Token
from onboarding.models.updates import InstrumentUpdate
from onboarding.models.verifications import Verification

__all__ = [
    "Identity",
    "IdentityTag",
    "ImportedRow",
    "InstrumentUpdate",
    "Merchant",
    "MerchantImport",
    "OnboardingForm",
    "PaymentInstrument",
    "PaymentInstrumentTag",
    "ReviewItem",
    "Token",
    "Verification",
]
