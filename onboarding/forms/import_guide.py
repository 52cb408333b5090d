"""What to write into a file of merchants, column by column, and a file that is in order to begin from."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.text import capfirst

from onboarding.forms.identities import MerchantIdentityForm
from onboarding.forms.imports import as_csv, columns, needed_columns
from onboarding.models import Identity
from onboarding.services.imports import BANK_COLUMNS

_EXAMPLE = {
    "business_name": "Hazel Street Books LLC", "doing_business_as": "Hazel Street Books",
    "business_type": "Limited liability company", "ownership_type": "private", "business_tax_id": "12-3456789",
    "incorporation_date": "2014-03-28", "url": "https://hazelstreet.example", "business_phone": "+1 503-555-0142",
    "business_address.line1": "12 Hazel Street", "business_address.line2": "", "business_address.city": "Portland",
    "business_address.region": "OR", "business_address.postal_code": "97205", "business_address.country": "USA",
    "first_name": "Ann", "last_name": "Lindqvist", "title": "Owner", "principal_percentage_ownership": "100",
    "dob": "1984-09-02", "tax_id": "123-45-6789", "email": "ann@hazelstreet.example", "phone": "+1 503-555-0143",
    "personal_address.line1": "7 Alder Lane", "personal_address.line2": "", "personal_address.city": "Portland",
    "personal_address.region": "OR", "personal_address.postal_code": "97206", "personal_address.country": "USA",
    "default_statement_descriptor": "Hazel Street Books", "mcc": "5942", "tax_authority": "",
    "annual_card_volume": "240000.00", "max_transaction_amount": "500.00",
    "has_accepted_credit_cards_previously": "yes", "account_holder": "Hazel Street Books LLC",
    "account_number": "123123123", "bank_code": "123123123", "account_type": "business checking",
}  # fmt: skip
"""A merchant that is in order, cell by cell."""
_HOW = {
    **dict.fromkeys(("incorporation_date", "dob"), "As YYYY-MM-DD, and in no other way."),
    **dict.fromkeys(("business_address.country", "personal_address.country"), "Three letters."),
    "principal_percentage_ownership": "0 to 100.",
    "mcc": "Four digits. Mark the column as text in a spreadsheet, or leading zeros are lost.",
    "annual_card_volume": "US dollars.",
    "max_transaction_amount": "US dollars.",
    "has_accepted_credit_cards_previously": "yes or no; empty is no.",
}
"""What to write where a file is not filled in as the form is."""
_CONSTANTS = {"business_type": Identity.BusinessType.values, "ownership_type": Identity.OwnershipType.values}
_BANK_WORDS = {
    "account_holder": ("Account holder", "The legal name if left empty."),
    "account_number": ("Account number", "5 to 17 digits. Kept encrypted; the last four are shown."),
    "bank_code": ("Routing number", "Nine digits."),
    "account_type": ("Account type", "checking, savings, or one of them as business or personal: business checking."),
}


@dataclass(frozen=True)
class Column:
    """What a column is for: in the words of the form, with an example."""

    name: str
    label: str
    hint: str
    is_needed: bool
    example: str


def explained() -> list[tuple[str, list[Column]]]:
    """Every column under the heading that the form has for it."""
    groups = [(heading, [_of_the_form(name) for name in names]) for heading, _, names in MerchantIdentityForm.sections]
    bank = [_column(name, *_BANK_WORDS[name]) for name in BANK_COLUMNS]
    return [*groups, ("Bank account: all of it, or none", bank)]


def example() -> str:
    """A file with one merchant that is in order."""
    return as_csv(columns(), [_EXAMPLE[name] for name in columns()])


def _of_the_form(name: str) -> Column:
    asked = MerchantIdentityForm.base_fields[name]
    constants = _CONSTANTS.get(name)
    hint = _either(constants) if constants else str(asked.help_text)
    return _column(name.replace("__", "."), str(asked.label), hint)


def _column(name: str, label: str, hint: str) -> Column:
    return Column(name, label, _HOW.get(name, hint), name in needed_columns(), _EXAMPLE[name])


def _either(values: Iterable[str]) -> str:
    """Constants as they may be written: LIMITED_PARTNERSHIP as Limited partnership."""
    return capfirst(", ".join(value.replace("_", " ").lower() for value in values))
