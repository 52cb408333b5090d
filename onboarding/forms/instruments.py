"""Forms of bank accounts and cards. They ask; the rules are those of the API's body (onboarding.serializers)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from django import forms

from onboarding.forms.identities import country_field
from onboarding.forms.judged import JudgedForm
from onboarding.models import Identity, PaymentInstrument
from onboarding.serializers.instruments import InstrumentInput
from resources.errors import DomainError

_HIDDEN_AGAIN = "Type it again: it was not kept."
ADDRESS = ("line1", "city", "region", "postal_code", "country")


class _NeverShown(forms.TextInput):
    """A control whose value does not come back into the page."""

    def format_value(self, value: Any) -> None:
        del value


class _WholeNumber(forms.IntegerField):
    widget = forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"})


def never_shown(label: str, *, length: int, hint: str, required: bool = True) -> forms.CharField:
    widget = _NeverShown(attrs={"inputmode": "numeric", "autocomplete": "off", "spellcheck": "false"})
    return forms.CharField(label=label, max_length=length, help_text=hint, required=required, widget=widget)


def text_field(
    label: str, *, length: int, hint: str = "", required: bool = False, **attributes: str
) -> forms.CharField:
    widget = forms.TextInput(attrs={"autocomplete": "off", **attributes})
    return forms.CharField(label=label, max_length=length, help_text=hint, required=required, widget=widget)


class _InstrumentForm(JudgedForm):
    """A form over the members of one type of instrument."""

    type: ClassVar[str]
    secrets: ClassVar[tuple[str, ...]]

    key = forms.CharField(widget=forms.HiddenInput)

    def __init__(self, *args: Any, identity: Identity, now: datetime, key: str, **options: Any) -> None:
        options["initial"] = {"name": identity.display_name[:40], "key": key} | options.get("initial", {})
        options["auto_id"] = f"{self.type.lower()}_%s"
        super().__init__(*args, **options)
        self.identity = identity
        self.now = now

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if self.errors:
            self.forget_numbers()
        return cleaned

    def judge(self, cleaned: Mapping[str, Any]) -> InstrumentInput:
        told = {"type": self.type, "identity": self.identity.public_id, **self.told(cleaned)}
        return InstrumentInput(data=told, context={"now": self.now})

    def told(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """The members that were filled in."""
        return {name: value for name, value in cleaned.items() if name != "key" and value not in (None, "")}

    def refuse(self, error: DomainError) -> None:
        super().refuse(error)
        self.forget_numbers()

    def forget_numbers(self) -> None:
        for name in self.secrets:
            if name not in self.errors and self.data.get(name):
                self[name].help_text = _HIDDEN_AGAIN


class BankAccountForm(_InstrumentForm):
    """A bank account, to which a merchant is paid out or from which a buyer pays."""

    type = PaymentInstrument.Type.BANK_ACCOUNT
    secrets = ("account_number",)

    name = text_field("Account holder", length=40, hint="As the bank knows it.", required=True)
    bank_code = text_field("Routing number", length=9, hint="Nine digits.", required=True, inputmode="numeric")
    account_number = never_shown("Account number", length=17, hint="Kept encrypted; shown as its last four digits.")
    account_type = forms.ChoiceField(
        label="Account type", choices=[("", "Choose"), *PaymentInstrument.AccountType.choices]
    )
    country = country_field(required=True)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, initial={"country": "USA"}, **options)


class CardForm(_InstrumentForm):
    """A card, for a sandbox. Where money is real its number comes by hosted fields, never through this page."""

    type = PaymentInstrument.Type.PAYMENT_CARD
    secrets = ("number", "security_code")

    name = text_field("Name on the card", length=40)
    number = never_shown("Card number", length=23, hint="Passed on to the provider and kept nowhere.")
    expiration_month = _WholeNumber(label="Expiry month", help_text="1 to 12.")
    expiration_year = _WholeNumber(label="Expiry year", help_text="Four digits.")
    security_code = never_shown("Security code", length=4, hint="Three or four digits.", required=False)
    postal_code = text_field("Postal code", length=10)
    line1 = text_field("Street", length=35)
    city = text_field("City", length=20)
    region = text_field("State", length=20, hint="Two letters in the USA and Canada.")
    country = country_field()

    def told(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        members = super().told(cleaned)
        address = {part: members.pop(part) for part in ADDRESS if part in members}
        return members | ({"address": address} if address else {})
