"""Inquiries at the card's network: what a card is, what it can receive, and whether address and code are right."""

import uuid
from collections.abc import Mapping
from typing import Any

from providers import port
from providers.port import Answer, InquireCard, Verdict
from providers.sandbox import calls, instruments, scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import Inquiry, Instrument
from providers.sandbox.scenarios import Card
from resources import ids

_UNITED_STATES = 840
_CURRENCIES = {840: "USD", 826: "GBP", 978: "EUR", 124: "CAD"}
_MINOR_DIGITS = 2
_CARD_TYPES = {"C": "CREDIT", "D": "DEBIT", "H": "CREDIT", "R": "DEBIT"}
_PREPAID = {"R": "RELOADABLE_PREPAID", "N": "NON_RELOADABLE_PREPAID"}
_PRODUCTS = {
    "VISA": "F", "MASTERCARD": "M", "AMERICAN_EXPRESS": "AX", "DISCOVER": "DI", "DINERS_CLUB": "DN", "JCB": "JC",
}  # fmt: skip
_PRODUCT_NAMES = {
    "AX": "American Express", "B": "Visa Traditional Rewards", "DI": "Discover", "DN": "Diners", "F": "Visa Classic",
    "I": "Visa Infinite", "J3": "Visa Healthcare", "JC": "JCB", "K": "Visa Corporate T&E", "M": "MasterCard",
    "N1": "Visa Rewards", "R": "Proprietary", "U": "Visa Travel Money", "V": "Visa V PAY",
}  # fmt: skip
_SUBTYPE_NAMES = {"HC": "Healthcare"}

_ADDRESS_CHECKS = {
    "Y": "POSTAL_CODE_AND_STREET_MATCH",
    "D": "POSTAL_CODE_AND_STREET_MATCH",
    "F": "POSTAL_CODE_AND_STREET_MATCH",
    "Z": "POSTAL_CODE_MATCH",
    "A": "STREET_MATCH",
    "N": "NO_MATCH",
}
_CODE_CHECKS = {"M": "MATCHED", "N": "UNMATCHED"}

# The documented sample: its card is asked about with nothing to check, and is told so.
_SAMPLE = "DOMESTIC_FAST_FUNDS"
_SAMPLE_PRODUCT = {
    "card_type_code": "C",
    "issuer_name": "BANCO AGROMERCANTIL DE GUATEMALA S.A.",
    "country_code": "320",
}


def inquire_card(act: InquireCard, visit: Visit) -> Answer:
    """Tell of a card. A check of address or security code that fails sticks to it, as in a sale."""
    cards = Instrument.objects.select_for_update().filter(application_id=visit.application_id, type="PAYMENT_CARD")
    card = cards.filter(pk=act.instrument_id).first()
    if card is None:
        return calls.refusal("INVALID_ACCOUNT_NUMBER")
    told = scenarios.inquiry(card.inquiry, brand=card.brand, card_type=card.card_type)
    checks = _checks(act, card, visit)
    trace_id = f"{ids.new_id().int % 10**12:012}"
    inquiry = Inquiry.objects.create(
        id=act.id,
        application_id=visit.application_id,
        instrument_id=card.id,
        processor=act.processor,
        state="SUCCEEDED",
        trace_id=trace_id,
        raw=_raw(card, told, checks, trace_id),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    card.change(visit.now, **_learnt(card, told, *checks))
    return _answer(inquiry, card)


def recall(inquiry_id: uuid.UUID, visit: Visit) -> Answer:
    """The answer to an inquiry, with the card as it is now."""
    inquiry = Inquiry.objects.get(application_id=visit.application_id, pk=inquiry_id)
    card = Instrument.objects.get(application_id=visit.application_id, pk=inquiry.instrument_id)
    return _answer(inquiry, card)


def tell(inquiry: Inquiry) -> port.Verification:
    return port.Verification(
        id=inquiry.id,
        version=f"{inquiry.version:08}",
        created_at=inquiry.created_at,
        updated_at=inquiry.updated_at,
        raw={
            "id": ids.public_id("VI", inquiry.id),
            "payment_instrument": ids.public_id("PI", inquiry.instrument_id),
            "processor": inquiry.processor,
            "state": inquiry.state,
            "messages": inquiry.messages,
            "trace_id": inquiry.trace_id,
        },
        tags=inquiry.tags,
        merchant_id=None,
        identity_id=None,
        processor=inquiry.processor,
        state=inquiry.state,
        messages=tuple(inquiry.messages),
        trace_id=inquiry.trace_id,
        findings=inquiry.raw,
        instrument_id=inquiry.instrument_id,
        details=_details(inquiry.raw or {}),
    )


def _answer(inquiry: Inquiry, card: Instrument) -> Answer:
    return Answer(Verdict.ACCEPTED, (instruments.tell(card), tell(inquiry)))


def _checks(act: InquireCard, card: Instrument, visit: Visit) -> tuple[str, str]:
    """The letters for address and security code."""
    behaviour = scenarios.behaviour(card.scenario, visit.profile)
    fails_code = card.fails_security_code or behaviour == Card.SECURITY_CODE_MISMATCH
    if card.fails_address or behaviour == Card.ADDRESS_MISMATCH:
        address = "N"
    elif act.address is None and card.inquiry == _SAMPLE:
        address = "I"
    else:
        address = _address_letter(act.address or card.address)
    if fails_code or (act.security_code and card.is_expired(visit.now)):
        return address, "N"
    if act.security_code:
        return address, "M"
    return address, "P" if card.inquiry == _SAMPLE else "U"


def _address_letter(address: Mapping[str, str | None] | None) -> str:
    """Any address is right here: what is told of it decides."""
    street, code = (bool((address or {}).get(part)) for part in ("line1", "postal_code"))
    country = (address or {}).get("country") or "USA"
    if street and code:
        return {"USA": "Y", "GBR": "F"}.get(country, "D")
    if code:
        return "Z"
    return "A" if street else "I"


def _learnt(card: Instrument, told: scenarios.Inquiry, address: str, code: str) -> dict[str, Any]:
    """What an inquiry leaves on the card."""
    changes: dict[str, Any] = {
        "fast_funds_indicator": told.fast_funds,
        "push_funds_block_indicator": told.push_funds,
        "online_gambling_block_indicator": told.gambling,
        "issuer_country": _issuer_country(told.country),
    }
    if card.card_type in {None, "", "UNKNOWN"}:
        changes["card_type"] = _card_type(told.card_type, told.card_subtype)
    if address in _ADDRESS_CHECKS:
        changes |= {"address_verification": _ADDRESS_CHECKS[address]}
    if code in _CODE_CHECKS:
        changes |= {"security_code_verification": _CODE_CHECKS[code]}
    if address == "N":
        changes |= {"fails_address": True}
    # A card that has merely expired is not at fault for good.
    if code == "N" and (card.scenario == Card.SECURITY_CODE_MISMATCH or card.fails_security_code):
        changes |= {"fails_security_code": True}
    return changes


def _raw(card: Instrument, told: scenarios.Inquiry, checks: tuple[str, str], trace_id: str) -> dict[str, Any]:
    """The answer of the network as it comes, in its own words and spelling."""
    address, code = checks
    product = told.product or _PRODUCTS.get(card.brand or "", "R")
    is_plain = card.inquiry == _SAMPLE and checks == ("I", "P")
    is_verified = address in {"Y", "D", "F"} and code == "M"
    return {
        "validation_details": {
            "systems_trace_audit_number": trace_id,
            "error_result": None,
            "transaction_identifier": f"1{ids.new_id().int % 10**14:014}",  # begins as no card number does
            "approval_code": f"{ids.new_id().int % 10**6:06}" if is_verified else None,
            "action_code": "25" if is_plain else "85",
            "response_code": "5",
            "address_verification_results": address,
            "cvv2_result_code": code,
        },
        "inquiry_details": {
            "systems_trace_audit_number": trace_id,
            "error_result": None,
            "visa_network_info": [
                {
                    "card_type_code": told.card_type,
                    "billing_currency_code": told.currency,
                    "billing_currency_minor_digits": _MINOR_DIGITS,
                    "issuer_name": "Visa Test Bank",
                    "card_issuer_country_code": told.country,
                    "fast_funds_indicator": told.fast_funds,
                    "push_funds_block_indicator": told.push_funds,
                    "online_gambing_block_indicator": told.gambling,
                }
            ],
            "ppgs_network_info": [],
        },
        "general_inquiry_details": {
            "systems_trace_audit_number": trace_id,
            "error_result": None,
            "card_product_id": product,
            "card_product_name": _PRODUCT_NAMES[product],
            "card_product_subtype_code": told.product_subtype,
            "card_product_subtype_description": _SUBTYPE_NAMES.get(told.product_subtype, ""),
            "card_type_code": told.card_type,
            "card_subtype_code": told.card_subtype,
            "card_platform_code": "CN",
            "issuer_name": "Visa Test Bank",
            "bin": card.bin,
            "country_code": str(told.country),
            "status": {"status_code": "CDI000", "status_description": "Success"},
            **(_SAMPLE_PRODUCT if card.inquiry == _SAMPLE else {}),
        },
    }


def _details(raw: Mapping[str, Any]) -> dict[str, str | None] | None:
    """What the card can receive, in words."""
    networks = raw.get("inquiry_details", {}).get("visa_network_info")
    if not networks:
        return None
    told = networks[0]
    at_home, abroad = _PUSHES.get(told["fast_funds_indicator"], ("UNKNOWN", "UNKNOWN"))
    if told["push_funds_block_indicator"] == "N":
        at_home = abroad = "NOT_SUPPORTED"
    subtype = raw["general_inquiry_details"]["card_subtype_code"]
    return {
        "push_to_card_domestic": at_home,
        "push_to_card_cross_border": abroad,
        "card_type": _card_type(told["card_type_code"], subtype),
        "billing_currency": _CURRENCIES.get(told["billing_currency_code"]),
        "issuer_country": _issuer_country(told["card_issuer_country_code"]),
    }


_PUSHES = {
    "B": ("FAST_FUNDS", "FAST_FUNDS"),
    "D": ("FAST_FUNDS", "NON_FAST_FUNDS"),
    "N": ("NON_FAST_FUNDS", "NON_FAST_FUNDS"),
}
"""How soon money that is pushed to a card arrives, at home and from abroad."""


def _card_type(code: str, subtype: str) -> str:
    return _PREPAID.get(subtype, "UNKNOWN") if code == "P" else _CARD_TYPES.get(code, "UNKNOWN")


def _issuer_country(code: int) -> str:
    return "USA" if code == _UNITED_STATES else "NON_USA"
