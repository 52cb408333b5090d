"""Inquiries about a card: its network is asked what it is, what it can receive, and whether address and code fit."""

import uuid
from collections.abc import Mapping
from datetime import datetime

from onboarding.models import PaymentInstrument, Verification
from onboarding.services.copies import copy_instrument, copy_verification, fail, refuse_others
from onboarding.services.processors import enabled_processor
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.roles import Permission
from tenancy.transactions import Act, act
from vault.secret import Secret

INQUIRE = "inquiry"

_PROCESSOR = Processor.Name.VISA_V1
_UNREACHED = "The processor did not carry it out. Verify the card again."
_UNDECIDED = "The processor decided, under a version that is known as undecided"


class OnlyCards(DomainError):
    message = "Only a card can be verified."


def verify_card(
    *,
    instrument: PaymentInstrument,
    by: Actor,
    at: datetime,
    security_code: Secret | None = None,
    address: Mapping[str, str | None] | None = None,
    tags: Tags | None = None,
) -> Verification:
    """Ask VISA_V1 about a card; without an address, about the one on the card. A card that is disabled may be asked
    about too.

    What was told to check is kept nowhere, so an inquiry that was not carried out fails and is not sent again. Raises
    OnlyCards, and FieldError where the application has no VISA_V1.
    """
    by.require(Permission.MANAGE_INSTRUMENTS)
    if not instrument.is_card:
        raise OnlyCards
    key = ids.new_id()
    application_id = instrument.application_id
    with act("verify_card", by=by, at=at, application_id=application_id, resource=(Verification.KIND, key)) as current:
        instrument = PaymentInstrument.objects.visible_to(by).select_related("application").get(pk=instrument.pk)
        processor = _visa(application_id, by)
        made_at = instrument.application.business_time(at)
        verification = Verification(
            id=key,
            application_id=application_id,
            payment_instrument=instrument,
            processor=processor.processor,
            tags=tags or {},
            created_at=made_at,
            updated_at=made_at,
        )
        verification.save(force_insert=True)
        current.record("verification.created", verification, application_id=application_id, is_first=True)
        attempt = attempts.claim(
            operation=INQUIRE,
            model=Verification,
            resource_id=key,
            application_id=application_id,
            processor=processor.processor,
            at=at,
        )
        request = port.InquireCard(
            id=key,
            instrument_id=instrument.pk,
            processor=processor.processor,
            address=address,
            security_code=security_code,
            tags=verification.tags,
        )
        account = port.Account(application_id, processor.application_config)
    row: Verification = attempts.carry_out(attempt, request, account=account, by=by, claimed=verification)
    return row


def may_verify_cards(application_id: uuid.UUID, *, by: Actor) -> bool:
    """Whether the application has the processor that is asked; call it in a transaction."""
    return enabled_processor(application_id, _PROCESSOR, by=by) is not None


def _visa(application_id: uuid.UUID, by: Actor) -> Processor:
    found = enabled_processor(application_id, _PROCESSOR, by=by)
    if found is None:
        raise FieldError("processor", "VISA_V1 is not enabled for the application.")
    return found


def _lock(attempt: Attempt, by: Actor) -> Verification:
    """The card first, as in everything else that is done with it."""
    verifications = Verification.objects.visible_to(by).filter(pk=attempt.resource_id)
    (card_id,) = verifications.values_list("payment_instrument_id", flat=True)
    PaymentInstrument.objects.visible_to(by).select_for_update().get(pk=card_id)
    return verifications.select_for_update().get()


def _copy(current: Act, attempt: Attempt, verification: Verification, ending: Ending) -> Verification:
    account = port.Account(attempt.application_id)
    card_id = verification.payment_instrument_id
    about = {port.Verification: verification.pk, port.Instrument: card_id}
    refuse_others(ending.news, about, instrument_id=card_id, merchant_id=None, processor=verification.processor)
    for news in ending.news:
        if isinstance(news, port.Instrument):
            copy_instrument(current, account, attempt.provider, news)
        elif isinstance(news, port.Verification):
            verification = copy_verification(current, account, attempt.provider, news)
    is_pending = verification.state == Verification.State.PENDING
    if ending.state == Attempt.State.ACCEPTED and is_pending:
        raise ValueError(_UNDECIDED)
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and is_pending:
        fail(current, verification, ending, _UNREACHED)
    return verification


def _rebuild(attempt: Attempt, by: Actor) -> None:
    """A security code cannot be sent again."""
    del attempt, by


inquire = Operation(INQUIRE, lock=_lock, copy=_copy, rebuild=_rebuild)
