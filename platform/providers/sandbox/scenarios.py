"""The test values of the sandbox, one table per kind. docs/sandbox.md shows the same tables to partners."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum


class Profile(StrEnum):
    """What an application may choose by `sandbox_profile` among its processor's settings."""

    REALISTIC = "realistic"
    FINIX_2026 = "finix-2026"


@dataclass(frozen=True)
class Pace:
    """How long what does not happen at once takes, in business time."""

    batch: timedelta
    verdict: timedelta


PACE = Pace(batch=timedelta(seconds=5), verdict=timedelta(seconds=2))
REALISTIC_PACE = Pace(batch=timedelta(hours=1), verdict=timedelta(minutes=2))


class Card(StrEnum):
    """How a test card behaves in every sale, where that is more than to be declined with a code."""

    ADDRESS_MISMATCH = "ADDRESS_MISMATCH"
    SECURITY_CODE_MISMATCH = "SECURITY_CODE_MISMATCH"


CARDS = {
    "4000000000000036": Card.ADDRESS_MISMATCH.value,
    "4000000000000127": Card.SECURITY_CODE_MISMATCH.value,
    "4000000000009979": "GENERIC_DECLINE",
    "4000000000000002": "DO_NOT_HONOR",
    "4000000000009995": "EXCEEDS_APPROVAL_LIMIT",
    "4000000000009987": "EXPIRED_CARD",
    "4000000000000069": "INSUFFICIENT_FUNDS",
    "4000000000000119": "PICK_UP_CARD",
    "4012888888881881": "CALL_ISSUER",
    "4000056655665556": "INVALID_CVV",
    "4242424242424242": "RESTRICTED_CARD",
}
"""By number: one of `Card`, or the code with which every sale is declined."""

CARDS_OF_2026 = {Card.SECURITY_CODE_MISMATCH.value: "LOST_OR_STOLEN_CARD"}
"""What becomes of a behaviour under the profile finix-2026."""

CARD_TYPES = {
    "6011000000004675": "CREDIT",
    "5200820000007201": "DEBIT",
    "4393420000002680": "HSA_FSA",
    "5223100000008423": "NON_RELOADABLE_PREPAID",
    "379032000006086": "RELOADABLE_PREPAID",
}

AMOUNTS = {
    100: "",
    102: "GENERIC_DECLINE",
    193: "INSUFFICIENT_FUNDS",
    194: "INVALID_ACCOUNT_NUMBER",
    888888: "",
    889986: "ADDRESS_VERIFICATION_FAILED_RISK_RULES",
    889987: "CVV_FAILED_RISK_RULES",
}
"""Minor units; the code with which a sale fails, empty where it succeeds, as with every amount that is not named."""

ADDRESS_MISMATCH_AMOUNT = 889986
SECURITY_CODE_MISMATCH_AMOUNT = 889987

CANCELED_AMOUNT = 103
LOST_ANSWER_AMOUNT = 104
AMOUNTS_OF_2026 = {CANCELED_AMOUNT: "CANCELLATION_VIA_API", LOST_ANSWER_AMOUNT: ""}
"""Further ones under the profile finix-2026; the answer to 1.04 is lost on the way, the sale is not."""


@dataclass(frozen=True)
class Underwriter:
    """What becomes of a merchant: the verdict, whether it comes at once or later, or that a person has to give it."""

    is_approving: bool = True
    waits: bool = False
    is_held: bool = False
    reasons: tuple[str, ...] = ()


_REASONS = ("The tax id does not belong to a business of this name.", "The business address could not be confirmed.")

PROVISIONING = {
    "000000001": Underwriter(waits=True),
    "000000002": Underwriter(is_held=True),
    "000000003": Underwriter(is_approving=False, reasons=_REASONS),
    "000000004": Underwriter(is_approving=False, waits=True, reasons=_REASONS),
}
"""By `business_tax_id`; every other one is approved at once."""


def pace(profile: str | None) -> Pace:
    return REALISTIC_PACE if profile == Profile.REALISTIC else PACE


def behaviour(card: str, profile: str | None) -> str:
    """What a card with this name on its row does under the profile."""
    return CARDS_OF_2026.get(card, card) if profile == Profile.FINIX_2026 else card


def amount_code(amount: int, profile: str | None) -> str:
    """The code with which a sale of this amount fails; empty where it goes through."""
    amounts = AMOUNTS | AMOUNTS_OF_2026 if profile == Profile.FINIX_2026 else AMOUNTS
    return amounts.get(amount, "")


def loses_answer(amount: int, profile: str | None) -> bool:
    return profile == Profile.FINIX_2026 and amount == LOST_ANSWER_AMOUNT


def underwriter(processor: str, business_tax_id: str | None) -> Underwriter:
    """Who decides on a merchant; buyers' merchants at VISA_V1 are not underwritten."""
    return Underwriter() if processor == "VISA_V1" else PROVISIONING.get(business_tax_id or "", Underwriter())
