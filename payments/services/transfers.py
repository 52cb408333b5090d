"""Sales: the intent is committed, the provider asked, and its verdict enters with its postings."""

import uuid
from datetime import datetime

from django.db import IntegrityError

from onboarding.models import Merchant
from payments.models import Transfer
from payments.services.admission import Admission, admit
from payments.services.copies import copy_transfer
from providers import attempts, copying, port
from providers.attempts import Ending, Operation
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act, transaction
from vault.secret import Secret

SELL = "sale"


class IdempotencyIdUsed(DomainError):
    """The key is older than what is kept of it; what it once made still stands."""

    code = "IDEMPOTENCY_MISMATCH"

    def __init__(self, transfer: Transfer) -> None:
        super().__init__(f"This idempotency id was used before, for {transfer.public_id}.")


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

    `processor`, where it is told, has to be the merchant's.

    Gives the transfer as it is after the call: SUCCEEDED, FAILED with a code, or PENDING while the provider has not
    decided or its answer did not come. Raises what `admit` raises, FieldError, IdempotencyIdUsed; then nothing is kept.
    """
    by.require(Permission.CREATE_TRANSFERS)
    if fee > amount:
        raise FieldError("fee", "The fee is at most the amount")
    key = ids.new_id()
    application_id = _application_of(merchant_id, by)
    try:
        with act(
            "create_transfer", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)
        ) as current:
            admission = admit(
                merchant_id=merchant_id,
                source_id=source_id,
                currency=currency,
                has_security_code=security_code is not None,
                by=by,
            )
            if processor not in {None, admission.processor}:
                raise FieldError("processor", f"The merchant's processor is {admission.processor}")
            transfer = _add(
                current,
                Transfer(
                    id=key,
                    application_id=application_id,
                    merchant_id=merchant_id,
                    merchant_identity_id=admission.merchant_identity_id,
                    source_id=source_id,
                    amount=amount,
                    currency=currency,
                    fee=fee,
                    statement_descriptor=statement_descriptor or admission.statement_descriptor,
                    idempotency_operation=Transfer.Operation.SALE if idempotency_id else None,
                    idempotency_id=idempotency_id,
                    tags=tags or {},
                    created_at=admission.business_time(at),
                    updated_at=admission.business_time(at),
                ),
            )
            attempt = attempts.claim(
                operation=SELL,
                model=Transfer,
                resource_id=key,
                application_id=application_id,
                processor=admission.processor,
                at=at,
                amount=amount,
                currency=currency,
            )
            crash_point("claiming")
    except IntegrityError as error:
        if "transfer_idempotency_id" in str(error):
            raise IdempotencyIdUsed(_first_under(str(idempotency_id), application_id, by)) from error
        raise
    request = _request(transfer, admission, security_code)
    account = port.Account(application_id, admission.settings)
    row: Transfer = attempts.carry_out(attempt, request, account=account, by=by, claimed=transfer)
    return row


def update_transfer(*, transfer: Transfer, by: Actor, at: datetime, tags: Tags | None = None) -> Transfer:
    """Replace the tags. They are ours alone; the provider hears nothing of it."""
    by.require(Permission.CREATE_TRANSFERS)
    application_id = transfer.application_id
    with act("update_transfer", by=by, at=at, application_id=application_id, resource=transfer.handle) as current:
        transfers = Transfer.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
        transfer = transfers.get(pk=transfer.pk)
        changes = {} if tags is None else transfer.assign({"tags": tags})
        if changes:
            transfer.updated_at = max(transfer.updated_at, transfer.application.business_time(at))
            transfer.save(update_fields=[*changes, "updated_at"])
            current.record("transfer.updated", transfer, application_id=application_id, changes=changes)
    return transfer


def _first_under(idempotency_id: str, application_id: uuid.UUID, by: Actor) -> Transfer:
    with transaction(by=by):
        return Transfer.objects.visible_to(by).get(
            application_id=application_id,
            idempotency_id=idempotency_id,
            idempotency_operation=Transfer.Operation.SALE,
        )


def _application_of(merchant_id: uuid.UUID, by: Actor) -> uuid.UUID:
    """Whose the transfer will be: the caller's own application; for the platform, the merchant's."""
    if by.own_application_id is not None:
        return by.own_application_id
    with transaction(by=by):
        found = Merchant.objects.visible_to(by).filter(pk=merchant_id).values_list("application_id", flat=True).first()
    if found is None:
        raise FieldError("merchant", f"`{ids.public_id(Merchant.PREFIX, merchant_id)}` was not found")
    return found


def _add(current: Act, transfer: Transfer) -> Transfer:
    transfer.save(force_insert=True)
    current.record("transfer.created", transfer, application_id=transfer.application_id, is_first=True)
    return transfer


def _request(transfer: Transfer, admission: Admission, security_code: Secret | None = None) -> port.Sell:
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


def _lock(attempt: Attempt, by: Actor) -> Transfer:
    return Transfer.objects.visible_to(by).select_for_update().get(pk=attempt.resource_id)


def _copy(current: Act, attempt: Attempt, transfer: Transfer, ending: Ending) -> Transfer:
    account = port.Account(attempt.application_id)
    for news in ending.news:
        if isinstance(news, port.Transfer):
            transfer = copy_transfer(current, account, attempt.provider, news, row=transfer)
        else:
            copying.copy(current, account, attempt.provider, news)
    if ending.state == Attempt.State.ACCEPTED and not transfer.is_decided:
        raise ValueError("The provider decided, under a version that is known as undecided")
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and not transfer.is_decided:
        _fail(current, transfer, ending)
    return transfer


def _fail(current: Act, transfer: Transfer, ending: Ending) -> None:
    """Refused, or certainly not executed, without the provider keeping a transfer of it."""
    changes = transfer.move_to(Transfer.State.FAILED)
    changes |= transfer.assign({"failure_code": ending.code[:80], "failure_message": ending.message[:300]})
    transfer.updated_at = max(transfer.updated_at, current.at)
    transfer.save(update_fields=[*changes, "updated_at"])
    current.record("transfer.updated", transfer, application_id=transfer.application_id, changes=changes)


def _rebuild(attempt: Attempt, by: Actor) -> port.Sell | None:
    """The sale anew, where it may still be asked for; a merchant that was switched off meanwhile is not charged for.

    Its security code is gone, so a sale that needed one is not asked for again.
    """
    transfer = Transfer.objects.visible_to(by).get(pk=attempt.resource_id)
    try:
        admission = admit(
            merchant_id=transfer.merchant_id, source_id=transfer.source_id, currency=transfer.currency, by=by
        )
    except DomainError:
        return None
    return _request(transfer, admission)


sell = Operation(SELL, lock=_lock, copy=_copy, rebuild=_rebuild)
