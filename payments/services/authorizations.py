"""Authorizations: an amount is held on a card, for a capture to come."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import vault.services as vault
from payments.models import HOLD_LASTS, Authorization
from payments.services import holds, transfers
from payments.services.admission import Admission, Purpose, admit
from payments.services.copies import why_failed
from payments.services.keys import refusing_used
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
_PROOF = "cardholder_authentication"
_3DS = "3d_secure_authentication"


@dataclass(frozen=True)
class ThreeDSecure:
    """What a 3-D Secure vendor found (requirements PAY-4); the proof goes into the vault."""

    electronic_commerce_indicator: str
    cardholder_authentication: Secret
    cardholder_ip_address: str | None = None
    transaction_id: str | None = None

    @property
    def kept(self) -> dict[str, Any]:
        """What the row keeps in clear."""
        told = {
            "electronic_commerce_indicator": self.electronic_commerce_indicator,
            "cardholder_ip_address": self.cardholder_ip_address,
            "transaction_id": self.transaction_id,
        }
        return {name: value for name, value in told.items() if value is not None}

    def refuse_for(self, brand: str | None) -> None:
        """Raises FieldError for what the card's network does not take, or needs."""
        if brand == "AMERICAN_EXPRESS" and self.cardholder_ip_address is None:
            raise FieldError(f"{_3DS}.cardholder_ip_address", "American Express needs the cardholder's IP address")
        if brand != "VISA" and self.transaction_id is not None:
            raise FieldError(f"{_3DS}.transaction_id", "Only Visa takes a transaction id")


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
        if three_d_secure is not None:
            vault.seal_new(
                [(authorization, _PROOF, three_d_secure.cardholder_authentication)], application_id=application_id
            )
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
    proof = three_d_secure.cardholder_authentication if three_d_secure else None
    request = _authorise(authorization, admission, proof=proof, security_code=security_code)
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
    authorization: Authorization, admission: Admission, *, proof: Secret | None, security_code: Secret | None = None
) -> port.Authorise:
    found = authorization.three_d_secure
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
        proof=port.ThreeDSecure(cardholder_authentication=proof, **found) if found and proof else None,
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
    proof = vault.open_all([authorization], _PROOF).get(authorization.pk)
    return _authorise(authorization, admission, proof=proof)


authorise = holds.operation(AUTHORISE, is_open=lambda row: not row.is_decided, fail=_fail, rebuild=_rebuild)
