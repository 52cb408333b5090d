"""The switches between an approved merchant and its money: whose is off, and what that means."""

from dataclasses import dataclass
from enum import StrEnum

from onboarding.models import Merchant


class Whose(StrEnum):
    APPLICATION = "application"
    PROCESSOR = "processor"
    MERCHANT = "merchant"


@dataclass(frozen=True)
class SwitchedOff:
    whose: Whose
    text: str
    short: str


def processing_off(merchant: Merchant, *, once_approved: bool = False) -> SwitchedOff | None:
    """The widest switch that keeps it from taking payments. Its application and processor are joined.

    `once_approved` looks ahead: an approval turns the merchant's own switches on, and no others.
    """
    application, processor = merchant.application, merchant.processor
    if not application.enabled:
        text = f"{application.name} is disabled, and all of its merchants with it."
        return SwitchedOff(Whose.APPLICATION, text, "Application is disabled")
    if not application.processing_enabled:
        text = f"Processing is switched off for all merchants of {application.name}."
        return SwitchedOff(Whose.APPLICATION, text, "Processing is off for the application")
    if not merchant.enabled_processor.enabled:
        text = f"{processor} is switched off for {application.name}."
        return SwitchedOff(Whose.PROCESSOR, text, "Processor is off")
    if not (merchant.processing_enabled or once_approved):
        return SwitchedOff(Whose.MERCHANT, "Processing is switched off for this merchant.", "Processing is off")
    return None


def settlements_off(merchant: Merchant, *, once_approved: bool = False) -> SwitchedOff | None:
    """The same of what keeps it from being paid out."""
    application = merchant.application
    if not application.settlement_enabled:
        text = f"Settlements are switched off for all merchants of {application.name}."
        return SwitchedOff(Whose.APPLICATION, text, "Not paid out, by the application")
    if not (merchant.settlement_enabled or once_approved):
        return SwitchedOff(Whose.MERCHANT, "Settlements are switched off for this merchant.", "Not paid out")
    return None
