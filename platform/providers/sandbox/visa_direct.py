"""Money to and from cards at the sandbox, as over VISA_V1."""

from providers.failures import DISABLING, normalise
from providers.port import Answer, Pull, Push
from providers.sandbox import scenarios, transfers
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument, Transfer
from providers.sandbox.rulings import Ruling, Standing, change_source, impossible, parties
from providers.sandbox.telling import trace_id

_TAKES_NONE = "N"


def push(act: Push, visit: Visit, *, forced_code: str = "") -> Answer:
    """Send money to a card."""
    card, standing = parties(act.merchant_id, act.destination_id, visit)
    ruling = Ruling(forced_code) if forced_code else _rule(act, card, standing, visit)
    changed = change_source(card, ruling, visit)
    transfer = _keep(act, card, ruling, visit, has_changed=changed is not None, type="CREDIT",
                     operation_key="PUSH_TO_CARD", destination_id=act.destination_id)  # fmt: skip
    return transfers.answer(transfer, changed, visit)


def pull(act: Pull, visit: Visit, *, forced_code: str = "") -> Answer:
    """Fetch money from a card."""
    card, standing = parties(act.merchant_id, act.source_id, visit)
    ruling = Ruling(forced_code) if forced_code else _rule(act, card, standing, visit)
    changed = change_source(card, ruling, visit)
    transfer = _keep(act, card, ruling, visit, has_changed=changed is not None, type="DEBIT",
                     operation_key="PULL_FROM_CARD", source_id=act.source_id)  # fmt: skip
    return transfers.answer(transfer, changed, visit)


def _rule(act: Push | Pull, card: Instrument | None, standing: Standing, visit: Visit) -> Ruling:
    if card is None:
        return Ruling("INVALID_ACCOUNT_NUMBER")
    code = card.push_code or impossible(
        act, card, standing, visit.now, scenarios.behaviour(card.scenario, visit.profile)
    )
    if not code and isinstance(act, Push) and _takes_no_pushes(card):
        code = "TRANSACTION_NOT_PERMITTED"
    code = code or scenarios.amount_code(act.amount, visit.profile)
    return Ruling(code, disables=bool(card.push_code) and normalise(code)[0] in DISABLING)


def _takes_no_pushes(card: Instrument) -> bool:
    told = scenarios.inquiry(card.inquiry, brand=card.brand, card_type=card.card_type)
    return told.push_funds == _TAKES_NONE


def _keep(
    act: Push | Pull, card: Instrument | None, ruling: Ruling, visit: Visit, *, has_changed: bool, **more: object
) -> Transfer:
    return Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=act.merchant_id,
        state=ruling.state,
        amount=act.amount,
        currency=act.currency,
        idempotency_id=act.idempotency_id,
        trace_id=trace_id(),
        network=card.brand if card else None,
        failure_code=ruling.code or None,
        has_changed_source=has_changed,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
        **more,
    )
