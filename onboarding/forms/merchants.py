"""Forms of merchants. They ask; the API's body and the services judge."""

from collections.abc import Sequence
from typing import Any, cast

from django import forms
from rest_framework.exceptions import ValidationError

from api.errors import field_errors
from onboarding.models import Merchant
from onboarding.serializers.merchants import MerchantUpdate
from portal.design.states import words
from tenancy.models import Application


def _in_words(constants: Sequence[str]) -> list[tuple[str, str]]:
    return [(constant, words(constant)) for constant in constants]


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


class MerchantForm(forms.Form):
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
        choices=_in_words(Application.FundingIdentifier.values),
        help_text="What names a payout at the bank.",
    )
    ready_to_settle_upon = forms.ChoiceField(
        label="Funds are ready upon",
        required=False,
        choices=[("", "As the application says"), *_in_words(Application.SettleUpon.values)],
    )
    fee_ready_to_settle_upon = forms.ChoiceField(
        label="Fees are ready upon", choices=_in_words(Application.SettleUpon.values)
    )
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

    def clean(self) -> dict[str, Any]:
        """Judge what was changed by the API's rules; what was not touched is left as it is."""
        cleaned: dict[str, Any] = super().clean() or {}
        changed = {name: cleaned[name] for name in self.changed_data if name in cleaned}
        if "ready_to_settle_upon" in changed:
            changed["ready_to_settle_upon"] = changed["ready_to_settle_upon"] or None
        body = MerchantUpdate(data=changed)
        try:
            body.is_valid(raise_exception=True)
        except ValidationError as error:
            for refusal in field_errors(error.detail):
                self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))
        else:
            self.body: dict[str, Any] = body.validated_data
        return cleaned

    @property
    def switches(self) -> list[forms.BoundField]:
        return [self[name] for name in self.SWITCHES]

    @property
    def settings(self) -> list[forms.BoundField]:
        return [bound for bound in self if bound.name not in self.SWITCHES]
