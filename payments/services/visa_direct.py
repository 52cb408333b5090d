"""Money to and from cards over VISA_V1: the merchant is the owner of the card, and nothing is sold."""

import uuid
from datetime import datetime

from onboarding.models import Merchant, PaymentInstrument
from payments.models import Transfer
from payments.services import verdicts
from payments.services.admission import Purpose, admit
from payments.services.transfers import Wish, create_transfer
from providers import port
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.transactions import transaction

PUSH, PULL = "push", "pull"


def create_visa_direct(
    *,
    purpose: Purpose,
    instrument_id: uuid.UUID,
    amount: int,
    currency: str,
    by: Actor,
    at: datetime,
    merchant_id: uuid.UUID | None = None,
    processor: str | None = None,
    idempotency_id: str | None = None,
    tags: Tags | None = None,
) -> Transfer:
    """Push minor units to a card, or pull them from it. Without a merchant, the one of the card's owner is used.

    Gives the transfer as it is after the call. Raises what `admit` raises, FieldError, IdempotencyIdUsed.
    """
    if merchant_id is None:
        merchant_id = merchant_of(instrument_id, by=by, side=purpose.side)
    is_push = purpose is Purpose.PUSH
    keys = Transfer.OperationKey
    members = {
        "type": Transfer.Type.CREDIT if is_push else Transfer.Type.DEBIT,
        "operation_key": keys.PUSH_TO_CARD if is_push else keys.PULL_FROM_CARD,
    }
    return create_transfer(
        Wish(
            purpose=purpose,
            merchant_id=merchant_id,
            instrument_id=instrument_id,
            amount=amount,
            currency=currency,
            processor=processor,
            idempotency_id=idempotency_id,
            tags=tags,
        ),
        operation=PUSH if is_push else PULL,
        members=lambda _admission: members,
        request=lambda transfer, _admission: _request(transfer),
        by=by,
        at=at,
    )


def merchant_of(instrument_id: uuid.UUID, *, by: Actor, side: str) -> uuid.UUID:
    """The VISA_V1 merchant of who owns the card. Raises FieldError where there is none, or more than one."""
    with transaction(by=by):
        instrument = PaymentInstrument.objects.visible_to(by).filter(pk=instrument_id).first()
        if instrument is None:
            name = ids.public_id(PaymentInstrument.PREFIX, instrument_id)
            raise FieldError(side, f"`{name}` was not found")
        merchants = Merchant.objects.visible_to(by).filter(
            application_id=instrument.application_id,
            identity_id=instrument.identity_id,
            processor=Processor.Name.VISA_V1,
        )
        found = list(merchants.order_by("-processing_enabled", "-created_at").values_list("pk", "processing_enabled"))
    usable = [key for key, is_on in found if is_on]
    if not found:
        raise FieldError(side, "Its owner has no merchant at VISA_V1 yet")
    if len(usable) > 1:
        names = ", ".join(f"`{ids.public_id(Merchant.PREFIX, key)}`" for key in usable)
        raise FieldError("merchant", f"One of {names} has to be named")
    first, _ = found[0]
    return first


def _request(transfer: Transfer) -> port.Push | port.Pull:
    told = {
        "id": transfer.pk,
        "merchant_id": transfer.merchant_id,
        "amount": transfer.amount,
        "currency": transfer.currency,
        "idempotency_id": transfer.idempotency_id,
        "tags": transfer.tags,
    }
    if transfer.destination_id is not None:
        return port.Push(**told, destination_id=transfer.instrument_id)
    return port.Pull(**told, source_id=transfer.instrument_id)


def _rebuild(attempt: Attempt, by: Actor) -> port.Push | port.Pull | None:
    """The transfer anew, where it may still be asked for."""
    transfer = verdicts.transfer_of(attempt, by)
    purpose = Purpose.PUSH if transfer.destination_id else Purpose.PULL
    try:
        admit(
            merchant_id=transfer.merchant_id,
            instrument_id=transfer.instrument_id,
            currency=transfer.currency,
            purpose=purpose,
            by=by,
        )
    except DomainError:
        return None
    return _request(transfer)


push = verdicts.operation(PUSH, rebuild=_rebuild)
pull = verdicts.operation(PULL, rebuild=_rebuild)
