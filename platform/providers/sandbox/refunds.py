"""What is given back at the sandbox: refunds that are asked for, and debits that a bank returns of itself."""

from datetime import datetime, timedelta

from providers.port import Answer, Refund
from providers.sandbox import batches, scenarios, transfers
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument, Merchant, Transfer
from providers.sandbox.rulings import Ruling
from providers.sandbox.telling import trace_id
from resources import ids


def refund(act: Refund, visit: Visit, *, forced_code: str = "") -> Answer:
    """Give back part of a charge; to a bank account it goes with the next batch."""
    charge = Transfer.objects.select_for_update().get(application_id=visit.application_id, pk=act.parent_id)
    instrument = Instrument.objects.get(application_id=visit.application_id, pk=charge.instrument_id)
    code = forced_code or _why_not(charge, instrument, act)
    batch = None
    if not code and instrument.type == "BANK_ACCOUNT":
        merchant = Merchant.objects.get(application_id=visit.application_id, pk=charge.merchant_id)
        batch = batches.join(merchant.processor, visit)
    moved_at = batch.due_at if batch else visit.now
    ready_at = None if code else moved_at + scenarios.pace(visit.profile).readiness
    reversal = Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=charge.merchant_id,
        destination_id=charge.source_id,
        parent_id=charge.id,
        type="REVERSAL",
        state="PENDING" if batch else Ruling(code).state,
        amount=act.amount,
        currency=act.currency,
        statement_descriptor=charge.statement_descriptor,
        idempotency_id=act.idempotency_id,
        trace_id=trace_id(),
        network=charge.network,
        failure_code=code or None,
        batch_id=batch.id if batch else None,
        due_at=batch.due_at if batch else None,
        ready_at=ready_at,
        told_at=ready_at,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    if not code:
        charge.refunded_amount += act.amount
        charge.save(update_fields=["refunded_amount"])
    return transfers.answer(reversal, None, visit)


def make_due_returns(visit: Visit) -> None:
    """Let banks return the debits and deposits whose time has come; the feed tells of it from now on.

    A debit's return takes from the next settlement at once, a deposit's from none.
    """
    batches.submit_due(visit)
    due = Transfer.objects.select_for_update(skip_locked=True).filter(
        application_id=visit.application_id, return_due_at__lte=visit.now, state="SUCCEEDED"
    )
    for debit in due:
        returned_at = debit.return_due_at or visit.now
        Transfer.objects.create(
            id=ids.new_id(),
            application_id=visit.application_id,
            merchant_id=debit.merchant_id,
            destination_id=debit.instrument_id,
            parent_id=debit.id,
            type="REVERSAL",
            subtype="SYSTEM",
            state="SUCCEEDED",
            amount=debit.amount,
            currency=debit.currency,
            statement_descriptor=debit.statement_descriptor,
            trace_id=trace_id(),
            return_code=debit.return_code,
            ready_at=returned_at if debit.type == "DEBIT" else None,
            told_at=visit.now + _A_MOMENT,
            created_at=returned_at,
            updated_at=returned_at,
        )
        debit.return_due_at = None
        debit.save(update_fields=["return_due_at"])


def planned_return(account: Instrument | None, taken_at: datetime | None, visit: Visit) -> dict[str, object]:
    """What is known beforehand of a debit or deposit that its bank will return, by the account's number."""
    if account is None or taken_at is None or visit.profile != scenarios.Profile.FINIX_2026 or not account.return_code:
        return {}
    return {"return_code": account.return_code, "return_due_at": taken_at + scenarios.pace(visit.profile).bank_return}


_A_MOMENT = timedelta(seconds=1)  # so that the feed, whose mark lies a little back, does not pass it before it commits


def _why_not(charge: Transfer, instrument: Instrument, act: Refund) -> str:
    if instrument.refund_code:
        return instrument.refund_code
    if charge.type != "DEBIT" or charge.state != "SUCCEEDED":
        return "INVALID_TRANSACTION"
    if charge.return_code and charge.return_due_at is None:  # its bank has it back
        return "INVALID_TRANSACTION"
    if act.currency != charge.currency or charge.refunded_amount + act.amount > charge.amount:
        return "INVALID_AMOUNT"
    return ""
