"""Files of merchants to import."""

import csv
import io

from onboarding.forms.imports import (
    columns,
)
from tests.factories.onboarding import ADDRESS, MERCHANT

TAX_ID, NUMBER = "219099992", "8811223344"


def cells(**changes: str) -> dict[str, str]:
    """A row that is in order, by column."""
    told = {name: str(value) for name, value in MERCHANT.items() if not isinstance(value, dict)}
    told |= {f"{kind}_address.{part}": text for kind in ("business", "personal") for part, text in ADDRESS.items()}
    told |= {"dob": "1978-06-27", "incorporation_date": "1978-06-27", "tax_id": TAX_ID, "annual_card_volume": "1200.50"}
    told |= {"max_transaction_amount": "120.00", "has_accepted_credit_cards_previously": "yes"}
    told |= {"principal_percentage_ownership": "100"}
    told |= {"account_number": NUMBER, "bank_code": "122105278", "account_type": "business checking"}
    return told | {name.replace("__", "."): text for name, text in changes.items()}


def file_of(*rows: dict[str, str], delimiter: str = ",", encoding: str = "utf-8") -> bytes:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=columns(), delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode(encoding)
