"""The account updater at the sandbox: issuers are asked, for a merchant, whether a card has changed."""

import uuid
from typing import Any

from providers import port
from providers.port import Answer, UpdateCard, Verdict
from providers.sandbox import calls, instruments, scenarios
from providers.sandbox.calls import Visit
from providers.sandbox.models import CardUpdate, Instrument
from resources import cards, ids
from vault.secret import Secret
from vault.services import fingerprint

NOT_UPDATED = "CARD_NOT_UPDATED"
_EXPIRED = "The card has expired, and cannot be asked about."
_OTHER_NETWORK = "The card's network does not take part: Visa, Mastercard and Discover do."


def update_card(act: UpdateCard, visit: Visit) -> Answer:
    """Take the question; what cannot be asked fails at once, and the issuer takes its time with the rest."""
    card = instruments.locked(act.instrument_id, visit)
    if card is None or card.type != "PAYMENT_CARD":
        return calls.refusal("INVALID_ACCOUNT_NUMBER")
    problem = _problem(card, visit)
    update = CardUpdate.objects.create(
        id=act.id,
        application_id=visit.application_id,
        instrument_id=card.id,
        merchant_id=act.merchant_id,
        state="FAILED" if problem else "PENDING",
        messages=[problem] if problem else [],
        trace_id=ids.public_id("FNX", ids.new_id()),
        due_at=None if problem else visit.now + scenarios.pace(visit.profile).update,
        tags=dict(act.tags),
        created_at=visit.now,
        updated_at=visit.now,
    )
    return _answer(update, card, visit)


def recall(update_id: uuid.UUID, visit: Visit) -> Answer:
    """What an update has come to; one whose time has passed is answered now."""
    update, card = _both(update_id, visit)
    _decide_if_due(update, card, visit)
    return _answer(update, card, visit)


def decide_due(visit: Visit) -> None:
    """Give the answers whose time has passed."""
    due = CardUpdate.objects.filter(application_id=visit.application_id, state="PENDING", due_at__lte=visit.now)
    for update_id in due.values_list("pk", flat=True):
        _decide_if_due(*_both(update_id, visit), visit)


def tell(update: CardUpdate) -> port.CardUpdate:
    return port.CardUpdate(
        id=update.id,
        version=f"{update.version:08}",
        created_at=update.created_at,
        updated_at=update.updated_at,
        raw={
            "id": ids.public_id("IU", update.id),
            "payment_instrument": ids.public_id("PI", update.instrument_id),
            "merchant": ids.public_id("MU", update.merchant_id),
            "state": update.state,
            "messages": update.messages,
            "trace_id": update.trace_id,
        },
        tags=update.tags,
        instrument_id=update.instrument_id,
        merchant_id=update.merchant_id,
        state=update.state,
        messages=tuple(update.messages),
        trace_id=update.trace_id,
    )


def _problem(card: Instrument, visit: Visit) -> str:
    if card.brand not in scenarios.UPDATED_NETWORKS:
        return _OTHER_NETWORK
    return _EXPIRED if card.is_expired(visit.now) else ""


def _both(update_id: uuid.UUID, visit: Visit) -> tuple[CardUpdate, Instrument]:
    """The card first, as in a new question about it."""
    updates = CardUpdate.objects.filter(application_id=visit.application_id)
    (instrument_id,) = updates.values_list("instrument_id", flat=True).filter(pk=update_id)
    cards_of_account = Instrument.objects.select_for_update().filter(application_id=visit.application_id)
    card = cards_of_account.get(pk=instrument_id)
    return updates.select_for_update().get(pk=update_id), card


def _decide_if_due(update: CardUpdate, card: Instrument, visit: Visit) -> None:
    """Both rows are locked. Does nothing before its time."""
    if not update.is_due(visit.now):
        return
    at = update.due_at or visit.now
    answer = scenarios.update(card.updater)
    update.change(at, state="SUCCEEDED" if answer.is_answered else "FAILED", messages=[answer.message])
    if changes := _changes(card, answer, visit):
        card.change(at, **changes)


def _changes(card: Instrument, answer: scenarios.CardUpdate, visit: Visit) -> dict[str, Any]:
    """What the issuer's word changes on the card; a card that was replaced has not changed when it is asked again."""
    changes: dict[str, Any] = {}
    if answer.has_new_date:
        changes |= {"expiration_year": (card.expiration_year or visit.now.year) + scenarios.YEARS_ADDED}
    if answer.new_number:
        changes |= {
            "last_four": cards.last_four(answer.new_number),
            "fingerprint": fingerprint(Secret(answer.new_number), application_id=visit.application_id),
            "bin": cards.bank_identification_number(answer.new_number),
        }
    if answer.is_closed:
        changes |= {"enabled": False}
    return changes | {"updater": ""} if changes and not answer.is_closed else changes


def _answer(update: CardUpdate, card: Instrument, visit: Visit) -> Answer:
    if update.state == "PENDING":
        again = calls.time_until(update.due_at or visit.now, visit.now)
        return Answer(Verdict.WAITING, (tell(update),), ask_again_in=again)
    news = (instruments.tell(card), tell(update))
    if update.state == "FAILED":
        return Answer(Verdict.REFUSED, news, code=NOT_UPDATED, message=" ".join(update.messages))
    return Answer(Verdict.ACCEPTED, news)
