"""How the sandbox tells of payments: in its own words as `raw`, in ours beside."""

from datetime import datetime

from providers import port
from providers.failures import documented, normalise
from providers.sandbox.models import Authorization, Transfer
from providers.sandbox.scenarios import RETURN_CODES
from resources import ids


def tell_transfer(transfer: Transfer, now: datetime) -> port.Transfer:
    """The transfer as it is then: that it may be settled is told once the moment has come, as a version of its own."""
    code, message = normalise(transfer.failure_code) if transfer.failure_code else (None, None)
    is_ready = transfer.state == "SUCCEEDED" and transfer.ready_at is not None and transfer.ready_at <= now
    return port.Transfer(
        id=transfer.id,
        version=f"{2 * transfer.version + is_ready:08}",
        created_at=transfer.created_at,
        updated_at=max(filter(None, [transfer.updated_at, transfer.ready_at if is_ready else None])),
        raw=_raw(transfer, is_declined=code is not None),
        tags=transfer.tags,
        merchant_id=transfer.merchant_id,
        source_id=transfer.source_id,
        destination_id=transfer.destination_id,
        type=transfer.type,
        subtype=transfer.subtype,
        operation_key=transfer.operation_key,
        parent_id=transfer.parent_id,
        authorization_id=transfer.authorization_id,
        batch_id=transfer.batch_id,
        state=transfer.state,
        amount=transfer.amount,
        currency=transfer.currency,
        fee=transfer.fee,
        trace_id=transfer.trace_id,
        statement_descriptor=transfer.statement_descriptor,
        idempotency_id=transfer.idempotency_id,
        ready_to_settle_at=transfer.ready_at if is_ready else None,
        expected_on=transfer.expected_on,
        failure_code=code,
        failure_message=message,
        messages=_messages(transfer),
        address_verification=transfer.address_verification,
        security_code_verification=transfer.security_code_verification,
    )


def tell_authorization(authorization: Authorization) -> port.Authorization:
    code, message = normalise(authorization.failure_code) if authorization.failure_code else (None, None)
    return port.Authorization(
        id=authorization.id,
        version=f"{authorization.version:08}",
        created_at=authorization.created_at,
        updated_at=authorization.updated_at,
        raw={
            "id": ids.public_id("AU", authorization.id),
            "state": authorization.state,
            "amount": authorization.amount,
            "currency": authorization.currency,
            "trace_id": authorization.trace_id,
            "network": authorization.network,
            "approval_code": None if code else f"{authorization.id.int % 1_000_000:06}",
            "void_state": authorization.void_state,
            "three_d_secure": authorization.proof,
            "failure_code": authorization.failure_code,
            "address_verification": authorization.address_verification,
            "security_code_verification": authorization.security_code_verification,
        },
        tags=authorization.tags,
        merchant_id=authorization.merchant_id,
        source_id=authorization.source_id,
        state=authorization.state,
        amount=authorization.amount,
        currency=authorization.currency,
        trace_id=authorization.trace_id,
        idempotency_id=authorization.idempotency_id,
        failure_code=code,
        failure_message=message,
        messages=(authorization.failure_code,) if authorization.failure_code else (),
        address_verification=authorization.address_verification,
        security_code_verification=authorization.security_code_verification,
        expires_at=authorization.expires_at,
        statement_descriptor=authorization.statement_descriptor,
        void_state=authorization.void_state,
        transfer_id=authorization.captured_by,
    )


def trace_id() -> str:
    return ids.public_id("FNX", ids.new_id())


def _messages(transfer: Transfer) -> tuple[str, ...]:
    """Codes as the network has them; of a return, a push and a pull also what is said of it."""
    if transfer.failure_code:
        said = documented(transfer.failure_code) if transfer.operation_key else ""
        return (transfer.failure_code, said) if said else (transfer.failure_code,)
    if transfer.subtype == "SYSTEM" and transfer.return_code:
        return (transfer.return_code, normalise(RETURN_CODES[transfer.return_code])[1])
    return ()


def _raw(transfer: Transfer, *, is_declined: bool) -> dict[str, object]:
    return {
        "id": ids.public_id("TR", transfer.id),
        "type": transfer.type,
        "state": transfer.state,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "trace_id": transfer.trace_id,
        "network": transfer.network,
        "approval_code": None if is_declined else f"{transfer.id.int % 1_000_000:06}",
        "three_d_secure": transfer.proof,
        "failure_code": transfer.failure_code,
        "return_code": transfer.return_code if transfer.subtype == "SYSTEM" else None,
        "address_verification": transfer.address_verification,
        "security_code_verification": transfer.security_code_verification,
    }
