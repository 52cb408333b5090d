"""Whether a sale may be asked for: everything that must hold, read in one statement under shared locks."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from onboarding.models import Merchant, PaymentInstrument
from resources import ids
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.models import Processor


class MerchantNotApproved(DomainError):
    message = "The merchant is not approved yet, so it cannot take payments."


class ProcessingDisabled(DomainError):
    """Processing is switched off, for the merchant, its application, or at the processor."""

    def __init__(self, whose: str) -> None:
        super().__init__(f"Processing is switched off for the {whose}.")


class InstrumentDisabled(DomainError):
    message = "The payment instrument is disabled."


class SecurityCodeNeeded(FieldError):
    def __init__(self) -> None:
        super().__init__(
            "security_code",
            "The merchant takes cards with their security code only, and this card was entered without one",
        )


class ExpiryNeeded(FieldError):
    def __init__(self) -> None:
        super().__init__("source", "The merchant takes cards with an expiration date only, and this card has none")


@dataclass(frozen=True)
class Admission:
    """What a sale needs to know of its merchant and source."""

    merchant_identity_id: uuid.UUID
    processor: str
    settings: Mapping[str, Any]
    clock_offset: timedelta
    statement_descriptor: str | None
    avs_failure_allowed: bool
    csc_failure_allowed: bool

    @property
    def is_batched(self) -> bool:
        return self.settings.get("card_sale_submission_method") == "batch"

    def business_time(self, wall: datetime) -> datetime:
        return wall + self.clock_offset


_ADMISSION = """
SELECT merchant.identity_id, merchant.processor,
       merchant.onboarding_state, merchant.processing_enabled,
       application.enabled AND application.processing_enabled, application.clock_offset,
       processor.enabled, processor.application_config,
       application.card_cvv_required OR merchant.card_cvv_required,
       application.card_expiration_date_required OR merchant.card_expiration_date_required,
       risk.avs_failure_allowed, risk.csc_failure_allowed,
       identity.default_statement_descriptor,
       source.id, source.type, source.enabled, source.security_code_provided, source.expiration_year IS NOT NULL
FROM application
JOIN application_profile ON application_profile.application_id = application.id
JOIN processor ON processor.application_id = application.id
JOIN merchant ON merchant.application_id = application.id AND merchant.enabled_processor_id = processor.id
JOIN identity ON identity.id = merchant.identity_id
JOIN merchant_profile AS profile ON profile.id = merchant.merchant_profile_id
JOIN risk_profile AS risk ON risk.id = coalesce(profile.risk_profile_id, application_profile.risk_profile_id)
LEFT JOIN payment_instrument AS source ON source.id = %s AND source.application_id = merchant.application_id
WHERE merchant.id = %s AND merchant.application_id = ANY (%s)
FOR SHARE OF application, processor, merchant
"""
# Whoever switches processing off, of any of the three, waits for the sales that were admitted before, and none is
# admitted after. They are locked in the order in which they stand here. The card is not: one that is disabled in this
# very moment may still be charged.


def admit(
    *, merchant_id: uuid.UUID, source_id: uuid.UUID, currency: str, by: Actor, has_security_code: bool = False
) -> Admission:
    """What a sale needs, once nothing speaks against it; call it in the transaction of the claim.

    `has_security_code` tells that the card's is sent along. Raises FieldError for a merchant, source or currency that
    cannot be used, MerchantNotApproved, ProcessingDisabled, InstrumentDisabled, SecurityCodeNeeded, ExpiryNeeded.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADMISSION, [source_id, merchant_id, list(by.application_ids)])
        found = cursor.fetchone()
    if found is None:
        raise FieldError("merchant", f"`{ids.public_id(Merchant.PREFIX, merchant_id)}` was not found")
    (
        identity_id, processor, state, may_process, application_may_process, clock_offset,
        is_enabled, settings, needs_security_code, needs_expiry, avs_allowed, csc_allowed, descriptor,
        source, source_type, source_enabled, source_has_security_code, source_has_expiry,
    ) = found  # fmt: skip
    settings = json.loads(settings)
    if source is None:
        raise FieldError("source", f"`{ids.public_id(PaymentInstrument.PREFIX, source_id)}` was not found")
    if source_type != PaymentInstrument.Type.PAYMENT_CARD:
        raise FieldError("source", "A sale is charged to a payment card")
    if processor == Processor.Name.VISA_V1:
        raise FieldError("merchant", "A merchant at VISA_V1 receives money and sells nothing")
    if state != Merchant.OnboardingState.APPROVED:
        raise MerchantNotApproved
    _refuse_switched_off(merchant=may_process, application=application_may_process, processor=is_enabled)
    if not source_enabled:
        raise InstrumentDisabled
    if needs_security_code and not (has_security_code or source_has_security_code):
        raise SecurityCodeNeeded
    if needs_expiry and not source_has_expiry:
        raise ExpiryNeeded
    currencies = settings.get("default_currencies") or ["USD"]
    if currency not in currencies:
        raise FieldError("currency", f"One of {', '.join(currencies)} is needed")
    return Admission(
        merchant_identity_id=identity_id,
        processor=processor,
        settings=settings,
        clock_offset=clock_offset,
        statement_descriptor=descriptor,
        avs_failure_allowed=avs_allowed,
        csc_failure_allowed=csc_allowed,
    )


def _refuse_switched_off(**may_process: bool) -> None:
    for whose, is_on in may_process.items():
        if not is_on:
            raise ProcessingDisabled(whose)
