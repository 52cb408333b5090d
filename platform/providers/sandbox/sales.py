"""Sales at the sandbox: charges of cards and bank accounts for a merchant."""

from datetime import datetime

from providers.port import Answer, Sell
from providers.sandbox import batches, scenarios, transfers
from providers.sandbox.calls import Visit
from providers.sandbox.models import Batch, Transfer
from providers.sandbox.refunds import planned_return
from providers.sandbox.rulings import Ruling, change_source, checks, evidence, parties, rule
from providers.sandbox.telling import trace_id


def sell(act: Sell, visit: Visit, *, forced_code: str = "") -> Answer:
    """Charge an instrument. A declined sale is kept too; a code that is forced stands before every rule."""
    source, standing = parties(act.merchant_id, act.source_id, visit)
    ruling = Ruling(forced_code) if forced_code else rule(act, source, standing, visit)
    changed = change_source(source, ruling, visit)
    is_bank_account = source is not None and source.type == "BANK_ACCOUNT"
    batch = None
    if not ruling.code and (act.is_batched or is_bank_account):
        batch = batches.join(standing.processor, visit)
    ready_at = None if ruling.code else _ready_at(batch, visit, is_bank_account=is_bank_account)
    transfer = Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=act.merchant_id,
        source_id=act.source_id,
        state="PENDING" if batch else ruling.state,
        amount=act.amount,
        currency=act.currency,
        fee=act.fee,
        statement_descriptor=act.statement_descriptor,
        idempotency_id=act.idempotency_id,
        trace_id=trace_id(),
        network=source.brand if source else None,
        failure_code=ruling.code or None,
        **checks(act, source, ruling),
        has_changed_source=changed is not None,
        proof=evidence(act),
        batch_id=batch.id if batch else None,
        due_at=batch.due_at if batch else None,
        ready_at=ready_at,
        told_at=ready_at,
        **planned_return(source, batch.due_at if batch else None, visit),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return transfers.answer(transfer, changed, visit)


def is_answer_lost(act: Sell, answer: Answer, visit: Visit) -> bool:
    """The amount whose answer gets lost on the way; whoever asks again is told."""
    return visit.is_first and not answer.code and scenarios.loses_answer(act.amount, visit.profile)


def _ready_at(batch: Batch | None, visit: Visit, *, is_bank_account: bool) -> datetime:
    """When the processor says that it may be settled."""
    moved_at = batch.due_at if batch else visit.now
    if is_bank_account:
        return scenarios.bank_readiness(moved_at, visit.profile)
    return moved_at + scenarios.pace(visit.profile).readiness
