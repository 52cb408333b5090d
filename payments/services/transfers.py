"""How a transfer begins, whatever it is for, and what is ours alone of it."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from onboarding.models import Merchant
from payments.models import Transfer
from payments.services.admission import Admission, Purpose, admit
from payments.services.keys import refusing_used
from payments.services.three_d_secure import ThreeDSecure, seal_proof
from providers import attempts, port
from providers.crash import crash_point
from resources import ids
from resources.errors import FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act, transaction


@dataclass(frozen=True)
class Wish:
    """A transfer as it is asked for, between a merchant and an instrument. Amounts are minor units.

    `processor`, where it is told, has to be the merchant's.
    """

    purpose: Purpose
    merchant_id: uuid.UUID
    instrument_id: uuid.UUID
    amount: int
    currency: str
    processor: str | None = None
    has_security_code: bool = False
    three_d_secure: ThreeDSecure | None = None
    idempotency_id: str | None = None
    tags: Tags | None = None


def create_transfer(
    wish: Wish,
    *,
    operation: str,
    members: Callable[[Admission], Mapping[str, Any]],
    request: Callable[[Transfer, Admission], port.Act],
    by: Actor,
    at: datetime,
) -> Transfer:
    """Claim a transfer, ask the provider for it, and let its verdict enter. `members` are the row's further columns.

    Raises what `admit` raises, FieldError, IdempotencyIdUsed; then nothing is kept.
    """
    by.require(Permission.CREATE_TRANSFERS)
    key, application_id = ids.new_id(), application_of(wish.merchant_id, by)
    of_the_key = {
        "idempotency_id": wish.idempotency_id,
        "idempotency_operation": Transfer.Operation.SALE if wish.idempotency_id else None,
    }
    with (
        refusing_used("transfer_idempotency_id", Transfer, application_id=application_id, by=by, **of_the_key),
        act("create_transfer", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)) as current,
    ):
        admission = admit(
            merchant_id=wish.merchant_id,
            instrument_id=wish.instrument_id,
            currency=wish.currency,
            purpose=wish.purpose,
            has_security_code=wish.has_security_code,
            by=by,
        )
        if wish.processor not in {None, admission.processor}:
            raise FieldError("processor", f"The merchant's processor is {admission.processor}")
        transfer = add(
            current,
            Transfer(
                id=key,
                application_id=application_id,
                merchant_id=wish.merchant_id,
                merchant_identity_id=admission.merchant_identity_id,
                processor_id=admission.processor_id,
                **{f"{wish.purpose.side}_id": wish.instrument_id},
                **admission.instrument,
                **members(admission),
                amount=wish.amount,
                currency=wish.currency,
                **of_the_key,
                tags=wish.tags or {},
                created_at=admission.business_time(at),
                updated_at=admission.business_time(at),
            ),
        )
        seal_proof(transfer, wish.three_d_secure, application_id=application_id)
        attempt = attempts.claim(
            operation=operation,
            model=Transfer,
            resource_id=key,
            application_id=application_id,
            processor=admission.processor,
            at=at,
            amount=wish.amount,
            currency=wish.currency,
            is_sent_once=wish.has_security_code,
        )
        crash_point("claiming")
    account = port.Account(application_id, admission.settings)
    asked = request(transfer, admission)
    row: Transfer = attempts.carry_out(attempt, asked, account=account, by=by, claimed=transfer)
    return row


def update_transfer(*, transfer: Transfer, by: Actor, at: datetime, tags: Tags | None = None) -> Transfer:
    """Replace the tags. They are ours alone; the provider hears nothing of it."""
    by.require(Permission.CREATE_TRANSFERS)
    application_id = transfer.application_id
    with act("update_transfer", by=by, at=at, application_id=application_id, resource=transfer.handle) as current:
        found = Transfer.objects.visible_to(by).select_related("application", "parent")
        transfer = found.select_for_update(of=("self",)).get(pk=transfer.pk)
        changes = {} if tags is None else transfer.assign({"tags": tags})
        if changes:
            transfer.updated_at = max(transfer.updated_at, transfer.application.business_time(at))
            transfer.save(update_fields=[*changes, "updated_at"])
            current.record("transfer.updated", transfer, application_id=application_id, changes=changes)
    return transfer


def application_of(merchant_id: uuid.UUID, by: Actor) -> uuid.UUID:
    """Whose a payment will be: the caller's own application; for the platform, the merchant's. Raises FieldError."""
    if by.own_application_id is not None:
        return by.own_application_id
    with transaction(by=by):
        found = Merchant.objects.visible_to(by).filter(pk=merchant_id).values_list("application_id", flat=True).first()
    if found is None:
        raise FieldError("merchant", f"`{ids.public_id(Merchant.PREFIX, merchant_id)}` was not found")
    return found


def add(current: Act, transfer: Transfer) -> Transfer:
    """Insert a transfer that is about to be asked for."""
    transfer.save(force_insert=True)
    current.record("transfer.created", transfer, application_id=transfer.application_id, is_first=True)
    return transfer
