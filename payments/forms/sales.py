"""The form of a sale, or of a hold. It asks; the rules are those of the API's body and of the service."""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, cast

from django import forms
from django.conf import settings
from django.utils import timezone
from rest_framework.exceptions import ValidationError

from api.errors import field_errors
from onboarding.forms.instruments import never_shown
from onboarding.models import Merchant, PaymentInstrument
from onboarding.serializers.instruments import SecurityCodeField
from payments.forms.amounts import UnitsField, minor_units
from payments.serializers.transfers import TransferInput
from resources.errors import DomainError, FieldError, FieldErrors
from vault.secret import Fleeting

SECURITY_CODE = "security_code"
CHARGE, HOLD = "charge", "hold"
PURPOSES = (
    (CHARGE, "Charge: the money is taken"),
    (HOLD, "Hold: nothing is taken until it is captured, within seven days"),
)
_OTHER_CARD = "source_id"


class SaleForm(forms.Form):
    """What is charged to which card or bank account, or held on which card; without `accounts`, of cards alone.

    `body` is the validated body of POST /transfers, whose members both have in common, once the form is valid. Its
    hidden key is the idempotency key: a form that is sent twice acts once. `security_code` is asked for beside the act
    alone, is no part of the body, and does not come back. Where money is real none comes through a page.
    """

    key = forms.CharField(widget=forms.HiddenInput, max_length=64)
    purpose = forms.ChoiceField(label="Charge or hold", choices=PURPOSES, widget=forms.RadioSelect, required=False)
    amount = UnitsField(label="Amount")
    currency = forms.ChoiceField(label="Currency")
    source = forms.ChoiceField(label="Card", required=False)
    source_id = forms.CharField(
        label="Another card's id",
        required=False,
        max_length=64,
        help_text="Begins with PI. It is used instead of the one chosen above.",
    )
    fee = UnitsField(
        label="Fee", required=False, help_text="What the partner keeps of the amount; the rest is the merchant's."
    )
    statement_descriptor = forms.CharField(
        label="Statement descriptor",
        required=False,
        max_length=20,
        help_text="What the buyer reads on the statement; the merchant's own otherwise.",
    )
    tags = forms.CharField(
        label="Tags",
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="One a line, for example order: 1001.",
    )

    security_code = never_shown(
        "Security code", length=4, hint="Three or four digits, on the card. Kept nowhere.", required=False
    )

    def __init__(
        self,
        data: Any = None,
        *,
        merchant: Merchant,
        cards: Iterable[PaymentInstrument],
        accounts: Iterable[PaymentInstrument] | None = None,
        currencies: Iterable[str],
        initial: Mapping[str, Any],
    ) -> None:
        super().__init__(data, initial=dict(initial))
        self.merchant = merchant
        self.body: dict[str, Any] = {}
        self.code: Fleeting | None = None
        if settings.IS_LIVE:
            del self.fields[SECURITY_CODE]
        what = "a card" if accounts is None else "a card or bank account"
        if accounts is not None:
            self.fields["source"].label = "Card or bank account"
            self.fields[_OTHER_CARD].label = "Another one's id"
        groups = {"Cards": _choices(cards), "Bank accounts": _choices(accounts or ())}
        found = [(name, choices) for name, choices in groups.items() if choices]
        offered = found if len(found) > 1 else [choice for _, choices in found for choice in choices]
        self._offer("source", [("", f"Choose {what}"), *offered])
        self._none_chosen = f"Choose {what}, or name one by its id."
        self._offer("currency", [(currency, currency) for currency in currencies])

    def clean(self) -> dict[str, Any]:
        """Judge the whole by the API's rules; each refusal goes to its field."""
        cleaned: dict[str, Any] = super().clean() or {}
        told = self._told(cleaned)
        self._take_code(cleaned.pop(SECURITY_CODE, ""))
        if not self.is_in_order:
            return cleaned
        body = TransferInput(data=told)
        try:
            body.is_valid(raise_exception=True)
        except ValidationError as error:
            self.refuse(FieldErrors(field_errors(error.detail)))
        else:
            self.body = body.validated_data
        return cleaned

    def refuse(self, error: DomainError) -> None:
        """Put a refusal beside its field, where it has one."""
        for refusal in error.errors if isinstance(error, FieldErrors) else [error]:
            self.add_error(self._field_of(refusal), str(refusal))

    @property
    def act(self) -> str:
        """What is to happen: a charge, unless a hold was chosen."""
        return HOLD if self.data.get("purpose") == HOLD else CHARGE

    @property
    def is_hold(self) -> bool:
        return self.act == HOLD

    @property
    def is_in_order(self) -> bool:
        """Whether nothing is wrong but the security code, if that."""
        return set(self.errors) <= {SECURITY_CODE}

    @property
    def sent(self) -> dict[str, str]:
        """What was filled in, as it was sent, without the security code."""
        return {bound.name: bound.data for bound in self if bound.data and bound.name != SECURITY_CODE}

    def ask_for_code(self) -> None:
        """Show the security code as a field that has to be filled in."""
        self.fields[SECURITY_CODE].required = True

    def _offer(self, name: str, choices: list[Any]) -> None:
        cast("forms.ChoiceField", self.fields[name]).choices = choices

    def _told(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        source = cleaned.get(_OTHER_CARD) or cleaned.get("source")
        if not source and not {"source", _OTHER_CARD} & set(self.errors):
            self.add_error("source", self._none_chosen)
        told = {
            "merchant": self.merchant.public_id,
            "source": source,
            "currency": cleaned.get("currency"),
            "statement_descriptor": cleaned.get("statement_descriptor") or None,
            "tags": self._tags(cleaned.get("tags", "")),
        }
        for name in ("amount", "fee"):
            if cleaned.get(name) is not None and told["currency"]:
                told[name] = self._in_minor_units(name, cleaned)
        return {name: value for name, value in told.items() if value is not None}

    def _take_code(self, text: str) -> None:
        if not text:
            return
        try:
            self.code = SecurityCodeField().run_validation(text)
        except ValidationError as error:
            self.refuse(FieldErrors(field_errors({SECURITY_CODE: error.detail})))

    def _in_minor_units(self, name: str, cleaned: Mapping[str, Any]) -> int | None:
        if name == "amount" and not cleaned[name]:
            self.add_error(name, "An amount above 0 is needed.")
            return None
        try:
            return minor_units(cleaned[name], cleaned["currency"])
        except forms.ValidationError as error:
            self.add_error(name, error)
            return None

    def _tags(self, text: str) -> dict[str, str]:
        tags = {}
        for line in filter(None, map(str.strip, text.splitlines())):
            key, sign, value = (part.strip() for part in line.partition(":"))
            if not (sign and key and value):
                self.add_error("tags", "Write each tag on a line of its own, as name: value.")
                break
            tags[key] = value
        return tags

    def _field_of(self, refusal: DomainError) -> str | None:
        if not isinstance(refusal, FieldError):
            return None
        name = refusal.field.partition(".")[0]
        if name == "source" and self.data.get(_OTHER_CARD):
            name = _OTHER_CARD
        return name if name in self.fields else None


def _choices(instruments: Iterable[PaymentInstrument]) -> list[tuple[str, str]]:
    """What reads like another is told apart by when it was added, and by its id."""
    read = {instrument.public_id: (instrument, instrument_in_words(instrument)) for instrument in instruments}
    alike = Counter(text for _, text in read.values())
    return [
        (public_id, f"{text}, added {_day(instrument.created_at)}, {public_id}" if alike[text] > 1 else text)
        for public_id, (instrument, text) in read.items()
    ]


def _day(at: datetime) -> str:
    local = timezone.localtime(at)
    return f"{local.day} {local:%b %Y}"


def instrument_in_words(instrument: PaymentInstrument) -> str:
    """A card or bank account as one chooses it: what it is, whose, and until when a card is good."""
    year = instrument.expiration_year
    expiry = f"expires {instrument.expiration_month:02}/{year}" if year else ""
    return ", ".join(part for part in (instrument.display_name, instrument.name, expiry) if part)
