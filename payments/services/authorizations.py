"""Authorizations: an amount is held on a card, for a capture to come."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from payments.models import HOLD_LASTS, Authorization
from payments.services import holds, transfers
from payments.services.admission import Admission, Purpose, admit
from payments.services.copies import why_failed
from payments.services.keys import refusing_used
from payments.services.three_d_secure import ThreeDSecure, found_of, seal_proof
from providers import attempts, port
from providers.attempts import Ending
from providers.crash import crash_point
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act
from vault.secret import Secret

AUTHORISE = "authorization"


def create_authorization(
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
) -> Authorization:
    """Hold `amount` minor units on a card for seven days of business time. The fee is the capture's, unless it says.

    Gives the authorization as it is after the call: SUCCEEDED, FAILED with a code, or PENDING while the outcome is not
    known. Raises what `admit` raises, FieldError, IdempotencyIdUsed; then nothing is kept.
    """
    by.require(Permission.CREATE_TRANSFERS)
    if fee > amount:
        raise FieldError("fee", "The fee is at most the amount")
    key = ids.new_id()
    application_id = transfers.application_of(merchant_id, by)
    with (
        refusing_used(
            "authorization_idempotency_id", Authorization, application_id=application_id, by=by,
            idempotency_id=idempotency_id,
        ),
        act(
            "create_authorization", by=by, at=at, application_id=application_id, resource=(Authorization.KIND, key)
        ) as current,
    ):  # fmt: skip
        admission = admit(
            merchant_id=merchant_id,
            instrument_id=source_id,
            currency=currency,
            purpose=Purpose.AUTHORIZATION,
            has_security_code=security_code is not None,
            by=by,
        )
        if processor not in {None, admission.processor}:
            raise FieldError("processor", f"The merchant's processor is {admission.processor}")
        if three_d_secure is not None:
            three_d_secure.refuse_for(admission.instrument["instrument_brand"])
        now = admission.business_time(at)
        authorization = Authorization(
            id=key,
            application_id=application_id,
            merchant_id=merchant_id,
            merchant_identity_id=admission.merchant_identity_id,
            processor_id=admission.processor_id,
            source_id=source_id,
            **admission.instrument,
            amount=amount,
            currency=currency,
            fee=fee,
            statement_descriptor=statement_descriptor or admission.statement_descriptor,
            idempotency_id=idempotency_id,
            three_d_secure=three_d_secure.kept if three_d_secure else None,
            additional_purchase_data=dict(additional_purchase_data) if additional_purchase_data else None,
            tags=tags or {},
            expires_at=now + HOLD_LASTS,
            created_at=now,
            updated_at=now,
        )
        authorization.save(force_insert=True)
        seal_proof(authorization, three_d_secure, application_id=application_id)
        current.record("authorization.created", authorization, application_id=application_id, is_first=True)
        attempt = attempts.claim(
            operation=AUTHORISE,
            model=Authorization,
            resource_id=key,
            application_id=application_id,
            processor=admission.processor,
            at=at,
            amount=amount,
            currency=currency,
            is_sent_once=security_code is not None,
        )
        crash_point("claiming")
    request = _authorise(authorization, admission, found=three_d_secure, security_code=security_code)
    account = port.Account(application_id, admission.settings)
    row: Authorization = attempts.carry_out(attempt, request, account=account, by=by, claimed=authorization)
    return row


def update_authorization(
    *,
    authorization: Authorization,
    by: Actor,
    at: datetime,
    tags: Tags | None = None,
    additional_purchase_data: Mapping[str, Any] | None = None,
) -> Authorization:
    """Replace tags or purchase data, which a capture tells the provider; until then it hears nothing of it.

    Raises NotHeld for purchase data that no capture will tell; then nothing is changed.
    """
    by.require(Permission.CREATE_TRANSFERS)
    application_id = authorization.application_id
    with act(
        "update_authorization", by=by, at=at, application_id=application_id, resource=authorization.handle
    ) as current:
        rows = Authorization.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
        row = rows.get(pk=authorization.pk)
        now = row.application.business_time(at)
        if additional_purchase_data is not None and (obstacle := holds.obstacle_to_hold(row, now)):
            raise holds.NotHeld(obstacle)
        told = {"tags": tags, "additional_purchase_data": additional_purchase_data}
        changes = row.assign({name: dict(value) for name, value in told.items() if value is not None})
        if changes:
            row.updated_at = max(row.updated_at, now)
            row.save(update_fields=[*changes, "updated_at"])
            current.record("authorization.updated", row, application_id=application_id, changes=changes)
    return row


def _authorise(
    authorization: Authorization,
    admission: Admission,
    *,
    found: ThreeDSecure | None,
    security_code: Secret | None = None,
) -> port.Authorise:
    return port.Authorise(
        id=authorization.pk,
        merchant_id=authorization.merchant_id,
        source_id=authorization.source_id,
        amount=authorization.amount,
        currency=authorization.currency,
        expires_at=authorization.expires_at,
        statement_descriptor=authorization.statement_descriptor,
        avs_failure_allowed=admission.avs_failure_allowed,
        csc_failure_allowed=admission.csc_failure_allowed,
        security_code=security_code,
        proof=found,
        purchase=authorization.additional_purchase_data or {},
        idempotency_id=authorization.idempotency_id,
        tags=authorization.tags,
    )


def _fail(current: Act, authorization: Authorization, ending: Ending) -> None:
    changes = authorization.move_to(Authorization.State.FAILED)
    changes |= authorization.assign_told(why_failed(ending.code, ending.message))
    holds.save(current, authorization, changes)


def _rebuild(attempt: Attempt, by: Actor) -> port.Authorise | None:
    """The hold anew, where it may still be asked for; its proof lies in the vault."""
    authorization = Authorization.objects.visible_to(by).get(pk=attempt.resource_id)
    try:
        admission = admit(
            merchant_id=authorization.merchant_id,
            instrument_id=authorization.source_id,
            currency=authorization.currency,
            purpose=Purpose.AUTHORIZATION,
            by=by,
        )
    except DomainError:
        return None
    return _authorise(authorization, admission, found=found_of(authorization))


authorise = holds.operation(AUTHORISE, is_open=lambda row: not row.is_decided, fail=_fail, rebuild=_rebuild)
