"""Deposits at the sandbox: merchants are paid to their bank accounts, and some banks send the money back."""

from providers.port import Answer, Fund
from providers.sandbox import scenarios, transfers
from providers.sandbox.calls import Visit
from providers.sandbox.models import Instrument, Transfer
from providers.sandbox.refunds import planned_return
from providers.sandbox.rulings import Ruling
from providers.sandbox.telling import trace_id


def fund(act: Fund, visit: Visit, *, forced_code: str = "") -> Answer:
    """Order a deposit. The bank takes it a little later; whether it comes back is known by the account's number."""
    found = Instrument.objects.filter(application_id=visit.application_id, pk=act.destination_id)
    account = found.exclude(identity_id=None).first()
    code = forced_code or _why_not(account)
    pace = scenarios.pace(visit.profile)
    due_at = None if code else visit.now + pace.funding
    deposit = Transfer.objects.create(
        id=act.id,
        application_id=visit.application_id,
        merchant_id=act.merchant_id,
        destination_id=act.destination_id,
        type="CREDIT",
        subtype=act.subtype,
        state="PENDING" if due_at else Ruling(code).state,
        amount=act.amount,
        currency=act.currency,
        statement_descriptor=act.statement_descriptor,
        trace_id=trace_id(),
        failure_code=code or None,
        due_at=due_at,
        expected_on=scenarios.next_business_day(due_at) if due_at else None,
        **planned_return(account, due_at, visit),
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return transfers.answer(deposit, None, visit)


def _why_not(account: Instrument | None) -> str:
    if account is None or account.type != "BANK_ACCOUNT":
        return "NO_BANK_ACCOUNT_FOUND"
    return "" if account.enabled else "BANK_ACCOUNT_FROZEN"
