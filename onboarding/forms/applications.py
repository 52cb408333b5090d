"""Forms of applications, their processors and log-ins. They ask; the services judge."""

from collections.abc import Collection
from typing import Any, cast

from django import forms
from django.conf import settings

from tenancy.models import Application, Processor
from tenancy.roles import Role


class ApplicationForm(forms.Form):
    """A new tenant: its business and the person who owns it. More can be told later, before it is underwritten."""

    business_name = forms.CharField(label="Business name", max_length=120)
    doing_business_as = forms.CharField(
        label="Trading name",
        max_length=60,
        required=False,
        help_text="Names the application; the business name otherwise.",
    )
    first_name = forms.CharField(label="Owner's first name", max_length=20)
    last_name = forms.CharField(label="Owner's last name", max_length=20)
    email = forms.EmailField(label="Owner's e-mail", max_length=100)
    phone = forms.CharField(label="Owner's phone", max_length=40, required=False)
    key = forms.CharField(widget=forms.HiddenInput)


class ApplicationSettingsForm(forms.Form):
    """Switches and rules of an application."""

    name = forms.CharField(label="Name", max_length=120)
    enabled = forms.BooleanField(label="API access", required=False, help_text="Off: none of its API users is let in.")
    processing_enabled = forms.BooleanField(
        label="Processing", required=False, help_text="Off: none of its merchants can take payments."
    )
    settlement_enabled = forms.BooleanField(label="Settlements", required=False, help_text="Off: nothing is paid out.")
    ready_to_settle_upon = forms.ChoiceField(
        label="Funds are ready upon",
        required=False,
        choices=[("", "Each processor's own rule"), *Application.SettleUpon.choices],
    )
    fee_ready_to_settle_upon = forms.ChoiceField(label="Fees are ready upon", choices=Application.SettleUpon.choices)
    settlement_funding_identifier = forms.ChoiceField(
        label="Funding identifier",
        choices=Application.FundingIdentifier.choices,
        help_text="What names a payout at the bank.",
    )
    idempotency_mode = forms.ChoiceField(
        label="A repeated idempotency key",
        choices=[("REPLAY", "Gets the first answer again"), ("EXCEPTION", "Is refused")],
    )
    card_cvv_required = forms.BooleanField(
        label="Cards need their security code",
        required=False,
        help_text="A sale is refused where the code was told neither with the card nor with the sale.",
    )
    card_expiration_date_required = forms.BooleanField(
        label="Cards need their expiry", required=False, help_text="A sale with a card that has no date is refused."
    )
    bank_account_required = forms.BooleanField(
        label="Merchants need a bank account first",
        required=False,
        help_text="Without one an identity is not sent to a processor.",
    )

    maker_checker_enabled = forms.BooleanField(
        label="Reviews need two people",
        required=False,
        help_text="Whoever sent a merchant in does not approve or reject it.",
    )

    SWITCHES = ("enabled", "processing_enabled", "settlement_enabled")

    @classmethod
    def of(cls, application: Application, data: Any = None) -> "ApplicationSettingsForm":
        return cls(data, initial={name: getattr(application, name) for name in cls.base_fields})

    def values(self) -> dict[str, Any]:
        """What was changed here; what was not touched is left as it is."""
        changed = {name: self.cleaned_data[name] for name in self.changed_data}
        if "ready_to_settle_upon" in changed:
            changed["ready_to_settle_upon"] = changed["ready_to_settle_upon"] or None
        return changed


class ProcessorForm(forms.Form):
    """Enable a processor."""

    type = forms.ChoiceField(label="Processor", choices=[(name, name) for name in Processor.Name.values])
    can_debit_bank_account = forms.BooleanField(label="Bank accounts can be debited", required=False)

    @classmethod
    def beside(cls, present: Collection[str], data: Any = None) -> "ProcessorForm":
        """A form that offers what the application does not have yet."""
        form = cls(data)
        choice = cast("forms.ChoiceField", form.fields["type"])
        choice.choices = [(name, name) for name in Processor.Name.values if name not in present]
        return form


class ProcessorSettingsForm(forms.Form):
    """How an enabled processor is used."""

    enabled = forms.BooleanField(label="Enabled", required=False)
    card_sale_submission_method = forms.ChoiceField(
        label="Card sales are submitted",
        choices=[("real_time", "One by one, at once"), ("batch", "In batches")],
        help_text="In batches, a sale stays pending until its batch is submitted.",
    )
    can_debit_bank_account = forms.BooleanField(label="Bank accounts can be debited", required=False)
    sandbox_profile = forms.ChoiceField(
        label="Sandbox profile",
        required=False,
        choices=[("", "None"), ("realistic", "realistic: at the pace of a live one"), ("finix-2026", "finix-2026")],
        help_text="Changes how the sandbox answers; see Test values.",
    )

    @classmethod
    def of(cls, processor: Processor, data: Any = None) -> "ProcessorSettingsForm":
        told = processor.application_config
        names = ("card_sale_submission_method", "can_debit_bank_account", "sandbox_profile")
        form = cls(data, initial={"enabled": processor.enabled, **{name: told.get(name) for name in names}})
        if settings.IS_LIVE:
            del form.fields["sandbox_profile"]
        return form

    def clean_sandbox_profile(self) -> str | None:
        return self.cleaned_data["sandbox_profile"] or None


class ApiUserForm(forms.Form):
    """A log-in for a program."""

    name = forms.CharField(
        label="Name", max_length=60, help_text="What uses it: “Web shop”, “Nightly export”. Lists show it."
    )
    key = forms.CharField(widget=forms.HiddenInput)


class ApiUserNameForm(forms.Form):
    """What a log-in of a program is called."""

    name = ApiUserForm.base_fields["name"]


class PlatformUserForm(ApiUserForm):
    """A log-in for a program of the platform itself."""

    role = forms.ChoiceField(label="Role", choices=[(role.value, role.label) for role in (Role.ADMIN, Role.PLATFORM)])
