"""Forms of risk profiles: which failed card checks are let through, and whose word counts."""

from typing import Any

from django import forms

from tenancy.models import RiskProfile


class RiskForm(forms.Form):
    """The two toggles of a risk profile."""

    avs_failure_allowed = forms.BooleanField(
        label="Allow failed address checks (AVS)",
        required=False,
        help_text="On: a sale goes through although the issuer does not know the address. Off: it is declined.",
    )
    csc_failure_allowed = forms.BooleanField(
        label="Allow failed security codes (CSC)",
        required=False,
        help_text="On: a sale goes through although the security code is wrong. Off: it is declined.",
    )

    TOGGLES = ("avs_failure_allowed", "csc_failure_allowed")

    @classmethod
    def of(cls, profile: RiskProfile, data: Any = None) -> "RiskForm":
        return cls(data, initial={name: getattr(profile, name) for name in cls.TOGGLES}, auto_id="risk_%s")

    @property
    def toggles(self) -> list[forms.BoundField]:
        return [self[name] for name in self.TOGGLES]

    @property
    def values(self) -> dict[str, bool]:
        return {name: self.cleaned_data[name] for name in self.TOGGLES}


class MerchantRiskForm(RiskForm):
    """The same of a merchant, which may leave it to its application."""

    OWN, INHERITED = "own", "application"

    whose = forms.ChoiceField(
        label="What holds",
        widget=forms.RadioSelect,
        choices=[(INHERITED, "The application's risk profile"), (OWN, "A risk profile of its own, as below")],
    )

    @classmethod
    def of_merchant(cls, profile: RiskProfile, *, is_own: bool, data: Any = None) -> "MerchantRiskForm":
        """`profile` is the one that holds for the merchant now."""
        initial = {name: getattr(profile, name) for name in cls.TOGGLES}
        return cls(data, initial=initial | {"whose": cls.OWN if is_own else cls.INHERITED}, auto_id="risk_%s")

    @property
    def is_own(self) -> bool:
        return bool(self.cleaned_data["whose"] == self.OWN)
