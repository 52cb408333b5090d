"""Sales: the intent is committed, the provider asked, and its verdict enters with its postings."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payments.models import Transfer
from payments.services import verdicts
from payments.services.admission import Admission, Purpose, admit
from payments.services.transfers import Wish, create_transfer
from providers import port
from providers.models import Attempt
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from vault.secret import Secret

SELL = "sale"
_BY_THE_BANK = "RECONCILIATION"  # a debit of a bank account may come back: only the processor knows when it stands


def create_sale(
    *,
    merchant_id: uuid.UUID,
    source_id: uuid.UUID,
    amount: int,
    currency: str,
    by: Actor,
    at: datetime,
    processor: str | None = None,
    fee: int = 0,
    statement_descriptor: str | None = None,
    security_code: Secret | None = None,
    idempotency_id: str | None = None,
    tags: Tags | None = None,
) -> Transfer:
    """Charge an instrument for a merchant. `amount` and `fee` are minor units, the fee at most the amount.

    Gives the transfer as it is after the call: SUCCEEDED, FAILED with a code, or PENDING while the provider has not
    decided or its answer did not come. Raises what `admit` raises, FieldError, IdempotencyIdUsed; then nothing is kept.
    """
    if fee > amount:
        raise FieldError("fee", "The fee is at most the amount")

    def members(admission: Admission) -> Mapping[str, Any]:
        return {
            "fee": fee,
            "statement_descriptor": statement_descriptor or admission.statement_descriptor,
            "ready_to_settle_upon": admission.ready_to_settle_upon if admission.is_card else _BY_THE_BANK,
        }

    return create_transfer(
        Wish(
            purpose=Purpose.SALE,
            merchant_id=merchant_id,
            instrument_id=source_id,
            amount=amount,
            currency=currency,
            processor=processor,
            has_security_code=security_code is not None,
            idempotency_id=idempotency_id,
            tags=tags,
        ),
        operation=SELL,
        members=members,
        request=lambda transfer, admission: _request(transfer, admission, security_code),
        by=by,
        at=at,
    )


def _request(transfer: Transfer, admission: Admission, security_code: Secret | None = None) -> port.Sell:
    if transfer.source_id is None:
        raise ValueError("A sale has a source")
    return port.Sell(
        id=transfer.pk,
        merchant_id=transfer.merchant_id,
        source_id=transfer.source_id,
        amount=transfer.amount,
        currency=transfer.currency,
        fee=transfer.fee,
        statement_descriptor=transfer.statement_descriptor,
        is_batched=admission.is_batched,
        avs_failure_allowed=admission.avs_failure_allowed,
        csc_failure_allowed=admission.csc_failure_allowed,
        security_code=security_code,
        idempotency_id=transfer.idempotency_id,
        tags=transfer.tags,
    )


def _rebuild(attempt: Attempt, by: Actor) -> port.Sell | None:
    """The sale anew, where it may still be asked for; a merchant that was switched off meanwhile is not charged for."""
    transfer = verdicts.transfer_of(attempt, by)
    if transfer.source_id is None:
        return None
    try:
        admission = admit(
            merchant_id=transfer.merchant_id, instrument_id=transfer.source_id, currency=transfer.currency, by=by
        )
    except DomainError:
        return None
    return _request(transfer, admission)


sell = verdicts.operation(SELL, rebuild=_rebuild)
