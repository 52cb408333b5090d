"""Forms of a card's page: a verification, an update, and what may be changed of an instrument."""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django import forms
from django.conf import settings

from onboarding.forms.identities import country_field
from onboarding.forms.instruments import ADDRESS, never_shown, text_field
from onboarding.forms.judged import JudgedForm
from onboarding.models import Merchant, PaymentInstrument
from onboarding.serializers.instruments import InstrumentChange
from onboarding.serializers.updates import InstrumentUpdateInput
from onboarding.serializers.verifications import InstrumentVerificationInput

CHOOSABLE = 50
"""Among more merchants than these one does not choose: their id is typed."""


def _address_of(cleaned: Mapping[str, Any]) -> dict[str, Any] | None:
    told = {part: cleaned[part] for part in ADDRESS if cleaned.get(part)}
    return told or None


class CardVerificationForm(JudgedForm):
    """What the card's network is asked to check. Where money is real a security code never comes through a page."""

    key = forms.CharField(widget=forms.HiddenInput)
    security_code = never_shown("Security code", length=4, hint="Three or four digits. Kept nowhere.", required=False)
    line1 = text_field("Street", length=35)
    city = text_field("City", length=20)
    region = text_field("State", length=20, hint="Two letters in the USA and Canada.")
    postal_code = text_field("Postal code", length=10)
    country = country_field()

    def __init__(self, data: Any = None, *, key: str = "") -> None:
        super().__init__(data, initial={"key": key}, auto_id="verification_%s")
        if settings.IS_LIVE:
            del self.fields["security_code"]

    def judge(self, cleaned: Mapping[str, Any]) -> Any:
        code = cleaned.get("security_code")
        told = {"address": _address_of(cleaned), **({"security_code": code} if code else {})}
        return InstrumentVerificationInput(data=told)


class CardUpdateForm(JudgedForm):
    """For which merchant the card's issuer is asked."""

    key = forms.CharField(widget=forms.HiddenInput)
    merchant = forms.CharField(label="Merchant", help_text="Begins with MU.")

    def __init__(self, data: Any = None, *, merchants: Sequence[Merchant], key: str = "") -> None:
        super().__init__(data, initial={"key": key}, auto_id="update_%s")
        if len(merchants) <= CHOOSABLE:
            names = [(merchant.public_id, f"{merchant.display_name} at {merchant.processor}") for merchant in merchants]
            chosen = forms.ChoiceField(
                label="Merchant",
                choices=names if len(names) == 1 else [("", "Choose"), *names],
                help_text="In whose name the issuer is asked.",
            )
            self.fields["merchant"] = cast("forms.CharField", chosen)

    def judge(self, cleaned: Mapping[str, Any]) -> Any:
        return InstrumentUpdateInput(data={"merchant": cleaned["merchant"]} if cleaned.get("merchant") else {})


class InstrumentForm(JudgedForm):
    """What may change of a card or bank account; numbers and expiry never do."""

    name = text_field("Holder", length=40)
    line1 = text_field("Street", length=35)
    line2 = text_field("Apartment, suite", length=35)
    city = text_field("City", length=20)
    region = text_field("State", length=20, hint="Two letters in the USA and Canada.")
    postal_code = text_field("Postal code", length=10)
    country = country_field()
    tags = forms.CharField(
        label="Tags",
        required=False,
        help_text="One per line, as name: value.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )

    _ADDRESS = ("line1", "line2", "city", "region", "postal_code", "country")

    def __init__(self, data: Any = None, *, instrument: PaymentInstrument) -> None:
        address = instrument.address or {}
        tags = "\n".join(f"{name}: {value}" for name, value in instrument.tags.items())
        initial = {"name": instrument.name, "tags": tags, **{part: address.get(part) for part in self._ADDRESS}}
        super().__init__(data, initial=initial, auto_id="instrument_%s")
        self.instrument = instrument
        if not instrument.is_card:
            self.fields["name"].required = True
            for part in self._ADDRESS:
                del self.fields[part]

    def clean_tags(self) -> dict[str, str]:
        tags = {}
        for line in filter(None, map(str.strip, self.cleaned_data["tags"].splitlines())):
            name, colon, value = line.partition(":")
            if not colon:
                raise forms.ValidationError("Each line is a name, a colon and a value.")
            if name.strip() in tags:
                raise forms.ValidationError(f"{name.strip()} is told twice.")
            tags[name.strip()] = value.strip()
        return tags

    def judge(self, cleaned: Mapping[str, Any]) -> Any:
        told: dict[str, Any] = {"name": cleaned.get("name") or None}
        if "tags" in cleaned:
            told["tags"] = cleaned["tags"]
        if self.instrument.is_card:
            address = {part: cleaned[part] for part in self._ADDRESS if cleaned.get(part)}
            told["address"] = address or None
        return InstrumentChange(data=told, context={"instrument": self.instrument})

    @property
    def place(self) -> list[forms.BoundField]:
        return [self[part] for part in self._ADDRESS if part in self.fields]
