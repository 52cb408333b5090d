"""Whether money may be asked to move: everything that must hold, read in one statement under shared locks."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import connection

from onboarding.models import Merchant, PaymentInstrument
from resources import ids
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.models.processors import Processor, refuse_currency


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


class Purpose(Enum):
    """What the money is to move for; it decides which merchants and instruments will do."""

    SALE = "A sale"
    AUTHORIZATION = "An authorization"
    PULL = "A pull"
    PUSH = "A push"

    @property
    def is_visa_direct(self) -> bool:
        """Whether it runs over VISA_V1, whose merchants are the owners of the cards themselves."""
        return self in {Purpose.PULL, Purpose.PUSH}

    @property
    def side(self) -> str:
        """The member that names the instrument."""
        return "destination" if self is Purpose.PUSH else "source"


@dataclass(frozen=True)
class Admission:
    """What a payment needs to know of its merchant and its instrument."""

    merchant_identity_id: uuid.UUID
    processor: str
    processor_id: uuid.UUID
    settings: Mapping[str, Any]
    clock_offset: timedelta
    statement_descriptor: str | None
    ready_to_settle_upon: str
    avs_failure_allowed: bool
    csc_failure_allowed: bool
    instrument: Mapping[str, str | None]
    """What a payment's row copies of it, by the names of its columns."""

    @property
    def is_card(self) -> bool:
        return self.instrument["instrument_type"] == PaymentInstrument.Type.PAYMENT_CARD

    @property
    def is_batched(self) -> bool:
        """Whether a charge waits for the processor's next batch; one of a bank account always does."""
        return not self.is_card or self.settings.get("card_sale_submission_method") == "batch"

    def business_time(self, wall: datetime) -> datetime:
        return wall + self.clock_offset


_ADMISSION = """
SELECT merchant.identity_id, merchant.processor, merchant.enabled_processor_id,
       merchant.onboarding_state, merchant.processing_enabled,
       application.enabled AND application.processing_enabled, application.clock_offset,
       processor.enabled, processor.application_config,
       application.card_cvv_required OR merchant.card_cvv_required,
       application.card_expiration_date_required OR merchant.card_expiration_date_required,
       risk.avs_failure_allowed, risk.csc_failure_allowed,
       identity.default_statement_descriptor,
       coalesce(merchant.ready_to_settle_upon, application.ready_to_settle_upon, 'RECONCILIATION'),
       source.id, source.type, source.name, source.last_four, source.bin, source.brand,
       source.enabled, source.security_code_provided, source.expiration_year IS NOT NULL
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
    *,
    merchant_id: uuid.UUID,
    instrument_id: uuid.UUID,
    currency: str,
    by: Actor,
    purpose: Purpose = Purpose.SALE,
    has_security_code: bool = False,
) -> Admission:
    """What a payment needs, once nothing speaks against it; call it in the transaction of the claim.

    `has_security_code` tells that the card's is sent along. Raises FieldError for a merchant, instrument or currency
    that cannot be used, MerchantNotApproved, ProcessingDisabled, InstrumentDisabled, SecurityCodeNeeded, ExpiryNeeded.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ADMISSION, [instrument_id, merchant_id, list(by.application_ids)])
        found = cursor.fetchone()
    if found is None:
        raise FieldError("merchant", f"`{ids.public_id(Merchant.PREFIX, merchant_id)}` was not found")
    (
        identity_id, processor, processor_id, state, may_process, application_may_process, clock_offset,
        is_enabled, settings, needs_security_code, needs_expiry, avs_allowed, csc_allowed, descriptor, ready_upon,
        instrument, type_, name, last_four, bin_, brand, instrument_enabled, has_kept_security_code, has_expiry,
    ) = found  # fmt: skip
    settings = json.loads(settings)
    if instrument is None:
        key = ids.public_id(PaymentInstrument.PREFIX, instrument_id)
        raise FieldError(purpose.side, f"`{key}` was not found")
    _refuse_type(purpose, type_, settings)
    _refuse_processor(purpose, processor)
    if state != Merchant.OnboardingState.APPROVED:
        raise MerchantNotApproved
    _refuse_switched_off(merchant=may_process, application=application_may_process, processor=is_enabled)
    if not instrument_enabled:
        raise InstrumentDisabled
    if type_ == PaymentInstrument.Type.PAYMENT_CARD and not purpose.is_visa_direct:
        if needs_security_code and not (has_security_code or has_kept_security_code):
            raise SecurityCodeNeeded
        if needs_expiry and not has_expiry:
            raise ExpiryNeeded
    refuse_currency(currency, settings)
    return Admission(
        merchant_identity_id=identity_id,
        processor=processor,
        processor_id=processor_id,
        settings=settings,
        clock_offset=clock_offset,
        statement_descriptor=descriptor,
        ready_to_settle_upon=ready_upon,
        avs_failure_allowed=avs_allowed,
        csc_failure_allowed=csc_allowed,
        instrument={
            "instrument_type": type_,
            "instrument_name": name,
            "instrument_last_four": last_four,
            "instrument_bin": bin_,
            "instrument_brand": brand,
        },
    )


@dataclass(frozen=True)
class CaptureAdmission:
    """What a capture needs to know of its merchant."""

    processor: str
    settings: Mapping[str, Any]
    clock_offset: timedelta
    ready_to_settle_upon: str

    @property
    def is_batched(self) -> bool:
        return self.settings.get("card_sale_submission_method") == "batch"


_CAPTURE = """
SELECT merchant.processor, processor.application_config, application.clock_offset,
       coalesce(merchant.ready_to_settle_upon, application.ready_to_settle_upon, 'RECONCILIATION'),
       merchant.processing_enabled, application.enabled AND application.processing_enabled, processor.enabled
FROM application
JOIN processor ON processor.application_id = application.id
JOIN merchant ON merchant.application_id = application.id AND merchant.enabled_processor_id = processor.id
WHERE merchant.id = %s AND merchant.application_id = ANY (%s)
FOR SHARE OF application, processor, merchant
"""


def admit_capture(merchant_id: uuid.UUID, *, by: Actor) -> CaptureAdmission:
    """What a capture needs of its merchant; its card was looked at when it was authorized.

    Call it in the transaction of the claim, before the authorization is locked. Raises ProcessingDisabled.
    """
    with connection.cursor() as cursor:
        cursor.execute(_CAPTURE, [merchant_id, list(by.application_ids)])
        processor, settings, clock_offset, ready_upon, *may_process = cursor.fetchone()
    merchant, application, is_enabled = may_process
    _refuse_switched_off(merchant=merchant, application=application, processor=is_enabled)
    return CaptureAdmission(processor, json.loads(settings), clock_offset, ready_upon)


def takes_bank_debits(settings: Mapping[str, Any]) -> bool:
    """Whether the application may debit bank accounts at a processor with these settings."""
    return bool(settings.get("can_debit_bank_account"))


def _refuse_type(purpose: Purpose, type_: str, settings: Mapping[str, Any]) -> None:
    if type_ == PaymentInstrument.Type.PAYMENT_CARD:
        return
    if purpose is not Purpose.SALE:
        raise FieldError(purpose.side, f"{purpose.value} needs a payment card")
    if not takes_bank_debits(settings):
        raise FieldError("source", "A sale is charged to a payment card: the processor debits no bank accounts")


def _refuse_processor(purpose: Purpose, processor: str) -> None:
    if purpose.is_visa_direct and processor != Processor.Name.VISA_V1:
        raise FieldError("merchant", f"{purpose.value} needs a merchant at VISA_V1")
    if not purpose.is_visa_direct and processor == Processor.Name.VISA_V1:
        raise FieldError("merchant", "A merchant at VISA_V1 receives money and sells nothing")


def _refuse_switched_off(**may_process: bool) -> None:
    for whose, is_on in may_process.items():
        if not is_on:
            raise ProcessingDisabled(whose)
