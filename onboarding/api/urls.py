"""Paths of the partner API that this app owns. Both slash forms are served (api.middleware)."""

from typing import Any

from django.urls import path

from onboarding.api.applications import ApplicationViewSet, ProcessorViewSet
from onboarding.api.identities import ApplicationIdentityViewSet, AssociatedIdentityViewSet, IdentityViewSet
from onboarding.api.instruments import (
    ApplicationInstrumentViewSet,
    IdentityInstrumentViewSet,
    PaymentInstrumentViewSet,
)
from onboarding.api.merchants import ApplicationMerchantViewSet, IdentityMerchantViewSet, MerchantViewSet
from onboarding.api.profiles import (
    ApplicationProfileViewSet,
    MerchantProfileViewSet,
    OneApplicationProfileViewSet,
    RiskProfileViewSet,
)
from onboarding.api.reviews import ReviewQueueViewSet
from onboarding.api.tokens import ApplicationTokenViewSet
from onboarding.api.updates import CardUpdateViewSet, InstrumentUpdateViewSet
from onboarding.api.users import ApplicationUserViewSet, IdentityUserViewSet, UserSecretViewSet, UserViewSet
from onboarding.api.verifications import (
    IdentityVerificationViewSet,
    InstrumentVerificationViewSet,
    MerchantVerificationViewSet,
    VerificationViewSet,
)

Actions = dict[str, Any]

LIST: Actions = {"get": "list"}
CREATE: Actions = {"post": "create"}
ONE: Actions = {"get": "retrieve"}
UPDATE: Actions = {"put": "update"}
PREFLIGHT: Actions = {"options": "preflight"}

app_name = "onboarding-api"
urlpatterns = [
    path("applications", ApplicationViewSet.as_view(LIST | CREATE)),
    path("applications/<str:pk>", ApplicationViewSet.as_view(ONE | UPDATE)),
    path("applications/<str:application>/processors", ProcessorViewSet.as_view(LIST | CREATE)),
    path("applications/<str:application>/processors/<str:pk>", ProcessorViewSet.as_view(ONE | UPDATE)),
    path("applications/<str:application>/users", ApplicationUserViewSet.as_view(LIST | CREATE)),
    path("applications/<str:application>/identities", ApplicationIdentityViewSet.as_view(LIST)),
    path("applications/<str:application>/application_profile", OneApplicationProfileViewSet.as_view(ONE)),
    path("applications/<str:application>/merchants", ApplicationMerchantViewSet.as_view(LIST)),
    path("applications/<str:application>/payment_instruments", ApplicationInstrumentViewSet.as_view(LIST)),
    path("applications/<str:application>/tokens", ApplicationTokenViewSet.as_view(CREATE | PREFLIGHT)),
    path("identities", IdentityViewSet.as_view(LIST | CREATE)),
    path("identities/<str:pk>", IdentityViewSet.as_view(ONE | UPDATE)),
    path("identities/<str:identity>/associated_identities", AssociatedIdentityViewSet.as_view(LIST | CREATE)),
    path("identities/<str:identity>/users", IdentityUserViewSet.as_view(CREATE)),
    path("identities/<str:identity>/merchants", IdentityMerchantViewSet.as_view(LIST | CREATE)),
    path("identities/<str:identity>/payment_instruments", IdentityInstrumentViewSet.as_view(LIST)),
    path("identities/<str:identity>/verifications", IdentityVerificationViewSet.as_view(LIST | CREATE)),
    path("payment_instruments", PaymentInstrumentViewSet.as_view(LIST | CREATE)),
    path("payment_instruments/<str:pk>", PaymentInstrumentViewSet.as_view(ONE | UPDATE)),
    path(
        "payment_instruments/<str:payment_instrument>/verifications",
        InstrumentVerificationViewSet.as_view(LIST | CREATE),
    ),
    path("payment_instruments/<str:payment_instrument>/updates", CardUpdateViewSet.as_view(LIST | CREATE)),
    path("updates/<str:pk>", InstrumentUpdateViewSet.as_view(ONE)),
    path("merchants", MerchantViewSet.as_view(LIST)),
    path("merchants/<str:pk>", MerchantViewSet.as_view(ONE | UPDATE)),
    path("merchants/<str:merchant>/verifications", MerchantVerificationViewSet.as_view(LIST | CREATE)),
    path("verifications", VerificationViewSet.as_view(LIST | CREATE)),
    path("verifications/<str:pk>", VerificationViewSet.as_view(ONE)),
    path("review_queue", ReviewQueueViewSet.as_view(LIST)),
    path("review_queue/<str:pk>", ReviewQueueViewSet.as_view(ONE | UPDATE | {"post": "update"})),
    path("users", UserViewSet.as_view(LIST | CREATE)),
    path("users/<str:pk>", UserViewSet.as_view(ONE | UPDATE)),
    path("users/<str:pk>/secret", UserSecretViewSet.as_view(CREATE)),
    path("application_profiles", ApplicationProfileViewSet.as_view(LIST)),
    path("application_profiles/<str:pk>", ApplicationProfileViewSet.as_view(ONE | UPDATE)),
    path("merchant_profiles", MerchantProfileViewSet.as_view(LIST)),
    path("merchant_profiles/<str:pk>", MerchantProfileViewSet.as_view(ONE | UPDATE)),
    path("risk_profiles", RiskProfileViewSet.as_view(LIST)),
    path("risk_profiles/<str:pk>", RiskProfileViewSet.as_view(ONE | UPDATE)),
]
