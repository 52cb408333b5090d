"""Allauth's forms in our words, so that a summary of errors names a field as its label does."""

from typing import Any

from allauth.account import forms


class _Named:
    names: dict[str, str]

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for field, label in self.names.items():
            self.fields[field].label = label  # type: ignore[attr-defined]  # the form's, beside which this stands


class LoginForm(_Named, forms.LoginForm):
    names = {"login": "E-mail", "password": "Password"}


class ResetPasswordForm(_Named, forms.ResetPasswordForm):
    names = {"email": "E-mail"}


class ResetPasswordKeyForm(_Named, forms.ResetPasswordKeyForm):
    names = {"password1": "New password", "password2": "New password again"}


class ChangePasswordForm(_Named, forms.ChangePasswordForm):
    names = {"oldpassword": "Current password", "password1": "New password", "password2": "New password again"}
