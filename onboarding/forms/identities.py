"""The underwriting form of the portal. It asks; the rules are those of the API's body (onboarding.serializers)."""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, ClassVar

from django import forms

from onboarding import categories, countries
from onboarding.forms.controls import LookupInput
from onboarding.forms.judged import JudgedForm
from onboarding.models import Identity
from onboarding.serializers.entities import DayField
from onboarding.serializers.identities import AssociatedIdentityInput, IdentityInput, IdentityUpdate
from onboarding.underwriting import ADDRESS_OF_A_MERCHANT, SEALED, UNDERWRITING, about_open_share, open_share
from resources.errors import FieldError

_AMOUNTS = ("annual_card_volume", "max_transaction_amount")
_DAYS = ("dob", "incorporation_date")
_DAY_FORMAT = "%Y-%m-%d"
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_PERCENT = re.compile(r"0*[0-9]{1,2}|0*100")
_CATEGORY = re.compile(r"[0-9]{4}")
_THOUSANDS = re.compile(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?")
_SEPARATOR = "__"  # personal_address__line1 in the form is personal_address.line1 in the body


class AmountField(forms.DecimalField):
    """An amount in dollars and cents, with or without commas between thousands. Its cleaned value is minor units.

    A comma anywhere else is refused: 1200,50 would become a hundred times what was meant.
    """

    default_error_messages: ClassVar = {"invalid": "Must be an amount such as 1,200.50"}

    def __init__(self, **options: Any) -> None:
        widget = forms.TextInput(attrs={"inputmode": "decimal"})
        super().__init__(**{"decimal_places": 2, "max_digits": 23, "min_value": 0, "widget": widget, **options})

    def to_python(self, value: Any) -> Any:
        if isinstance(value, str):
            value = value.replace("$", "").strip()
            value = value.replace(",", "") if _THOUSANDS.fullmatch(value) else value
        return super().to_python(value)

    def clean(self, value: Any) -> int | None:
        amount: Decimal | None = super().clean(value)
        return None if amount is None else int((amount * 100).quantize(Decimal(1), ROUND_HALF_UP))


class IsoDayField(forms.DateField):
    """A day in the one order of its parts that nobody reads in two ways."""

    default_error_messages: ClassVar = {"invalid": "Must be a day as YYYY-MM-DD"}

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"input_formats": [_DAY_FORMAT], **options})

    def strptime(self, value: str, format: str) -> date:  # noqa: A002 - Django's own name
        if not _DAY.fullmatch(value):
            raise ValueError
        return super().strptime(value, format)


class _EntityForm(JudgedForm):
    """A form over members of an identity's `entity`. `sections` groups its fields for the page, `needed` marks some."""

    sections: list[tuple[str, str, tuple[str, ...]]]
    needed: tuple[str, ...] = ()
    creation: type[IdentityInput | AssociatedIdentityInput] = IdentityInput

    def __init__(self, *args: Any, identity: Identity | None = None, **options: Any) -> None:
        self.identity = identity
        if identity is not None:
            options["initial"] = _initial(identity, self.base_fields) | options.get("initial", {})
        super().__init__(*args, **options)
        self.order_fields(self.names())
        for name in self.needed:
            self.fields[name].required = identity is None or self._holds(name)
        if identity is not None:
            self._say_what_is_kept(identity)

    def _holds(self, name: str) -> bool:
        """Whether an update would take something away by leaving the field empty, as it never does with a secret."""
        return name not in SEALED and self.get_initial_for_field(self.fields[name], name) not in (None, "")

    @classmethod
    def names(cls) -> list[str]:
        """Its fields, in the order of the page."""
        return [name for _, _, names in cls.sections for name in names]

    def section_of(self, name: str) -> str:
        """The heading over a field, for a summary of errors to tell one street from another."""
        return next((heading for heading, _, names in self.sections if name in names), "")

    def grouped(self) -> Iterator[tuple[str, str, list[forms.BoundField]]]:
        """The fields by section: heading, one sentence, bound fields."""
        for heading, text, names in self.sections:
            yield heading, text, [self[name] for name in names]

    def judge(self, cleaned: Mapping[str, Any]) -> IdentityInput | AssociatedIdentityInput | IdentityUpdate:
        body = self.creation if self.identity is None else IdentityUpdate
        return body(data={"entity": self._entity(cleaned)}, instance=self.identity)

    def _entity(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        """The members that were filled in; on an update those that were changed, an emptied one as null."""
        entity: dict[str, Any] = {}
        for name, value in cleaned.items():
            is_empty = value in (None, "")
            if self.identity is None and is_empty and not isinstance(value, bool):
                continue
            if self.identity is not None and (name in SEALED and is_empty):
                continue
            if self.identity is not None and _SEPARATOR not in name and name not in self.changed_data:
                continue
            _put(entity, name.split(_SEPARATOR), None if is_empty else _as_sent(name, value))
        for name in ("personal_address", "business_address"):
            address = entity.get(name)
            if address is not None and not any(value for part, value in address.items() if part != "country"):
                entity[name] = None  # a country alone is what the form began with
            if name in entity and entity[name] == getattr(self.identity, name, None):
                del entity[name]
        return entity

    def place_of(self, refusal: FieldError) -> str:
        """A whole address that is missing is told at its first line; a day has one control."""
        name = refusal.field.removeprefix("entity.").replace(".", _SEPARATOR)
        places = (name, f"{name}{_SEPARATOR}line1", name.split(_SEPARATOR)[0])
        return next((place for place in places if place in self.fields), "")

    def _say_what_is_kept(self, identity: Identity) -> None:
        for name in SEALED:
            if name in self.fields and getattr(identity, f"{name}_provided"):
                self.fields[name].help_text = "Provided. Leave it empty to keep it."


def _text(label: str, *, length: int, hint: str = "", **attributes: str) -> forms.CharField:
    widget = forms.TextInput(attrs=attributes)
    return forms.CharField(label=label, required=False, max_length=length, help_text=hint, widget=widget)


def _day(label: str, **attributes: str) -> forms.DateField:
    widget = forms.DateInput(attrs={"type": "date", **attributes}, format=_DAY_FORMAT)
    return IsoDayField(label=label, required=False, widget=widget)


def _choice(label: str, choices: Any) -> forms.ChoiceField:
    return forms.ChoiceField(
        label=label,
        required=False,
        choices=[("", "Choose"), *choices],
        error_messages={"invalid_choice": "There is no such choice"},  # echoes nothing of what was typed
    )


def _share() -> forms.IntegerField:
    widget = forms.TextInput(attrs={"inputmode": "numeric"})
    return forms.IntegerField(label="Share owned", required=False, min_value=0, max_value=100, widget=widget)


def country_field(*, required: bool = False) -> forms.ChoiceField:
    refused = {"invalid_choice": "There is no such country"}
    return forms.ChoiceField(
        label="Country",
        required=required,
        choices=lambda: [("", "Choose"), *countries.country_choices()],
        error_messages=refused,
    )


_OWNER = ("first_name", "last_name", "title", "principal_percentage_ownership", "dob", "tax_id", "email", "phone")
_HOME_ADDRESS = (
    "personal_address__line1", "personal_address__line2", "personal_address__city", "personal_address__region",
    "personal_address__postal_code", "personal_address__country",
)  # fmt: skip


class _PersonForm(_EntityForm):
    """What is asked of every person."""

    first_name = _text("First name", length=20, autocomplete="off")
    last_name = _text("Last name", length=20, autocomplete="off")
    email = _text("E-mail", length=100, type="email", autocomplete="off")
    phone = _text("Phone", length=40, type="tel", autocomplete="off")
    personal_address__line1 = _text("Street", length=35)
    personal_address__line2 = _text("Apartment, suite", length=35)
    personal_address__city = _text("City", length=20)
    personal_address__region = _text("State", length=20, hint="Two letters in the USA and Canada.")
    personal_address__postal_code = _text("Postal code", length=10)
    personal_address__country = country_field()


class _OwningPersonForm(_PersonForm):
    """What is asked besides of whoever owns a share of a business."""

    title = _text("Title", length=60, hint="For example CEO.")
    principal_percentage_ownership = _share()
    dob = _day("Date of birth", autocomplete="off")
    tax_id = _text(
        "Personal tax id",
        length=20,
        hint="Nine digits. Kept encrypted, never shown.",
        inputmode="numeric",
        autocomplete="off",
    )


class MerchantIdentityForm(_OwningPersonForm):
    """The underwriting form of a merchant."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        code = str(self["mcc"].value() or "").strip()
        if _CATEGORY.fullmatch(code):
            name = categories.category_name(code)
            self["mcc"].help_text = f"{code} is {name}." if name else self.doubts()["mcc"]

    def doubts(self) -> dict[str, str]:
        """What is not refused, but looks wrong: by field."""
        code = str(self["mcc"].value() or "").strip()
        if not _CATEGORY.fullmatch(code) or categories.category_name(code):
            return {}
        return {"mcc": f"No list has the code {code}. Check it: the processor may not know it either."}

    @property
    def about_owners(self) -> str:
        """What to say of the share of the business that the principal does not hold; empty where nothing is asked."""
        told = str(self["principal_percentage_ownership"].value() or "").strip()
        percent = open_share(
            principal=int(told) if _PERCENT.fullmatch(told) else None,
            business_type=self["business_type"].value(),
            ownership_type=self["ownership_type"].value(),
        )
        return about_open_share(percent) if percent else ""

    def _entity(self, cleaned: Mapping[str, Any]) -> dict[str, Any]:
        entity = super()._entity(cleaned)
        if self.identity is None and "business_type" in self.errors:  # the rest is judged as of a merchant all the same
            entity["business_type"] = Identity.BusinessType.CORPORATION
        return entity

    business_name = _text("Legal business name", length=120, autocomplete="organization")
    doing_business_as = _text("Trading name", length=60, hint="What buyers know it by.")
    business_type = _choice("Business type", Identity.BusinessType.choices)
    ownership_type = _choice("Ownership", Identity.OwnershipType.choices)
    business_tax_id = _text(
        "Business tax id",
        length=20,
        hint="Nine digits. Kept encrypted, never shown.",
        inputmode="numeric",
        autocomplete="off",
    )
    incorporation_date = _day("Founded on")
    url = _text("Website", length=100, inputmode="url")
    business_phone = _text("Customer service phone", length=40, type="tel")
    business_address__line1 = _text("Street", length=35)
    business_address__line2 = _text("Apartment, suite", length=35)
    business_address__city = _text("City", length=20)
    business_address__region = _text("State", length=20, hint="Two letters in the USA and Canada.")
    business_address__postal_code = _text("Postal code", length=10)
    business_address__country = country_field()
    default_statement_descriptor = _text(
        "Statement descriptor", length=20, hint="What buyers read on their card statement."
    )
    mcc = forms.CharField(
        label="Merchant category code",
        required=False,
        help_text="Four digits; type what is sold to look them up.",
        widget=LookupInput(categories.category_choices),
    )
    tax_authority = _text("Tax authority", length=100, hint="Only for tax payments (code 9311).")
    annual_card_volume = AmountField(label="Card sales a year", required=False)
    max_transaction_amount = AmountField(label="Largest transaction", required=False)
    has_accepted_credit_cards_previously = forms.BooleanField(label="Has taken card payments before", required=False)

    sections = [
        ("Business", "The legal entity that will be underwritten.", (
            "business_name", "doing_business_as", "business_type", "ownership_type", "business_tax_id",
            "incorporation_date", "url", "business_phone",
        )),
        ("Business address", "Where the entity is at home.", (
            "business_address__line1", "business_address__line2", "business_address__city", "business_address__region",
            "business_address__postal_code", "business_address__country",
        )),
        ("Principal", "The person who owns or runs it.", _OWNER),
        ("Principal's home address", "Used to verify the person.", _HOME_ADDRESS),
        ("Processing", "What it will sell, and how much.", (
            "default_statement_descriptor", "mcc", "tax_authority", "annual_card_volume", "max_transaction_amount",
            "has_accepted_credit_cards_previously",
        )),
    ]  # fmt: skip

    needed = tuple(
        name
        for member in UNDERWRITING
        for name in (
            [f"{member}{_SEPARATOR}{part}" for part in ADDRESS_OF_A_MERCHANT]
            if member.endswith("_address")
            else [member]
        )
    )


class BuyerIdentityForm(_PersonForm):
    """Somebody who pays. Every field is optional, but something to know them by is asked for."""

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        told = ("first_name", "last_name", "email", "phone")
        if not any(cleaned.get(name) or name in self.errors for name in told):
            self.add_error(None, "Give at least a name, an e-mail address or a phone number.")
        return cleaned

    sections = [
        ("Person", "Whom a payment is from, or to.", ("first_name", "last_name", "email", "phone")),
        ("Address", "Helps to check a card against fraud.", _HOME_ADDRESS),
    ]  # fmt: skip


class OwnerForm(_OwningPersonForm):
    """Somebody who owns a share of a business besides its principal."""

    creation = AssociatedIdentityInput

    title = _text("Title", length=60, hint="For example CFO.")

    sections = [
        ("Person", "Who owns it, and how much of it.", _OWNER),
        ("Home address", "Used to verify the person.", _HOME_ADDRESS),
    ]  # fmt: skip

    needed = ("first_name", "last_name")


def _put(entity: dict[str, Any], path: list[str], value: Any) -> None:
    for step in path[:-1]:
        entity = entity.setdefault(step, {})
    entity[path[-1]] = value


def _as_sent(name: str, value: Any) -> Any:
    return DayField().to_representation(value) if name in _DAYS and isinstance(value, date) else value


def _initial(identity: Identity, names: Mapping[str, forms.Field]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name in names:
        if name in SEALED:
            continue
        member, _, part = name.partition(_SEPARATOR)
        value = getattr(identity, member)
        if part:
            value = (value or {}).get(part)
        elif name in _AMOUNTS:
            value = Decimal(value) / 100
        values[name] = value
    return values
