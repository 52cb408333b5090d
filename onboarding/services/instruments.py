"""Payment instruments: a number goes to the provider, and what may be shown of it comes back."""

import uuid
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from events.models import Author
from jobs import idempotency
from onboarding.models import PaymentInstrument
from onboarding.services.copies import copy_instrument, refuse_others
from onboarding.services.keeping import (
    InstrumentRefused,
    claim_keeping,
    find_identity,
    forget_number,
    lock_nothing,
    made_of,
    processor_of,
    rebuild_nothing,
    request_to_keep,
)
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act

TOKENISE = "tokenization"
CLAIM = "token_claim"
UPDATE = "instrument_update"
CHANGEABLE = ("name", "address", "enabled", "tags")

CreatedVia = PaymentInstrument.CreatedVia


class UpdateUndecided(DomainError):
    """The provider has not answered to an earlier change, so nobody knows what this one would change."""

    code = "CONFLICT"
    status = 409
    message = "The provider has not answered to an earlier change of this instrument; try again in a moment."
    retry_after_seconds = 5


def create_payment_instrument(*, values: Mapping[str, Any], by: Actor, at: datetime) -> PaymentInstrument:
    """Keep a card or bank account of an identity at the provider, and what may be shown of it here.

    `values` is validated input: `type`, `identity` by key, and the members of the type, its numbers as Secret. Raises
    FieldError for an identity out of sight or a currency that is not offered, InstrumentRefused, ProviderUndecided.
    """
    by.require(Permission.CREATE_INSTRUMENTS)
    identity = find_identity(values["identity"], by=by)
    key = ids.new_id()
    request = request_to_keep(key, values, identity_id=identity.pk)
    with act(
        "create_payment_instrument",
        by=by,
        at=at,
        application_id=identity.application_id,
        resource=(PaymentInstrument.KIND, key),
    ):
        kept = claim_keeping(request, TOKENISE, PaymentInstrument, application_id=identity.application_id, by=by, at=at)
    row: PaymentInstrument | None = attempts.carry_out(kept.attempt, request, account=kept.account, by=by)
    return made_of(kept.attempt, PaymentInstrument, row, by=by)


def update_payment_instrument(
    *, instrument: PaymentInstrument, values: Mapping[str, Any], by: Actor, at: datetime, version: str | None = None
) -> PaymentInstrument:
    """Change name, address, tags, or whether it may be used, at the provider and here.

    Raises ChangedMeanwhile for an older `version`, UpdateUndecided, InstrumentRefused, ProviderUndecided.
    """
    by.require(Permission.MANAGE_INSTRUMENTS)
    application_id = instrument.application_id
    with act("update_payment_instrument", by=by, at=at, application_id=application_id, resource=instrument.handle):
        row = PaymentInstrument.objects.visible_to(by).select_for_update().get(pk=instrument.pk)
        row.refuse_stale(version)
        earlier = Attempt.objects.visible_to(by).filter(resource_id=row.pk, operation=UPDATE)
        if earlier.unresolved().exists():
            raise UpdateUndecided
        whole = {name: values.get(name, getattr(row, name)) for name in CHANGEABLE}
        if all(getattr(row, name) == value for name, value in whole.items()):
            return row
        if whole["enabled"] == row.enabled:
            whole["enabled"] = None  # the provider may be switching it off in this very moment
        processor = processor_of(row, by=by)
        attempt = attempts.claim(
            operation=UPDATE,
            model=PaymentInstrument,
            resource_id=row.pk,
            application_id=application_id,
            processor=processor.processor,
            at=at,
            named=f"{row.public_id}-update",
            number=earlier.count() + 1,
        )
        account = port.Account(application_id, processor.application_config)
    request = port.UpdateInstrument(id=row.pk, **whole)
    updated: PaymentInstrument | None = attempts.carry_out(attempt, request, account=account, by=by)
    return made_of(attempt, PaymentInstrument, updated, by=by)


def refusal_of(instrument_id: uuid.UUID, *, by: Actor, of_update: bool = False) -> InstrumentRefused | None:
    """Why the provider refused to make an instrument, or to change it; None where it did not. Call it in a transaction.

    What counts is what was asked for last.
    """
    attempt = _last(instrument_id, [UPDATE] if of_update else [TOKENISE, CLAIM], by)
    return None if attempt is None or attempt.state != Attempt.State.REFUSED else InstrumentRefused(attempt)


def is_update_open(instrument_id: uuid.UUID, *, by: Actor) -> bool:
    """Whether the provider has not answered to a change yet. Call it in a transaction."""
    attempt = _last(instrument_id, [UPDATE], by)
    return attempt is not None and attempt.is_open


def _last(instrument_id: uuid.UUID, operations: Collection[str], by: Actor) -> Attempt | None:
    asked = Attempt.objects.visible_to(by).filter(resource_id=instrument_id, operation__in=operations)
    return asked.order_by("-created_at", "-id").first()


def _copy(current: Act, attempt: Attempt, row: None, ending: Ending) -> PaymentInstrument | None:
    del row
    account = port.Account(attempt.application_id)
    by_hand = current.by.kind == Author.PERSON
    refuse_others(ending.news, {port.Instrument: attempt.resource_id}, identity_id=attempt.owner_id)
    for news in ending.news:
        if isinstance(news, port.Instrument):
            via = CreatedVia.PORTAL if by_hand else CreatedVia.API
            return copy_instrument(current, account, attempt.provider, news, created_via=via)
    forget_number(attempt, ending)
    return None


def _copy_update(current: Act, attempt: Attempt, row: None, ending: Ending) -> PaymentInstrument | None:
    del row
    account = port.Account(attempt.application_id)
    refuse_others(ending.news, {port.Instrument: attempt.resource_id})
    for news in ending.news:
        if isinstance(news, port.Instrument):
            return copy_instrument(current, account, attempt.provider, news)
    if ending.state == Attempt.State.ABSENT:
        idempotency.release(attempt.application_id, attempt.resource_id)
    return None


tokenise = Operation(TOKENISE, lock=lock_nothing, copy=_copy, rebuild=rebuild_nothing)
update = Operation(UPDATE, lock=lock_nothing, copy=_copy_update, rebuild=rebuild_nothing)
