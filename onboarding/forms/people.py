"""Forms about the people who sign in. They ask; tenancy.services judges."""

from django import forms

from resources.errors import FieldError, FieldErrors
from tenancy.roles import Role


class PersonForm(forms.Form):
    """Who somebody is, and where they stand."""

    name = forms.CharField(label="Name", max_length=100)
    email = forms.EmailField(label="E-mail", max_length=100)
    role = forms.ChoiceField(label="Role", choices=Role.choices)
    application = forms.CharField(
        label="Application",
        required=False,
        max_length=40,
        help_text="The id (AP…) of a partner's or merchant's application.",
    )
    identity = forms.CharField(
        label="Identity", required=False, max_length=40, help_text="The id (ID…) of a merchant's identity."
    )

    may_refund = forms.BooleanField(
        label="May refund", required=False, help_text="A merchant's person: gives its own sales back, whole or in part."
    )

    def refuse(self, error: FieldError | FieldErrors) -> None:
        """Put a service's refusals beside their fields."""
        for refusal in error.errors if isinstance(error, FieldErrors) else [error]:
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))


class ResetFactorForm(forms.Form):
    """Why somebody's second factor is taken away."""

    reason = forms.CharField(
        label="Reason",
        max_length=200,
        help_text="Why, and how you know that it is really this person who asked. It is kept in the audit history.",
    )


class NewPersonForm(PersonForm):
    """With a first password, until the person chooses one."""

    password = forms.CharField(
        label="First password",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text="12 to 128 characters with letters and digits. Hand it over on another way than the address.",
    )
