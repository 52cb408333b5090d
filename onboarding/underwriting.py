"""What underwriting asks of a merchant's identity, and what of it is too sensitive for the row."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from onboarding.models import Identity
from resources.errors import FieldError
from tenancy.models import Processor

RECEIVES_ONLY = Processor.Name.VISA_V1
"""It asks a recipient for a card, not for the form, and sells nothing."""

TAX_PAYMENTS_MCC = "9311"
UNDERWRITING = (
    "business_name", "doing_business_as", "business_type", "business_tax_id", "url", "business_phone",
    "incorporation_date", "business_address", "ownership_type", "first_name", "last_name", "title",
    "principal_percentage_ownership", "tax_id", "dob", "phone", "email", "personal_address", "annual_card_volume",
    "default_statement_descriptor", "max_transaction_amount", "mcc",
)  # fmt: skip
"""What a merchant's identity needs; a buyer's needs nothing of it."""

SEALED = ("tax_id", "business_tax_id", "dob")
"""What goes into the vault."""

OWNER_IS_A_PERSON = "A beneficial owner is a person, without a business type"

ADDRESS_OF_A_MERCHANT = ("line1", "city", "region", "postal_code", "country")


ASKED_SHARE = 25
"""From how many percent on an owner is usually asked for."""

_WITHOUT_OWNERS = (
    Identity.BusinessType.TAX_EXEMPT_ORGANIZATION,
    Identity.BusinessType.INTERNATIONAL_ORGANIZATION,
    Identity.BusinessType.GOVERNMENT_AGENCY,
)
"""Nobody holds a share of these."""


@dataclass(frozen=True)
class Phone:
    """A phone number as it was sent, for our answers, and in E.164, for adapters."""

    text: str
    e164: str


def open_share(*, principal: int | None, owned: int = 0, business_type: str | None, ownership_type: str | None) -> int:
    """How many percent of a business nobody told, where that is enough for an owner who is usually asked for; else 0.

    Nothing is asked of businesses that nobody owns, and of those whose owners change on an exchange every day.
    """
    if principal is None or business_type in _WITHOUT_OWNERS or ownership_type == Identity.OwnershipType.PUBLIC:
        return 0
    untold = 100 - principal - owned
    return untold if untold >= ASKED_SHARE else 0


def about_open_share(percent: int) -> str:
    return f"Nobody told who owns the other {percent} %. Owners of {ASKED_SHARE} % or more are usually asked for."


def missing_members(told: Mapping[str, Any], present: Identity | None = None) -> dict[str, Any]:
    """What a merchant's identity would lack with these members: messages by member, empty for a buyer's.

    `present` is the identity that is updated: what it has need not be sent again, but must not be taken away.
    """

    def value_of(name: str) -> Any:
        if name in told:
            return told[name]
        if name in SEALED:
            return getattr(present, f"{name}_provided", False) or None
        return getattr(present, name, None)

    if present is not None and present.associated_with_id is not None:
        return _wrong_of_an_owner(told)
    if value_of("business_type") is None:
        is_merchant = present is not None and present.is_merchant
        return {"business_type": ["A merchant's identity stays one"]} if is_merchant else {}
    errors: dict[str, Any] = {
        name: ["This field is required for a merchant's identity."]
        for name in UNDERWRITING
        if value_of(name) is None and (present is None or name in told or "business_type" in told)
    }
    if value_of("mcc") == TAX_PAYMENTS_MCC and not value_of("tax_authority"):
        errors["tax_authority"] = [f"This field is required with MCC {TAX_PAYMENTS_MCC}."]
    for name in ("personal_address", "business_address"):
        if isinstance(address := told.get(name), Mapping):
            lacking = {part: ["This field is required."] for part in ADDRESS_OF_A_MERCHANT if not address.get(part)}
            if lacking:
                errors[name] = lacking
    return errors


def _wrong_of_an_owner(told: Mapping[str, Any]) -> dict[str, Any]:
    wrong = {name: ["An owner is known by name"] for name in ("first_name", "last_name") if told.get(name, "") is None}
    if told.get("business_type") is not None:
        wrong["business_type"] = [OWNER_IS_A_PERSON]
    return wrong


def lacking_for_underwriting(identity: Identity) -> list[FieldError]:
    """What a processor asks of a merchant and this identity does not tell yet."""
    lacking = [
        name
        for name in UNDERWRITING
        if not (getattr(identity, f"{name}_provided") if name in SEALED else getattr(identity, name) is not None)
    ]
    if identity.mcc == TAX_PAYMENTS_MCC and not identity.tax_authority:
        lacking.append("tax_authority")
    return [FieldError(f"entity.{name}", "The processor needs this member of the identity") for name in lacking]
