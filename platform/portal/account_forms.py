"""Allauth's forms in our words, so that a summary of errors names a field as its label does."""

from typing import Any

from allauth.account import forms
from django import forms as django_forms


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


class CodeForm(django_forms.Form):
    """A code of an authenticator app, or a recovery code."""

    code = django_forms.CharField(
        label="Code",
        max_length=20,
        widget=django_forms.TextInput(
            attrs={
                "autocomplete": "one-time-code",
                "inputmode": "numeric",
                "autocapitalize": "off",
                "spellcheck": "false",
            }
        ),
    )
