"""What a card's network said of it, in words: every code with its meaning, and what follows from it."""

from collections.abc import Mapping
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from onboarding import verification_codes as codes
from onboarding.models import PaymentInstrument, Verification
from onboarding.portal.facts import Facts, code
from portal.design.icons import icon
from portal.design.states import TONE_ICONS, words

_JUDGED = {
    "address_verification_results": (
        codes.ADDRESS,
        dict.fromkeys(codes.ADDRESS, "neutral")
        | dict.fromkeys(codes.VERIFIED_ADDRESS, "positive")
        | {"A": "warning", "Z": "warning", "N": "negative"},
    ),
    "cvv2_result_code": (codes.SECURITY_CODE, {"M": "positive", "U": "neutral"}),
    "fast_funds_indicator": (codes.FAST_FUNDS, {"B": "positive", "D": "positive", "N": "neutral"}),
    "push_funds_block_indicator": (codes.PUSH_FUNDS, dict.fromkeys(codes.ACCEPTS_PUSH, "positive")),
    "online_gambing_block_indicator": (codes.GAMBLING, {"Y": "warning", "N": "positive"}),
}  # fmt: skip
"""By member: what its codes mean, and whether that is good; a code without a tone is bad news."""

_UNKNOWN_CODE = "A code that is not documented"
_SOON = {
    "B": "Money arrives within 30 minutes, at home and from abroad.",
    "D": "Money from within the country arrives within 30 minutes, other money within about two business days.",
    "N": "Money arrives within about two business days.",
}
_CURRENCIES = {124: "CAD", 826: "GBP", 840: "USD", 978: "EUR"}
_COUNTRIES = {124: "Canada", 320: "Guatemala", 826: "United Kingdom", 840: "United States"}


def receiving_facts(card: PaymentInstrument) -> Facts:
    """What a card can receive, by its last inquiry; nothing before the first."""
    if card.push_funds_block_indicator is None:
        return []
    return _receiving(
        {
            "push_funds_block_indicator": card.push_funds_block_indicator,
            "fast_funds_indicator": card.fast_funds_indicator,
            "online_gambing_block_indicator": card.online_gambling_block_indicator,
        }
    )


def receiving(card: PaymentInstrument) -> str:
    """One sentence on whether, and how soon, money that is pushed to a card arrives."""
    if card.push_funds_block_indicator not in codes.ACCEPTS_PUSH:
        return "The card takes no money that is pushed to it."
    return _SOON.get(card.fast_funds_indicator or "", "")


def inquiry_groups(verification: Verification) -> list[tuple[str, Facts]]:
    """The findings of an inquiry by what they are about; none while it is not answered."""
    raw = verification.raw or {}
    checks, general = _part(raw, "validation_details"), _part(raw, "general_inquiry_details")
    networks = _part(raw, "inquiry_details").get("visa_network_info") or [{}]
    network: Mapping[str, Any] = networks[0]
    groups: list[tuple[str, Facts]] = [
        ("Address and security code", [
            ("Address", _told("address_verification_results", checks)),
            ("Security code", _told("cvv2_result_code", checks)),
            ("Approval code", checks.get("approval_code") and code(checks["approval_code"])),
            ("Action and response", _codes(checks.get("action_code"), checks.get("response_code"))),
        ]),
        ("What it can receive", [
            *_receiving(network),
            ("Billed in", _numbered(network.get("billing_currency_code"), _CURRENCIES)),
        ]),
        ("The card", [
            ("Type", _named(codes.CARD_TYPE, network.get("card_type_code"))),
            ("Product", _product(general)),
            ("Product subtype", _named(codes.PRODUCT_SUBTYPE, general.get("card_product_subtype_code"))),
            ("Prepaid", _named(codes.CARD_SUBTYPE, general.get("card_subtype_code"))),
            ("Issuer", network.get("issuer_name")),
            ("Issued in", _numbered(network.get("card_issuer_country_code"), _COUNTRIES)),
            ("First six digits", general.get("bin") and code(str(general["bin"]))),
        ]),
    ]  # fmt: skip
    return groups if raw else []


def inquiry_line(verification: Verification) -> list[str]:
    """The findings that matter most, for a list."""
    raw = verification.raw or {}
    checks = _part(raw, "validation_details")
    details = verification.payment_instrument_verification_details or {}
    told = [
        codes.ADDRESS.get(str(checks.get("address_verification_results")), ""),
        codes.SECURITY_CODE.get(str(checks.get("cvv2_result_code")), ""),
        f"Payouts at home: {words(details['push_to_card_domestic']).lower()}" if details else "",
    ]
    return [line for line in told if line]


def inquiry_outcome(verification: Verification) -> dict[str, str]:
    """What an inquiry came to: level, title and text of a notice."""
    processor = verification.processor
    if verification.state == Verification.State.PENDING:
        text = f"{processor} has not answered yet. This page changes by itself once it has."
        return {"level": "info", "title": "Being asked", "text": text}
    if verification.state == Verification.State.FAILED:
        text = "Verify the card again on its page; nothing was charged."
        return {"level": "error", "title": "Not answered", "text": text}
    details = verification.payment_instrument_verification_details or {}
    if details.get("push_to_card_domestic") == "NOT_SUPPORTED":
        text = "The card takes no money that is pushed to it."
        return {"level": "warning", "title": "Answered", "text": text}
    indicator = _part(verification.raw or {}, "inquiry_details").get("visa_network_info") or [{}]
    text = _SOON.get(str(indicator[0].get("fast_funds_indicator")), "")
    return {"level": "success", "title": "The card can be paid out to", "text": text}


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = raw.get(name)
    return part if isinstance(part, Mapping) else {}


def _receiving(told: Mapping[str, Any]) -> Facts:
    return [
        ("Payouts to the card", _told("push_funds_block_indicator", told)),
        ("Fast Funds", _told("fast_funds_indicator", told)),
        ("Gambling payouts", _told("online_gambing_block_indicator", told)),
    ]


def _told(member: str, told: Mapping[str, Any]) -> SafeString | None:
    """A code's meaning with the sign of its tone, and the code itself."""
    letter = told.get(member)
    if not letter:
        return None
    meanings, tones = _JUDGED[member]
    tone = tones.get(letter, "negative")
    return format_html(
        '<span class="finding finding-{}">{}<span>{} (<code>{}</code>)</span></span>',
        tone,
        icon(TONE_ICONS[tone]),
        meanings.get(letter, _UNKNOWN_CODE),
        letter,
    )


def _named(meanings: Mapping[str, str], letter: str | None) -> SafeString | None:
    if not letter:
        return None
    return format_html("{} (<code>{}</code>)", meanings.get(letter, _UNKNOWN_CODE), letter)


def _product(general: Mapping[str, Any]) -> SafeString | None:
    letter = general.get("card_product_id")
    if not letter:
        return None
    name = general.get("card_product_name") or codes.PRODUCT.get(letter, _UNKNOWN_CODE)
    return format_html("{} (<code>{}</code>)", name, letter)


def _numbered(number: Any, names: Mapping[int, str]) -> SafeString | None:
    if number is None:
        return None
    name = names.get(number) if isinstance(number, int) else None
    return format_html("{} (<code>{}</code>)", name, number) if name else code(str(number))


def _codes(*told: Any) -> SafeString | None:
    present = [(str(value),) for value in told if value]
    return format_html_join(" ", "<code>{}</code>", present) if present else None
