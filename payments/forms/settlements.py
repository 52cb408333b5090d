"""The forms of settlements: how much is paid to which account, tags, and when they close."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms

from onboarding.models import PaymentInstrument
from payments.forms.parts import PartForm
from payments.models import Settlement, SettlementSchedule
from resources.errors import DomainError, FieldError
from resources.tags import clean_tags

Frequency = SettlementSchedule.Frequency
_WEEK = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_OF_THE_APPLICATION = "APPLICATION"


class PaymentForm(PartForm):
    """How much of an approved settlement is paid, and where to. `left` is what was to be paid when it was shown."""

    names: ClassVar = {"amount": "amount", "destination": "destination", "key": "key"}

    left = forms.IntegerField(widget=forms.HiddenInput, min_value=0)
    destination = forms.ChoiceField(label="Bank account", error_messages={"invalid_choice": "Choose one of the list."})

    def __init__(
        self, data: Any = None, *, accounts: Sequence[PaymentInstrument], currency: str, initial: Mapping[str, Any]
    ) -> None:
        super().__init__(data, currency=currency, initial=initial)
        self.accounts = {account.public_id: account for account in accounts}
        choices = [(key, f"{account.display_name}, {account.name}") for key, account in self.accounts.items()]
        self.fields["destination"].choices = choices  # type: ignore[attr-defined]  # it is a field of choices

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if not self.errors:
            self.body = {"amount": cleaned["amount"], "destination": cleaned["destination"]}
        return cleaned


class TagsForm(forms.Form):
    """Tags, one a line."""

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    tags = forms.CharField(
        label="Tags",
        required=False,
        help_text="One per line, as name: value.",
        widget=forms.Textarea(attrs={"rows": 4, "spellcheck": "false"}),
    )

    @classmethod
    def of(cls, settlement: Settlement, *, key: str) -> "TagsForm":
        lines = "\n".join(f"{name}: {value}" for name, value in settlement.tags.items())
        return cls(initial={"key": key, "tags": lines})

    def clean_tags(self) -> dict[str, str]:
        try:
            return clean_tags(tags_in(self.cleaned_data["tags"]))
        except FieldError as error:
            raise forms.ValidationError(str(error)) from error


class ScheduleForm(forms.Form):
    """When settlements close by themselves; a merchant may follow its application."""

    names: ClassVar = {"frequency": "frequency", "day": "weekday"}

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    frequency = forms.ChoiceField(
        label="Closes",
        choices=Frequency.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose one.", "invalid_choice": "Choose one of the list."},
    )
    weekday = forms.TypedChoiceField(
        label="Day of the week",
        choices=list(enumerate(_WEEK, start=1)),
        coerce=int,
        required=False,
        empty_value=None,
        help_text="Counts where it closes every week.",
    )
    monthday = forms.TypedChoiceField(
        label="Day of the month",
        choices=[(day, str(day)) for day in range(1, 32)],
        coerce=int,
        required=False,
        empty_value=None,
        help_text="Counts where it closes every month, as the day begins: day 1 takes in whole months. In a shorter "
        "month the last day counts.",
    )

    def __init__(self, data: Any = None, *, rule: SettlementSchedule | None, follows: str = "", key: str = "") -> None:
        """`follows` is what the rule of the application says, where there is one above."""
        day = rule.day if rule else None
        initial = {
            "key": key,
            "frequency": rule.frequency if rule else _OF_THE_APPLICATION if follows else Frequency.DAILY,
            "weekday": day if rule and rule.frequency == Frequency.WEEKLY else 1,
            "monthday": day if rule and rule.frequency == Frequency.MONTHLY else 1,
        }
        super().__init__(data, initial=initial)
        if follows:
            above = (_OF_THE_APPLICATION, f"As for the whole application: {follows[:1].lower()}{follows[1:]}")
            self.fields["frequency"].choices = [above, *Frequency.choices]  # type: ignore[attr-defined]  # as above

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        for frequency, name in ((Frequency.WEEKLY, "weekday"), (Frequency.MONTHLY, "monthday")):
            if cleaned.get("frequency") == frequency and not cleaned.get(name) and name not in self.errors:
                self.add_error(name, "Choose a day.")
        return cleaned

    @property
    def chosen(self) -> tuple[str | None, int | None]:
        """Frequency and day; no frequency where the application's rule is followed."""
        told = str(self.cleaned_data["frequency"])
        if told == _OF_THE_APPLICATION:
            return None, None
        name = {Frequency.WEEKLY.value: "weekday", Frequency.MONTHLY.value: "monthday"}.get(told)
        return told, self.cleaned_data[name] if name else None


def refuse(form: forms.Form, error: DomainError, names: Mapping[str, str]) -> None:
    """Put a refusal beside its field, where it has one."""
    form.add_error(names.get(error.field) if isinstance(error, FieldError) else None, str(error))


def tags_in(text: str) -> dict[str, str]:
    """Tags as one writes them. Raises ValidationError."""
    tags: dict[str, str] = {}
    for line in filter(None, map(str.strip, text.splitlines())):
        name, colon, value = (part.strip() for part in line.partition(":"))
        if not colon or not name:
            raise forms.ValidationError("Each line is a name, a colon and a value.")
        if name in tags:
            raise forms.ValidationError(f"{name} is told twice.")
        tags[name] = value
    return tags
