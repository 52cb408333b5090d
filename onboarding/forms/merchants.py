"""Forms of merchants. They ask; the API's body and the services judge."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms

from onboarding.forms.judged import JudgedForm
from onboarding.models import Merchant
from onboarding.serializers.merchants import MerchantUpdate
from tenancy.models import Application


class ProvisionForm(forms.Form):
    """Where an identity becomes a merchant."""

    key = forms.CharField(widget=forms.HiddenInput)
    processor = forms.ChoiceField(label="Processor", help_text="It checks the business, and takes its payments.")

    @classmethod
    def among(cls, processors: Sequence[str], *, key: str, data: Any = None) -> "ProvisionForm":
        """A form that offers the processors that are enabled for the application."""
        form = cls(data, initial={"key": key}, auto_id="provision_%s")
        cast("forms.ChoiceField", form.fields["processor"]).choices = [(name, name) for name in processors]
        return form


class VerificationForm(forms.Form):
    """A question only: send the present data once more."""

    key = forms.CharField(widget=forms.HiddenInput)


class MerchantForm(JudgedForm):
    """Switches and settings of a merchant that are ours. `body` holds the validated changes."""

    processing_enabled = forms.BooleanField(
        label="Processing Enabled", required=False, help_text="Off: payments for this merchant are refused."
    )
    settlement_enabled = forms.BooleanField(
        label="Settlements Enabled", required=False, help_text="Off: nothing is paid out to this merchant."
    )
    merchant_name = forms.CharField(label="Name", max_length=120, required=False)
    settlement_funding_identifier = forms.ChoiceField(
        label="Funding identifier",
        choices=Application.FundingIdentifier.choices,
        help_text="What names a payout at the bank.",
    )
    ready_to_settle_upon = forms.ChoiceField(
        label="Funds are ready upon",
        required=False,
        choices=[("", "As the application says"), *Application.SettleUpon.choices],
    )
    fee_ready_to_settle_upon = forms.ChoiceField(label="Fees are ready upon", choices=Application.SettleUpon.choices)
    card_cvv_required = forms.BooleanField(
        label="Cards need their security code",
        required=False,
        help_text="A sale is refused where the code was told neither with the card nor with the sale.",
    )
    card_expiration_date_required = forms.BooleanField(
        label="Cards need their expiry", required=False, help_text="A sale with a card that has no date is refused."
    )
    creating_transfer_from_report_enabled = forms.BooleanField(
        label="Transfers are made from the processor's reports", required=False
    )

    SWITCHES = ("processing_enabled", "settlement_enabled")

    @classmethod
    def of(cls, merchant: Merchant, data: Any = None) -> "MerchantForm":
        """The form as the merchant stands; the switches cannot be moved before it is approved."""
        form = cls(data, initial={name: getattr(merchant, name) for name in cls.base_fields}, auto_id="merchant_%s")
        if merchant.onboarding_state != Merchant.OnboardingState.APPROVED:
            for name in cls.SWITCHES:
                form.fields[name].disabled = True
                form.fields[name].help_text = "Only an approved merchant can be switched on."
        return form

    def judge(self, cleaned: Mapping[str, Any]) -> MerchantUpdate:
        """What was changed; what was not touched is left as it is."""
        changed = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        if "ready_to_settle_upon" in changed:
            changed["ready_to_settle_upon"] = changed["ready_to_settle_upon"] or None
        return MerchantUpdate(data=changed)

    @property
    def switches(self) -> list[forms.BoundField]:
        return [self[name] for name in self.SWITCHES]

    @property
    def settings(self) -> list[forms.BoundField]:
        return [bound for bound in self if bound.name not in self.SWITCHES]
