"""The pages of allauth that we serve, one by one: addresses are changed by an admin, accounts are made by an admin."""

from allauth.account import views
from django.urls import path, re_path

from portal import second_factor, step_up

urlpatterns = [
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("confirm/", step_up.StepUp.as_view(), name="account_reauthenticate"),
    path("code/", second_factor.EnterCode.as_view(), name="mfa_authenticate"),
    path("second-factor/", second_factor.SecondFactor.as_view(), name="mfa_index"),
    path("second-factor/set-up/", second_factor.SetUp.as_view(), name="mfa_activate_totp"),
    path("second-factor/turn-off/", second_factor.TurnOff.as_view(), name="mfa_deactivate_totp"),
    path("second-factor/recovery-codes/", second_factor.RecoveryCodes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "second-factor/recovery-codes/renew/",
        second_factor.RenewRecoveryCodes.as_view(),
        name="mfa_generate_recovery_codes",
    ),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("password/reset/key/done/", views.password_reset_from_key_done, name="account_reset_password_from_key_done"),
]
