"""The test values of the sandbox, one table per kind. docs/sandbox.md shows the same tables to partners."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
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
    update: timedelta
    void: timedelta
    readiness: timedelta
    """From a charge to the processor's word that it may be settled; of a bank account see `bank_days`."""
    funding: timedelta
    """From the order of a deposit until the bank has taken it."""
    bank_days: int
    """Business days until a debit of a bank account may be settled."""
    bank_return: timedelta
    """From the batch to the bank's return of what was in it."""


PACE = Pace(
    batch=timedelta(seconds=5),
    verdict=timedelta(seconds=2),
    update=timedelta(seconds=3),
    void=timedelta(seconds=2),
    readiness=timedelta(seconds=1),
    funding=timedelta(seconds=3),
    bank_days=0,
    bank_return=timedelta(seconds=2),
)
REALISTIC_PACE = Pace(
    batch=timedelta(hours=1),
    verdict=timedelta(minutes=2),
    update=timedelta(days=5),
    void=timedelta(minutes=2),
    readiness=timedelta(hours=12),
    funding=timedelta(hours=1),
    bank_days=3,
    bank_return=timedelta(days=2),
)


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

PUSH_CARDS = {
    "4895142232120006": "",
    "4957030420210454": "",
    "5123280115058611": "",
    "4957030420210504": "INVALID_INSTRUMENT",
    "4957030420210488": "EXCEEDS_ISSUER_AMOUNT_LIMIT",
    "4957030420210496": "EXCEEDS_ISSUER_COUNT_LIMIT",
    "4895070000007685": "CALL_ISSUER",
    "4895070000006687": "DECLINE",
    "4895070000005671": "LOST_OR_STOLEN_CARD",
    "4895070000004674": "SUSPECTED_FRAUD",
    "4895070000003551": "COMPLIANCE_VIOLATION",
}
"""By number, the code with which every push to the card, and every pull from it, is declined; a sale is not."""

REFUND_CARDS = {"4000000000000135": "GENERIC_DECLINE"}
"""By number, the code with which every refund to the card fails; a sale with it succeeds."""

RETURN_BANK = "122105278"
RETURNS = {
    "123120006": "R01",
    "123120007": "R02",
    "123120008": "R03",
    "123120009": "R04",
}
"""By account number at that bank, under the profile finix-2026: how its bank returns every debit."""

RETURN_CODES = {
    "R01": "INSUFFICIENT_FUNDS",
    "R02": "BANK_ACCOUNT_CLOSED",
    "R03": "NO_BANK_ACCOUNT_FOUND",
    "R04": "INVALID_BANK_ACCOUNT_NUMBER",
}
"""Why a bank returns a debit, in the words in which payments fail."""

CARDS_OF_2026 = {Card.SECURITY_CODE_MISMATCH.value: "LOST_OR_STOLEN_CARD"}
"""What becomes of a behaviour under the profile finix-2026."""

CARD_TYPES = {
    "6011000000004675": "CREDIT",
    "5200820000007201": "DEBIT",
    "4393420000002680": "HSA_FSA",
    "5223100000008423": "NON_RELOADABLE_PREPAID",
    "379032000006086": "RELOADABLE_PREPAID",
}


@dataclass(frozen=True)
class Inquiry:
    """What the card's network tells of a card, in its own codes. Its name is kept on the card; the number is not."""

    name: str
    fast_funds: str
    push_funds: str
    card_type: str
    gambling: str = "N"
    card_subtype: str = ""
    product: str = ""
    product_subtype: str = ""
    country: int = 840
    currency: int = 840


INQUIRIES = {
    "4815070000000018": Inquiry("DOMESTIC_FAST_FUNDS", "D", "C", "D", product="B"),
    "4835070000000014": Inquiry("FAST_FUNDS", "B", "C", "D"),
    "4855070000000035": Inquiry("NO_FAST_FUNDS", "N", "C", "D"),
    "4895047700003297": Inquiry("FAST_FUNDS_CREDIT", "B", "B", "C", product="N1"),
    "4000001000000109": Inquiry("PUSH_BLOCKED", "N", "N", "C", product="I"),
    "4000001000000208": Inquiry("GAMBLING_BLOCKED", "B", "A", "D", gambling="Y"),
    "4000001000000307": Inquiry("RELOADABLE", "D", "A", "P", card_subtype="R", product="U"),
    "4000001000000406": Inquiry("NON_RELOADABLE", "N", "N", "P", card_subtype="N", product="J3", product_subtype="HC"),
    "4000001000000505": Inquiry("CHARGE_CARD", "N", "C", "H", product="K"),
    "4000001000000604": Inquiry("ISSUED_ABROAD", "N", "C", "R", product="V", country=826, currency=826),
}
"""By number; every other card is told by its network and type, see `inquiry`."""

_PUSHES_TO = {"VISA": ("D", "C"), "MASTERCARD": ("N", "C")}
"""Fast funds and push of the networks that take payouts to cards; the others take none."""


@dataclass(frozen=True)
class CardUpdate:
    """What a card's issuer answers to the account updater. Its name is kept on the card; the number is not."""

    name: str
    message: str
    is_answered: bool = True
    has_new_date: bool = False
    new_number: str = ""
    is_closed: bool = False


NO_CHANGE = CardUpdate("", "The card has not changed.")
UPDATES = {
    "4000002000000107": CardUpdate("NEW_DATE", "The card has a new expiration date.", has_new_date=True),
    "4000002000000206": CardUpdate(
        "NEW_NUMBER", "The card has a new number.", has_new_date=True, new_number="4000002000000214"
    ),
    "4000002000000305": CardUpdate(
        "ACCOUNT_CLOSED", "The account behind the card was closed.", is_answered=False, is_closed=True
    ),
    "4000002000000404": CardUpdate("NOT_TAKING_PART", "The issuer does not take part.", is_answered=False),
    "4000002000000503": CardUpdate("CONTACT_CARDHOLDER", "Ask the cardholder for another card.", is_answered=False),
    "4000002000000602": CardUpdate("NO_MATCH", "The issuer does not know the card.", is_answered=False),
}
"""By number; every other card of a network that takes part has not changed."""

UPDATED_NETWORKS = frozenset({"VISA", "MASTERCARD", "DISCOVER"})
YEARS_ADDED = 4
"""By how many years a new date is later."""

BANK_ACCOUNT = "123123123"
"""Routing number and account number of the documents' sample; it decides nothing."""

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


def bank_return(bank_code: str, account_number: str) -> str:
    """What is kept on a bank account of how its bank returns debits."""
    return RETURNS.get(account_number, "") if bank_code == RETURN_BANK else ""


def bank_readiness(submitted_at: datetime, profile: str | None) -> datetime:
    """When a debit of a bank account may be settled: some business days after its batch."""
    found = pace(profile)
    moment, days = submitted_at + (found.readiness if not found.bank_days else timedelta(0)), found.bank_days
    while days:
        moment += timedelta(days=1)
        days -= moment.weekday() < _SATURDAY
    return moment


def next_business_day(moment: datetime) -> date:
    """The first day after a moment on which banks work; holidays are not known here."""
    day = moment.date() + timedelta(days=1)
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


_SATURDAY = 5


def amount_code(amount: int, profile: str | None) -> str:
    """The code with which a sale of this amount fails; empty where it goes through."""
    amounts = AMOUNTS | AMOUNTS_OF_2026 if profile == Profile.FINIX_2026 else AMOUNTS
    return amounts.get(amount, "")


def loses_answer(amount: int, profile: str | None) -> bool:
    return profile == Profile.FINIX_2026 and amount == LOST_ANSWER_AMOUNT


def underwriter(processor: str, business_tax_id: str | None) -> Underwriter:
    """Who decides on a merchant; buyers' merchants at VISA_V1 are not underwritten."""
    return Underwriter() if processor == "VISA_V1" else PROVISIONING.get(business_tax_id or "", Underwriter())


def inquiry_name(number: str) -> str:
    """What is kept on a card of its answer to an inquiry."""
    return INQUIRIES[number].name if number in INQUIRIES else ""


def inquiry(name: str, *, brand: str | None, card_type: str | None) -> Inquiry:
    """What the network tells of a card with this name on its row, else of its kind."""
    named = {one.name: one for one in INQUIRIES.values()}
    if name in named:
        return named[name]
    fast_funds, push_funds = _PUSHES_TO.get(brand or "", ("N", "N"))
    kind, subtype = _TYPE_CODES.get(card_type or "", ("C", ""))
    return Inquiry("", fast_funds, push_funds, kind, card_subtype=subtype)


def update_name(number: str) -> str:
    """What is kept on a card of its issuer's answer."""
    return UPDATES[number].name if number in UPDATES else ""


def update(name: str) -> CardUpdate:
    return next((one for one in UPDATES.values() if one.name == name), NO_CHANGE)


_TYPE_CODES = {
    "CREDIT": ("C", ""),
    "DEBIT": ("D", ""),
    "HSA_FSA": ("D", ""),
    "NON_RELOADABLE_PREPAID": ("P", "N"),
    "RELOADABLE_PREPAID": ("P", "R"),
}
