"""Sales: the intent is committed, the provider asked, and its verdict enters with its postings."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payments.models import Transfer
from payments.services import verdicts
from payments.services.admission import Admission, Purpose, admit
from payments.services.three_d_secure import MEMBER, ThreeDSecure, found_of
from payments.services.transfers import Wish, create_transfer
from providers import port
from providers.models import Attempt
from resources.errors import DomainError, FieldError, FieldErrors
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
    three_d_secure: ThreeDSecure | None = None,
    additional_purchase_data: Mapping[str, Any] | None = None,
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
        if not admission.is_card:
            _refuse_of_an_account({MEMBER: three_d_secure, "additional_purchase_data": additional_purchase_data})
        if three_d_secure is not None:
            three_d_secure.refuse_for(admission.instrument["instrument_brand"])
        return {
            "fee": fee,
            "statement_descriptor": statement_descriptor or admission.statement_descriptor,
            "three_d_secure": three_d_secure.kept if three_d_secure else None,
            "additional_purchase_data": dict(additional_purchase_data) if additional_purchase_data else None,
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
            three_d_secure=three_d_secure,
            idempotency_id=idempotency_id,
            tags=tags,
        ),
        operation=SELL,
        members=members,
        request=lambda transfer, admission: _request(
            transfer, admission, found=three_d_secure, security_code=security_code
        ),
        by=by,
        at=at,
    )


def _refuse_of_an_account(told: Mapping[str, object]) -> None:
    """Raises FieldErrors for members that mean nothing to a bank."""
    refusals = [FieldError(name, "Is for payment cards only") for name, value in told.items() if value]
    if refusals:
        raise FieldErrors(refusals)


def _request(
    transfer: Transfer,
    admission: Admission,
    *,
    found: ThreeDSecure | None,
    security_code: Secret | None = None,
) -> port.Sell:
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
        proof=found,
        purchase=transfer.additional_purchase_data or {},
        idempotency_id=transfer.idempotency_id,
        tags=transfer.tags,
    )


def _rebuild(attempt: Attempt, by: Actor) -> port.Sell | None:
    """The sale anew, where it may still be asked for; a merchant that was switched off meanwhile is not charged for.

    Its proof lies in the vault.
    """
    transfer = verdicts.transfer_of(attempt, by)
    if transfer.source_id is None:
        return None
    try:
        admission = admit(
            merchant_id=transfer.merchant_id, instrument_id=transfer.source_id, currency=transfer.currency, by=by
        )
    except DomainError:
        return None
    return _request(transfer, admission, found=found_of(transfer))


sell = verdicts.operation(SELL, rebuild=_rebuild)
