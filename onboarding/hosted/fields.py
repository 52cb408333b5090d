"""What a frame can ask for, by the API's name of the member."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from onboarding import countries
from onboarding.models import PaymentInstrument

Choices = Sequence[tuple[str, str]]


def _account_types() -> Choices:
    return PaymentInstrument.AccountType.choices


def _routable_countries() -> Choices:
    return [(countries.HOME, countries.country_name(countries.HOME))]


@dataclass(frozen=True)
class Field:
    label: str
    autocomplete: str = "off"
    inputmode: str = "text"
    max_length: int | None = None
    choices: Callable[[], Choices] | None = None


FIELDS = {
    "number": Field("Card number", "cc-number", "numeric"),
    "expiration_date": Field("Expiration date, month and year", "cc-exp", "numeric"),
    "security_code": Field("Security code", "cc-csc", "numeric"),
    "name": Field("Name", "cc-name", max_length=40),
    "address.line1": Field("Address", "address-line1", max_length=35),
    "address.line2": Field("Address, second line", "address-line2", max_length=35),
    "address.city": Field("City", "address-level2", max_length=20),
    "address.region": Field("State or region", "address-level1", max_length=20),
    "address.postal_code": Field("Postal code", "postal-code", max_length=10),
    "address.country": Field("Country", "country", choices=countries.country_choices),
    "account_number": Field("Account number", inputmode="numeric"),
    "bank_code": Field("Routing number", inputmode="numeric"),
    "account_type": Field("Account type", choices=_account_types),
    "country": Field("Country of the bank", choices=_routable_countries),
}
