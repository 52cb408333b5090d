from onboarding.models.identities import Identity
from onboarding.models.instruments import PaymentInstrument
from onboarding.models.merchants import Merchant
from onboarding.models.verifications import Verification

__all__ = ["Identity", "Merchant", "PaymentInstrument", "Verification"]
