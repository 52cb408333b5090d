"""Adjustments: what the operator gives a merchant, or takes from it, with its next settlement. No provider is asked."""

import uuid
from datetime import datetime

from onboarding.models import Merchant
from payments.models import Transfer
from payments.services import transfers
from payments.services.admission import MerchantNotApproved
from payments.services.copies import succeeded
from payments.services.keys import refusing_used
from resources import ids
from resources.errors import FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models.processors import Processor, refuse_currency
from tenancy.roles import Permission
from tenancy.transactions import act

KEYS = frozenset({Transfer.OperationKey.MERCHANT_CREDIT_ADJUSTMENT, Transfer.OperationKey.MERCHANT_DEBIT_ADJUSTMENT})


def create_adjustment(
    *,
    operation_key: str,
    merchant_id: uuid.UUID,
    amount: int,
    currency: str,
    by: Actor,
    at: datetime,
    processor: str | None = None,
    idempotency_id: str | None = None,
    tags: Tags | None = None,
) -> Transfer:
    """Credit a merchant with minor units, or debit it; done at once, and ready to settle at once.

    Processing may be switched off: what is owed is adjusted all the same. Raises FieldError for a merchant or currency
    that cannot be used, IdempotencyIdUsed.
    """
    by.require(Permission.ADJUST_MERCHANTS)
    if operation_key not in KEYS:
        raise ValueError(operation_key)
    key, application_id = ids.new_id(), transfers.application_of(merchant_id, by)
    of_the_key = {
        "idempotency_id": idempotency_id,
        "idempotency_operation": Transfer.Operation.SALE if idempotency_id else None,
    }
    with (
        refusing_used("transfer_idempotency_id", Transfer, application_id=application_id, by=by, **of_the_key),
        act("create_adjustment", by=by, at=at, application_id=application_id, resource=(Transfer.KIND, key)) as current,
    ):
        merchants = Merchant.objects.visible_to(by).select_related("application", "enabled_processor")
        merchant = merchants.get(pk=merchant_id)
        _refuse(merchant, currency, processor)
        now = merchant.application.business_time(at)
        adjustment = transfers.add(
            current,
            Transfer(
                id=key,
                application_id=application_id,
                merchant_id=merchant_id,
                merchant_identity_id=merchant.identity_id,
                processor_id=merchant.enabled_processor_id,
                type=Transfer.Type.ADJUSTMENT,
                subtype=operation_key,
                operation_key=operation_key,
                amount=amount,
                currency=currency,
                ready_to_settle_upon="SUCCESSFUL_CAPTURE",
                **of_the_key,
                tags=tags or {},
                created_at=now,
                updated_at=now,
            ),
        )
        changes = adjustment.move_to(Transfer.State.SUCCEEDED)
        adjustment.save(update_fields=["state"])
        changes |= succeeded(current, adjustment)
        current.record("transfer.updated", adjustment, application_id=application_id, changes=changes)
    return adjustment


def obstacle_to_adjustment(merchant: Merchant) -> str:
    """Why nothing of a merchant can be adjusted, in a sentence; empty where something can."""
    if merchant.processor == Processor.Name.VISA_V1:
        return "A merchant at VISA_V1 is never settled, so there is nothing to adjust."
    return "" if merchant.onboarding_state == Merchant.OnboardingState.APPROVED else MerchantNotApproved.message


def _refuse(merchant: Merchant, currency: str, processor: str | None) -> None:
    if processor not in {None, merchant.processor}:
        raise FieldError("processor", f"The merchant's processor is {merchant.processor}")
    if obstacle := obstacle_to_adjustment(merchant):
        raise FieldError("merchant", obstacle)
    refuse_currency(currency, merchant.enabled_processor.application_config)
