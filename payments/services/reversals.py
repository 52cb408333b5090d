"""Refunds: a charge is given back, whole or in parts, and never more of it than was taken."""

import uuid
from datetime import datetime

from payments.models import Transfer
from payments.services import transfers, verdicts
from payments.services.keys import refusing_used
from providers import attempts, port
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError, NotVisible
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import act

REFUND = "refund"


class NotRefundable(DomainError):
    """The transfer is none that can be reversed, or not now."""


class AboveTheRest(FieldError):
    """More was asked for than is left. The member is sound; it comes too late, and is refused as such."""

    code = DomainError.code


def create_reversal(
    *,
    transfer: Transfer,
    amount: int,
    by: Actor,
    at: datetime,
    idempotency_id: str | None = None,
    tags: Tags | None = None,
) -> Transfer:
    """Give back `amount` minor units of a sale to the instrument that was charged. The fee is not given back.

    The part is reserved before the provider is asked, and freed if it declines. Gives the reversal as it is after the
    call. Raises NotRefundable, AboveTheRest, IdempotencyIdUsed; then nothing is kept.
    """
    by.require(Permission.REFUND_TRANSFERS)
    application_id, key = transfer.application_id, ids.new_id()
    operation = Transfer.Operation.REVERSAL if idempotency_id else None
    with (
        refusing_used(
            "transfer_idempotency_id", Transfer, application_id=application_id, by=by,
            idempotency_id=idempotency_id, idempotency_operation=operation,
        ),
        act(
            "create_reversal", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)
        ) as current,
    ):  # fmt: skip
        parent = _reserve(transfer.pk, amount, by)
        now = parent.application.business_time(at)
        reversal = transfers.add(
            current,
            Transfer(
                id=key,
                application_id=application_id,
                merchant_id=parent.merchant_id,
                merchant_identity_id=parent.merchant_identity_id,
                processor_id=parent.processor_id,
                destination_id=parent.source_id,
                parent=parent,
                type=Transfer.Type.REVERSAL,
                **{name: getattr(parent, name) for name in _COPIED},
                amount=amount,
                idempotency_operation=operation,
                idempotency_id=idempotency_id,
                tags=tags or {},
                created_at=now,
                updated_at=now,
            ),
        )
        attempt = attempts.claim(
            operation=REFUND,
            model=Transfer,
            resource_id=key,
            application_id=application_id,
            processor=parent.processor.processor,
            at=at,
            amount=amount,
            currency=parent.currency,
        )
        crash_point("claiming")
    account = port.Account(application_id, parent.processor.application_config)
    row: Transfer = attempts.carry_out(attempt, _request(reversal), account=account, by=by, claimed=reversal)
    return row


_COPIED = (
    "currency", "statement_descriptor", "ready_to_settle_upon", "instrument_type", "instrument_name",
    "instrument_last_four", "instrument_bin", "instrument_brand",
)  # fmt: skip


def obstacle_to_refund(transfer: Transfer) -> str:
    """Why nothing of it can be given back now, in a sentence; empty where something can."""
    if transfer.type != Transfer.Type.DEBIT:
        return "Only a charge can be refunded."
    if transfer.operation_key is not None:
        return "Money that was pulled from a card goes back by a push to it."
    if transfer.state == Transfer.State.PENDING:
        return "The charge has not succeeded yet."
    if transfer.has_failed:
        return "The charge took no money."
    if transfer.returned_at is not None:
        return "The bank has taken the charge back already."
    return "" if transfer.refundable_amount else "All of it was refunded, or is being refunded."


def _reserve(transfer_id: uuid.UUID, amount: int, by: Actor) -> Transfer:
    """Take the amount from what is left, under the charge's lock. Raises NotRefundable, AboveTheRest, NotVisible."""
    charges = Transfer.objects.visible_to(by).select_related("application", "processor").select_for_update(of=("self",))
    charge = charges.filter(pk=transfer_id).first()
    if charge is None:
        raise NotVisible(ids.public_id(Transfer.PREFIX, transfer_id))
    if obstacle := obstacle_to_refund(charge):
        raise NotRefundable(obstacle)
    if amount > charge.refundable_amount:
        raise AboveTheRest("refund_amount", f"At most {charge.refundable_amount} of it can still be refunded")
    charge.refunded_amount += amount
    charge.save(update_fields=["refunded_amount"])
    return charge


def _request(reversal: Transfer) -> port.Refund:
    if reversal.parent_id is None:
        raise ValueError("A reversal has a parent")
    return port.Refund(
        id=reversal.pk,
        parent_id=reversal.parent_id,
        amount=reversal.amount,
        currency=reversal.currency,
        idempotency_id=reversal.idempotency_id,
        tags=reversal.tags,
    )


def _rebuild(attempt: Attempt, by: Actor) -> port.Refund:
    """The reversal anew; what it takes is reserved, so nothing can speak against it meanwhile."""
    return _request(verdicts.transfer_of(attempt, by))


refund = verdicts.operation(REFUND, rebuild=_rebuild)
