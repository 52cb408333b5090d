"""Pages of this app, under /dashboard/."""

from django.urls import path

from onboarding.portal import (
    applications,
    audit,
    identities,
    instruments,
    merchants,
    people,
    person,
    processors,
    users,
    verifications,
)

app_name = "onboarding"
urlpatterns = [
    path("applications/", applications.ApplicationList.as_view(), name="applications"),
    path("applications/new/", applications.CreateApplication.as_view(), name="create-application"),
    path("applications/<str:pk>/", applications.ApplicationOverview.as_view(), name="application"),
    path("applications/<str:pk>/edit/", applications.EditApplication.as_view(), name="edit-application"),
    path(
        "applications/<str:pk>/identities/", applications.ApplicationIdentities.as_view(), name="application-identities"
    ),
    path("applications/<str:application>/identities/new/", identities.CreateIdentity.as_view(), name="create-identity"),
    path(
        "applications/<str:pk>/processors/", processors.ApplicationProcessors.as_view(), name="application-processors"
    ),
    path("applications/<str:pk>/processors/<str:name>/", processors.EditProcessor.as_view(), name="edit-processor"),
    path("applications/<str:pk>/api-keys/", users.ApplicationUsers.as_view(), name="application-users"),
    path("applications/<str:pk>/api-keys/new/", users.CreateApplicationUser.as_view(), name="create-application-user"),
    path("identities/", identities.IdentityList.as_view(), name="identities"),
    path("identities/new/", identities.ChooseApplication.as_view(), name="choose-application"),
    path("identities/<str:pk>/", identities.IdentityPage.as_view(), name="identity"),
    path("identities/<str:pk>/edit/", identities.EditIdentity.as_view(), name="edit-identity"),
    path(
        "identities/<str:pk>/payment-instruments/",
        instruments.IdentityInstruments.as_view(),
        name="identity-instruments",
    ),
    path("identities/<str:pk>/processors/", merchants.IdentityProcessors.as_view(), name="identity-processors"),
    path("merchants/", merchants.MerchantList.as_view(), name="merchants"),
    path("merchants/<str:pk>/", merchants.MerchantPage.as_view(), name="merchant"),
    path("merchants/<str:pk>/edit/", merchants.EditMerchant.as_view(), name="edit-merchant"),
    path("verifications/<str:pk>/", verifications.VerificationPage.as_view(), name="verification"),
    path("payment-instruments/", instruments.InstrumentList.as_view(), name="payment-instruments"),
    path("payment-instruments/<str:pk>/", instruments.InstrumentPage.as_view(), name="payment-instrument"),
    path("people/", people.People.as_view(), name="people"),
    path("people/new/", person.CreatePerson.as_view(), name="create-person"),
    path("people/<uuid:pk>/", person.PersonPage.as_view(), name="person"),
    path("people/<uuid:pk>/edit/", person.EditPerson.as_view(), name="edit-person"),
    path("api-keys/", users.ApiUserList.as_view(), name="api-users"),
    path("api-keys/new/", users.CreatePlatformUser.as_view(), name="create-platform-user"),
    path("api-keys/<str:pk>/", users.ApiUserPage.as_view(), name="api-user"),
    path("api-keys/<str:pk>/secret/", users.ApiUserSecret.as_view(), name="api-user-secret"),
    path("audit/", audit.AuditList.as_view(), name="audit"),
]
