"""What decides on a payment at the sandbox: merchant, instrument, amount; and what it leaves on the card."""

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from providers.failures import DISABLING
from providers.port import Authorise, Sell
from providers.sandbox import scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument
from providers.sandbox.scenarios import Card


@dataclass(frozen=True)
class Standing:
    """Of the merchant in the sandbox's eyes; an unknown one is not approved."""

    is_approved: bool
    max_transaction_amount: int
    processor: str = ""


@dataclass(frozen=True)
class Ruling:
    """What is decided about a payment: the code it fails with, if it does, and what becomes of the instrument."""

    code: str = ""
    fails_address: bool = False
    fails_security_code: bool = False
    disables: bool = False

    @property
    def state(self) -> str:
        """Of a payment that is decided at once."""
        if self.code == scenarios.AMOUNTS_OF_2026[scenarios.CANCELED_AMOUNT]:
            return "CANCELED"
        return "FAILED" if self.code else "SUCCEEDED"


class HasAmount(Protocol):
    @property
    def amount(self) -> int: ...


_PARTIES = """
SELECT source.*, merchant.onboarding_state AS merchant_state, merchant.max_transaction_amount AS merchant_limit,
    merchant.processor AS merchant_processor
FROM sandbox_instrument AS source
LEFT JOIN sandbox_merchant AS merchant ON merchant.id = %s AND merchant.application_id = source.application_id
WHERE source.application_id = %s AND source.id = %s AND source.identity_id IS NOT NULL
"""


def parties(merchant_id: uuid.UUID, instrument_id: uuid.UUID, visit: Visit) -> tuple[Instrument | None, Standing]:
    """Instrument and merchant in one query, because it is part of every payment."""
    found = Instrument.objects.raw(_PARTIES, [merchant_id, visit.application_id, instrument_id])
    source = next(iter(found), None)
    if source is None:
        return None, Standing(is_approved=False, max_transaction_amount=0)
    return source, Standing(
        source.merchant_state == "APPROVED", source.merchant_limit or 0, source.merchant_processor or ""
    )


def rule(act: Sell | Authorise, source: Instrument | None, standing: Standing, visit: Visit) -> Ruling:
    """On a charge or a hold."""
    if source is None:
        return Ruling("INVALID_ACCOUNT_NUMBER")
    card = scenarios.behaviour(source.scenario, visit.profile)
    code = impossible(act, source, standing, visit.now, card)
    if code:
        return Ruling(code, disables=card in DISABLING and code == card)
    fails_address = source.fails_address or card == Card.ADDRESS_MISMATCH
    fails_address |= act.amount == scenarios.ADDRESS_MISMATCH_AMOUNT
    fails_security_code = source.fails_security_code or card == Card.SECURITY_CODE_MISMATCH
    fails_security_code |= act.amount == scenarios.SECURITY_CODE_MISMATCH_AMOUNT
    return Ruling(
        _code(act, visit.profile, fails_address=fails_address, fails_security_code=fails_security_code),
        fails_address=fails_address,
        fails_security_code=fails_security_code,
    )


def impossible(act: HasAmount, source: Instrument, standing: Standing, now: datetime, card: str) -> str:
    """Why a payment does not even reach the checks of address, security code and amount."""
    if not standing.is_approved:
        return "TRANSACTION_NOT_PERMITTED"
    if card and card not in set(Card):
        return card
    if not source.enabled:
        return "INACTIVE_CARD" if source.type == "PAYMENT_CARD" else "BANK_ACCOUNT_FROZEN"
    if source.is_expired(now):
        return "EXPIRED_CARD"
    if 0 < standing.max_transaction_amount < act.amount:
        return "MAX_TRANSACTION_AMOUNT_EXCEEDED"
    return ""


def change_source(source: Instrument | None, ruling: Ruling, visit: Visit) -> Instrument | None:
    """Flag or disable the instrument for good; None where it stays as it is, which is nearly always."""
    if source is None or not _has_to_change(source, ruling):
        return None
    instrument = Instrument.objects.select_for_update().get(application_id=visit.application_id, pk=source.pk)
    if not _has_to_change(instrument, ruling):  # by another sale, meanwhile
        return None
    changes: dict[str, object] = {"enabled": instrument.enabled and not ruling.disables}
    if ruling.fails_address:
        changes |= {"fails_address": True, "address_verification": "NO_MATCH"}
    if ruling.fails_security_code:
        changes |= {"fails_security_code": True, "security_code_verification": "UNMATCHED"}
    instrument.change(visit.now, **changes)
    return instrument


def checks(act: Sell | Authorise, source: Instrument | None, ruling: Ruling) -> dict[str, str | None]:
    """What the issuer found about address and security code; it is asked about cards only."""
    if source is None or source.type != "PAYMENT_CARD":
        return {"address_verification": None, "security_code_verification": None}
    address = "POSTAL_CODE_AND_STREET_MATCH" if source.address else "NO_ADDRESS"
    security_code = "MATCHED" if act.security_code else "UNKNOWN"
    return {
        "address_verification": "NO_MATCH" if ruling.fails_address else address,
        "security_code_verification": "UNMATCHED" if ruling.fails_security_code else security_code,
    }


def evidence(act: Sell | Authorise) -> dict[str, str] | None:
    """What an issuer would answer with of 3-D Secure: that there was evidence, not the evidence."""
    if act.proof is None:
        return None
    return {"electronic_commerce_indicator": act.proof.electronic_commerce_indicator}


def _code(act: Sell | Authorise, profile: str | None, *, fails_address: bool, fails_security_code: bool) -> str:
    if fails_address and not act.avs_failure_allowed:
        return scenarios.AMOUNTS[scenarios.ADDRESS_MISMATCH_AMOUNT]
    if fails_security_code and not act.csc_failure_allowed:
        return scenarios.AMOUNTS[scenarios.SECURITY_CODE_MISMATCH_AMOUNT]
    if act.amount in {scenarios.ADDRESS_MISMATCH_AMOUNT, scenarios.SECURITY_CODE_MISMATCH_AMOUNT}:
        return ""
    return scenarios.amount_code(act.amount, profile)


def _has_to_change(instrument: Instrument, ruling: Ruling) -> bool:
    return (
        (ruling.disables and instrument.enabled)
        or (ruling.fails_address and not instrument.fails_address)
        or (ruling.fails_security_code and not instrument.fails_security_code)
    )
