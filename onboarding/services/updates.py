"""The account updater: a card's issuer is asked, for a merchant, whether the card has a new number or date."""

import uuid
from datetime import datetime

from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument
from onboarding.services.copies import copy_instrument, copy_instrument_update, fail, refuse_others
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from resources.tags import Tags
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act

UPDATE = "card_update"

_UNREACHED = "The processor did not carry it out. Ask again."


class NoCardToUpdate(DomainError):
    message = "Only a card can be updated."


class UpdatePending(DomainError):
    message = "An update of this card is already PENDING."


def update_card(
    *, instrument: PaymentInstrument, merchant_id: uuid.UUID, by: Actor, at: datetime, tags: Tags | None = None
) -> InstrumentUpdate:
    """Ask the card's issuer, for a merchant of the same application; the worker brings the answer, in its own time.

    Raises NoCardToUpdate, UpdatePending, and FieldError for a merchant that is out of sight, elsewhere, not approved,
    or at a processor that is switched off.
    """
    by.require(Permission.MANAGE_INSTRUMENTS)
    if not instrument.is_card:
        raise NoCardToUpdate
    key = ids.new_id()
    application_id = instrument.application_id
    with act(
        "update_card", by=by, at=at, application_id=application_id, resource=(InstrumentUpdate.KIND, key)
    ) as current:
        cards = PaymentInstrument.objects.visible_to(by).select_related("application").select_for_update(of=("self",))
        card = cards.get(pk=instrument.pk)
        merchant = _merchant(merchant_id, application_id, by)
        pending = InstrumentUpdate.objects.visible_to(by).filter(
            payment_instrument=card, state=InstrumentUpdate.State.PENDING
        )
        if pending.exists():
            raise UpdatePending
        made_at = card.application.business_time(at)
        update = InstrumentUpdate(
            id=key,
            application_id=application_id,
            merchant=merchant,
            payment_instrument=card,
            tags=tags or {},
            created_at=made_at,
            updated_at=made_at,
        )
        update.save(force_insert=True)
        current.record("instrument_update.created", update, application_id=application_id, is_first=True)
        attempt = attempts.claim(
            operation=UPDATE,
            model=InstrumentUpdate,
            resource_id=key,
            application_id=application_id,
            processor=merchant.processor,
            at=at,
        )
        account = port.Account(application_id, merchant.enabled_processor.application_config)
    row: InstrumentUpdate = attempts.carry_out(attempt, _request(update), account=account, by=by, claimed=update)
    return row


def _merchant(merchant_id: uuid.UUID, application_id: uuid.UUID, by: Actor) -> Merchant:
    merchants = Merchant.objects.visible_to(by).select_related("enabled_processor")
    merchant = merchants.filter(pk=merchant_id, application_id=application_id).first()
    if merchant is None:
        raise FieldError("merchant", "There is no such merchant.")
    if merchant.onboarding_state != Merchant.OnboardingState.APPROVED:
        raise FieldError("merchant", "The merchant is not approved.")
    if not merchant.enabled_processor.enabled:
        raise FieldError("merchant", "The merchant's processor is switched off for the application.")
    return merchant


def _request(update: InstrumentUpdate) -> port.UpdateCard:
    return port.UpdateCard(
        id=update.pk,
        instrument_id=update.payment_instrument_id,
        merchant_id=update.merchant_id,
        tags=update.tags,
    )


def _lock(attempt: Attempt, by: Actor) -> InstrumentUpdate:
    """The card first, as in everything else that is done with it."""
    updates = InstrumentUpdate.objects.visible_to(by).filter(pk=attempt.resource_id)
    (card_id,) = updates.values_list("payment_instrument_id", flat=True)
    PaymentInstrument.objects.visible_to(by).select_for_update().get(pk=card_id)
    return updates.select_for_update().get()


def _copy(current: Act, attempt: Attempt, update: InstrumentUpdate, ending: Ending) -> InstrumentUpdate:
    account = port.Account(attempt.application_id)
    card_id = update.payment_instrument_id
    about = {port.CardUpdate: update.pk, port.Instrument: card_id}
    refuse_others(ending.news, about, instrument_id=card_id, merchant_id=update.merchant_id)
    for news in ending.news:
        if isinstance(news, port.Instrument):
            copy_instrument(current, account, attempt.provider, news)
        elif isinstance(news, port.CardUpdate):
            update = copy_instrument_update(current, account, attempt.provider, news)
    is_pending = update.state == InstrumentUpdate.State.PENDING
    if ending.state == Attempt.State.ACCEPTED and is_pending:
        raise ValueError("The provider decided, under a version that is known as undecided")
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED} and is_pending:
        fail(current, update, ending, _UNREACHED)
    return update


def _rebuild(attempt: Attempt, by: Actor) -> port.UpdateCard:
    return _request(InstrumentUpdate.objects.visible_to(by).get(pk=attempt.resource_id))


ask_issuer = Operation(UPDATE, lock=_lock, copy=_copy, rebuild=_rebuild)
