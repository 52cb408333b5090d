"""Paths of the partner API that this app owns. Both slash forms are served (api.middleware)."""

from typing import Any

from django.urls import path

from onboarding.api.applications import ApplicationViewSet, ProcessorViewSet
from onboarding.api.identities import ApplicationIdentityViewSet, IdentityViewSet
from onboarding.api.profiles import (
    ApplicationProfileViewSet,
    MerchantProfileViewSet,
    OneApplicationProfileViewSet,
    RiskProfileViewSet,
)
from onboarding.api.users import ApplicationUserViewSet, IdentityUserViewSet, UserViewSet

Actions = dict[str, Any]

LIST: Actions = {"get": "list"}
CREATE: Actions = {"post": "create"}
ONE: Actions = {"get": "retrieve"}
UPDATE: Actions = {"put": "update"}

app_name = "onboarding-api"
urlpatterns = [
    path("applications", ApplicationViewSet.as_view(LIST | CREATE)),
    path("applications/<str:pk>", ApplicationViewSet.as_view(ONE | UPDATE)),
    path("applications/<str:application>/processors", ProcessorViewSet.as_view(LIST | CREATE)),
    path("applications/<str:application>/processors/<str:pk>", ProcessorViewSet.as_view(ONE | UPDATE)),
    path("applications/<str:application>/users", ApplicationUserViewSet.as_view(LIST | CREATE)),
    path("applications/<str:application>/identities", ApplicationIdentityViewSet.as_view(LIST)),
    path("applications/<str:application>/application_profile", OneApplicationProfileViewSet.as_view(ONE)),
    path("identities", IdentityViewSet.as_view(LIST | CREATE)),
    path("identities/<str:pk>", IdentityViewSet.as_view(ONE | UPDATE)),
    path("identities/<str:identity>/users", IdentityUserViewSet.as_view(CREATE)),
    path("users", UserViewSet.as_view(LIST | CREATE)),
    path("users/<str:pk>", UserViewSet.as_view(ONE | UPDATE)),
    path("application_profiles", ApplicationProfileViewSet.as_view(LIST)),
    path("application_profiles/<str:pk>", ApplicationProfileViewSet.as_view(ONE | UPDATE)),
    path("merchant_profiles", MerchantProfileViewSet.as_view(LIST)),
    path("merchant_profiles/<str:pk>", MerchantProfileViewSet.as_view(ONE | UPDATE)),
    path("risk_profiles", RiskProfileViewSet.as_view(LIST)),
    path("risk_profiles/<str:pk>", RiskProfileViewSet.as_view(ONE | UPDATE)),
]
