"""Sales at the sandbox: what decides on one, and what it leaves behind."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import F

from providers import port
from providers.failures import DISABLING, normalise
from providers.port import Answer, Sell, Verdict
from providers.sandbox import calls, instruments, scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument, Transfer
from providers.sandbox.scenarios import Card
from resources import ids


@dataclass(frozen=True)
class Standing:
    """Of the merchant in the sandbox's eyes; an unknown one is not approved."""

    is_approved: bool
    max_transaction_amount: int


@dataclass(frozen=True)
class Ruling:
    """What is decided about a sale: the code it fails with, if it does, and what becomes of the instrument."""

    code: str = ""
    fails_address: bool = False
    fails_security_code: bool = False
    disables: bool = False


def sell(act: Sell, visit: Visit, *, forced_code: str = "") -> Answer:
    """Charge an instrument. A declined sale is kept too; a code that is forced stands before every rule."""
    source, standing = _parties(act, visit)
    ruling = Ruling(forced_code) if forced_code else _rule(act, source, standing, visit)
    changed = _change_source(source, ruling, visit)
    transfer = Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=act.merchant_id,
        source_id=act.source_id,
        state=_state(act, ruling),
        amount=act.amount,
        currency=act.currency,
        fee=act.fee,
        statement_descriptor=act.statement_descriptor,
        idempotency_id=act.idempotency_id,
        trace_id=ids.public_id("FNX", ids.new_id()),
        network=source.brand if source else None,
        failure_code=ruling.code or None,
        **_checks(act, source, ruling),
        has_changed_source=changed is not None,
        due_at=visit.now + scenarios.pace(visit.profile).batch if act.is_batched and not ruling.code else None,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return _answer(transfer, changed, visit)


def recall(transfer_id: uuid.UUID, visit: Visit) -> Answer:
    """What became of a sale; one whose batch is due is submitted now."""
    transfer = Transfer.objects.select_for_update().get(application_id=visit.application_id, pk=transfer_id)
    if transfer.is_due(visit.now):
        transfer.change(transfer.due_at or visit.now, state="SUCCEEDED")
    changed = None
    if transfer.has_changed_source:
        changed = Instrument.objects.get(application_id=visit.application_id, pk=transfer.source_id)
    return _answer(transfer, changed, visit)


def submit_due(visit: Visit) -> None:
    """Submit the batches whose time has passed."""
    due = Transfer.objects.filter(application_id=visit.application_id, state="PENDING", due_at__lte=visit.now)
    due.update(state="SUCCEEDED", version=F("version") + 1, updated_at=F("due_at"))


def tell(transfer: Transfer) -> port.Transfer:
    code, message = normalise(transfer.failure_code) if transfer.failure_code else (None, None)
    messages = (transfer.failure_code,) if transfer.failure_code else ()
    return port.Transfer(
        id=transfer.id,
        version=f"{transfer.version:08}",
        created_at=transfer.created_at,
        updated_at=transfer.updated_at,
        raw={
            "id": ids.public_id("TR", transfer.id),
            "state": transfer.state,
            "amount": transfer.amount,
            "currency": transfer.currency,
            "trace_id": transfer.trace_id,
            "network": transfer.network,
            "approval_code": None if code else f"{transfer.id.int % 1_000_000:06}",
            "failure_code": transfer.failure_code,
            "address_verification": transfer.address_verification,
            "security_code_verification": transfer.security_code_verification,
        },
        tags=transfer.tags,
        merchant_id=transfer.merchant_id,
        source_id=transfer.source_id,
        type="DEBIT",
        state=transfer.state,
        amount=transfer.amount,
        currency=transfer.currency,
        fee=transfer.fee,
        trace_id=transfer.trace_id,
        statement_descriptor=transfer.statement_descriptor,
        idempotency_id=transfer.idempotency_id,
        failure_code=code,
        failure_message=message,
        messages=messages,
        address_verification=transfer.address_verification,
        security_code_verification=transfer.security_code_verification,
    )


_PARTIES = """
SELECT source.*, merchant.onboarding_state AS merchant_state, merchant.max_transaction_amount AS merchant_limit
FROM sandbox_instrument AS source
LEFT JOIN sandbox_merchant AS merchant ON merchant.id = %s AND merchant.application_id = source.application_id
WHERE source.application_id = %s AND source.id = %s AND source.identity_id IS NOT NULL
"""


def _parties(act: Sell, visit: Visit) -> tuple[Instrument | None, Standing]:
    """Instrument and merchant in one query, because it is part of every payment."""
    found = Instrument.objects.raw(_PARTIES, [act.merchant_id, visit.application_id, act.source_id])
    source = next(iter(found), None)
    if source is None:
        return None, Standing(is_approved=False, max_transaction_amount=0)
    return source, Standing(source.merchant_state == "APPROVED", source.merchant_limit or 0)


def _rule(act: Sell, source: Instrument | None, standing: Standing, visit: Visit) -> Ruling:
    if source is None:
        return Ruling("INVALID_ACCOUNT_NUMBER")
    card = scenarios.behaviour(source.scenario, visit.profile)
    code = _impossible(act, source, standing, visit.now, card)
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


def _impossible(act: Sell, source: Instrument, standing: Standing, now: datetime, card: str) -> str:
    """Why the sale does not even reach the checks of address, security code and amount."""
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


def _code(act: Sell, profile: str | None, *, fails_address: bool, fails_security_code: bool) -> str:
    if fails_address and not act.avs_failure_allowed:
        return scenarios.AMOUNTS[scenarios.ADDRESS_MISMATCH_AMOUNT]
    if fails_security_code and not act.csc_failure_allowed:
        return scenarios.AMOUNTS[scenarios.SECURITY_CODE_MISMATCH_AMOUNT]
    if act.amount in {scenarios.ADDRESS_MISMATCH_AMOUNT, scenarios.SECURITY_CODE_MISMATCH_AMOUNT}:
        return ""
    return scenarios.amount_code(act.amount, profile)


def _change_source(source: Instrument | None, ruling: Ruling, visit: Visit) -> Instrument | None:
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


def _has_to_change(instrument: Instrument, ruling: Ruling) -> bool:
    return (
        (ruling.disables and instrument.enabled)
        or (ruling.fails_address and not instrument.fails_address)
        or (ruling.fails_security_code and not instrument.fails_security_code)
    )


def _state(act: Sell, ruling: Ruling) -> str:
    if ruling.code == scenarios.AMOUNTS_OF_2026[scenarios.CANCELED_AMOUNT]:
        return "CANCELED"
    if ruling.code:
        return "FAILED"
    return "PENDING" if act.is_batched else "SUCCEEDED"


def _checks(act: Sell, source: Instrument | None, ruling: Ruling) -> dict[str, str | None]:
    """What the issuer found about address and security code; it is asked about cards only."""
    if source is None or source.type != "PAYMENT_CARD":
        return {"address_verification": None, "security_code_verification": None}
    address = "POSTAL_CODE_AND_STREET_MATCH" if source.address else "NO_ADDRESS"
    security_code = "MATCHED" if act.security_code else "UNKNOWN"
    return {
        "address_verification": "NO_MATCH" if ruling.fails_address else address,
        "security_code_verification": "UNMATCHED" if ruling.fails_security_code else security_code,
    }


def _answer(transfer: Transfer, changed: Instrument | None, visit: Visit) -> Answer:
    news: tuple[port.News, ...] = (tell(transfer),)
    if changed is not None:
        news = (instruments.tell(changed), *news)
    if transfer.failure_code:
        code, message = normalise(transfer.failure_code)
        return Answer(Verdict.REFUSED, news, code=code, message=message)
    if transfer.state == "PENDING" and transfer.due_at is not None:
        return Answer(Verdict.WAITING, news, ask_again_in=calls.time_until(transfer.due_at, visit.now))
    return Answer(Verdict.ACCEPTED, news)


def is_answer_lost(act: Sell, answer: Answer, visit: Visit) -> bool:
    """The amount whose answer gets lost on the way; whoever asks again is told."""
    return visit.is_first and not answer.code and scenarios.loses_answer(act.amount, visit.profile)
