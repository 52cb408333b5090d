"""Captures: what is held is taken, once, whole or in part."""

from datetime import datetime

from payments.models import Authorization, Transfer
from payments.services import transfers, verdicts
from payments.services.admission import admit_capture
from payments.services.holds import locked_hold
from providers import attempts, port
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import act

CAPTURE = "capture"


def capture_authorization(
    *,
    authorization: Authorization,
    by: Actor,
    at: datetime,
    amount: int | None = None,
    fee: int | None = None,
) -> Transfer:
    """Take minor units of what is held, all of it without an amount; the rest is released.

    Gives the transfer as it is after the call; where it FAILED, the authorization is free again. Raises NotHeld,
    ProcessingDisabled, FieldError; then nothing is kept.
    """
    by.require(Permission.CREATE_TRANSFERS)
    application_id, key = authorization.application_id, ids.new_id()
    with act(
        "capture_authorization", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)
    ) as current:
        admission = admit_capture(authorization.merchant_id, by=by)
        held = locked_hold(authorization.pk, at + admission.clock_offset, by)
        amount = held.amount if amount is None else amount
        fee = min(held.fee, amount) if fee is None else fee
        if amount > held.amount:
            raise FieldError("capture_amount", f"At most {held.amount} is held")
        if fee > amount:
            raise FieldError("fee", "The fee is at most the amount")
        now = at + admission.clock_offset
        transfer = transfers.add(
            current,
            Transfer(
                id=key,
                application_id=application_id,
                merchant_id=held.merchant_id,
                merchant_identity_id=held.merchant_identity_id,
                processor_id=held.processor_id,
                source_id=held.source_id,
                authorization=held,
                **{name: getattr(held, name) for name in _COPIED},
                amount=amount,
                fee=fee,
                ready_to_settle_upon=admission.ready_to_settle_upon,
                tags=held.tags,
                created_at=now,
                updated_at=now,
            ),
        )
        changes = held.assign({"transfer": transfer, "capture_amount": amount})
        held.updated_at = max(held.updated_at, now)
        held.save(update_fields=["transfer", "capture_amount", "updated_at"])
        current.record("authorization.updated", held, application_id=application_id, changes=changes)
        attempt = attempts.claim(
            operation=CAPTURE,
            model=Transfer,
            resource_id=key,
            application_id=application_id,
            processor=admission.processor,
            at=at,
            amount=amount,
            currency=held.currency,
        )
        crash_point("claiming")
    account = port.Account(application_id, admission.settings)
    request = _request(transfer, held, is_batched=admission.is_batched)
    row: Transfer = attempts.carry_out(attempt, request, account=account, by=by, claimed=transfer)
    return row


_COPIED = (
    "currency", "statement_descriptor", "additional_purchase_data", "instrument_type", "instrument_name",
    "instrument_last_four", "instrument_bin", "instrument_brand",
)  # fmt: skip


def _request(transfer: Transfer, authorization: Authorization, *, is_batched: bool) -> port.Capture:
    return port.Capture(
        id=transfer.pk,
        authorization_id=authorization.pk,
        amount=transfer.amount,
        currency=transfer.currency,
        fee=transfer.fee,
        statement_descriptor=transfer.statement_descriptor,
        is_batched=is_batched,
        purchase=transfer.additional_purchase_data or {},
        tags=transfer.tags,
    )


def _rebuild(attempt: Attempt, by: Actor) -> port.Capture | None:
    transfer = verdicts.transfer_of(attempt, by)
    if transfer.authorization is None:
        return None
    try:
        admission = admit_capture(transfer.merchant_id, by=by)
    except DomainError:
        return None
    return _request(transfer, transfer.authorization, is_batched=admission.is_batched)


capture = verdicts.operation(CAPTURE, rebuild=_rebuild)
