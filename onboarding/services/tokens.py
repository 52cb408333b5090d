"""Tokens: cards and bank accounts that come from a browser or a phone without a log-in, kept for one instrument."""

import uuid
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db.models import DateTimeField, ExpressionWrapper, F, Value

import vault.services as vault
from jobs import idempotency
from onboarding.models import PaymentInstrument, Token
from onboarding.services.copies import copy_instrument, copy_token, refuse_others
from onboarding.services.instruments import CLAIM, TOKENISE
from onboarding.services.keeping import (
    InstrumentRefused,
    claim_keeping,
    erase_unkept,
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
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission
from tenancy.transactions import Act, act

KEEP = "token"
KEPT = timedelta(days=30)
"""How long a token that expired unclaimed is still known as such, and a number is held that nobody answered for."""
_PURGED_AT_ONCE = 1000


class ApplicationDisabled(DomainError):
    message = "The application is switched off, so it takes no cards."


def create_token(*, application: Application, values: Mapping[str, Any], by: Actor, at: datetime) -> Token:
    """Keep a card or bank account at the provider for nobody yet. Everybody may: `by` is no more than a visitor.

    `values` is validated input: `type` and the members of the type, its numbers as Secret. Raises ApplicationDisabled,
    NoProcessor, FieldError for a currency that is not offered, InstrumentRefused, ProviderUndecided.
    """
    key = ids.new_id()
    request = request_to_keep(key, values, identity_id=None)
    with act("create_token", by=by, at=at, application_id=application.pk, resource=(Token.KIND, key)):
        if not Application.objects.visible_to(by).filter(pk=application.pk, enabled=True).exists():
            raise ApplicationDisabled
        kept = claim_keeping(request, KEEP, Token, application_id=application.pk, by=by, at=at)
    row: Token | None = attempts.carry_out(kept.attempt, request, account=kept.account, by=by)
    return made_of(kept.attempt, Token, row, by=by)


def claim_token(*, values: Mapping[str, Any], by: Actor, at: datetime) -> PaymentInstrument:
    """Make the instrument of an identity of a token; both have the same key. A token serves once.

    `values` is validated input: `token` and `identity` by key; `name`, `address`, `tags`. What the provider certainly
    did not carry out leaves the token as it was. Raises FieldError, InstrumentRefused, ProviderUndecided.
    """
    by.require(Permission.CREATE_INSTRUMENTS)
    identity = find_identity(values["identity"], by=by)
    key = values["token"]
    application_id = identity.application_id
    with act(
        "create_payment_instrument",
        by=by,
        at=at,
        application_id=application_id,
        resource=(PaymentInstrument.KIND, key),
    ) as current:
        token = _usable(_locked(key, application_id, by), key, at)
        processor = processor_of(token, by=by)
        _set_claimed(current, token, is_claimed=True)
        attempt = attempts.claim(
            operation=CLAIM,
            model=PaymentInstrument,
            resource_id=key,
            application_id=application_id,
            processor=processor.processor,
            at=at,
            owner_id=identity.pk,
            number=1 + Attempt.objects.visible_to(by).filter(resource_id=key, operation=CLAIM).count(),
        )
        account = port.Account(application_id, processor.application_config)
    request = port.ClaimToken(
        id=key,
        identity_id=identity.pk,
        name=values.get("name"),
        address=values.get("address"),
        tags=values.get("tags") or {},
    )
    row: PaymentInstrument | None = attempts.carry_out(attempt, request, account=account, by=by)
    return made_of(attempt, PaymentInstrument, row, by=by)


def refusal_of_token(token_id: uuid.UUID, *, by: Actor) -> InstrumentRefused | None:
    """Why the provider would not keep what was entered; None where it did not refuse. Call it in a transaction."""
    refused = Attempt.objects.visible_to(by).filter(resource_id=token_id, operation=KEEP, state=Attempt.State.REFUSED)
    attempt = refused.first()
    return None if attempt is None else InstrumentRefused(attempt)


def purge_tokens(now: datetime) -> int:
    """Delete, of the applications in sight, what expired long ago and was never claimed, with its number in the vault.

    The numbers of what was never kept go as well. Call it in a transaction. `now` is wall time.
    """
    long_ago = ExpressionWrapper(Value(now - KEPT) + F("application__clock_offset"), output_field=DateTimeField())
    useless = Token.objects.filter(claimed_at=None, expires_at__lt=long_ago).select_for_update(of=("self",))
    keys = list(useless.values_list("pk", flat=True)[:_PURGED_AT_ONCE])
    vault.erase_all(PaymentInstrument, keys)
    deleted, _ = Token.objects.filter(pk__in=keys).delete()
    return deleted + erase_unkept((KEEP, TOKENISE), now - KEPT, at_most=_PURGED_AT_ONCE)


def _locked(key: uuid.UUID, application_id: uuid.UUID, by: Actor) -> Token | None:
    tokens = Token.objects.visible_to(by).filter(application_id=application_id, pk=key)
    return tokens.select_related("application").select_for_update(of=("self",)).first()


def _usable(token: Token | None, key: uuid.UUID, at: datetime) -> Token:
    """Raises FieldError for one that is unknown here, used or expired."""
    if token is None:
        raise FieldError("token", f"`{ids.public_id(Token.PREFIX, key)}` was not found")
    if token.claimed_at is not None:
        raise FieldError("token", "This token was used already")
    if token.has_expired(token.application.business_time(at)):
        raise FieldError("token", "This token has expired; enter the card or bank account again")
    return token


def _set_claimed(current: Act, token: Token, *, is_claimed: bool) -> None:
    now = token.application.business_time(current.at)
    token.claimed_at = now if is_claimed else None
    token.updated_at = now
    token.save(update_fields=["claimed_at", "updated_at"])
    current.record(f"token.{'claimed' if is_claimed else 'released'}", token, application_id=token.application_id)


def _copy_token(current: Act, attempt: Attempt, row: None, ending: Ending) -> Token | None:
    del row
    account = port.Account(attempt.application_id)
    refuse_others(ending.news, {port.Token: attempt.resource_id})
    for news in ending.news:
        if isinstance(news, port.Token):
            return copy_token(current, account, attempt.provider, news)
    forget_number(attempt, ending)
    return None


def _copy_claim(current: Act, attempt: Attempt, row: None, ending: Ending) -> PaymentInstrument | None:
    """The instrument; what was certainly not made of the token leaves it as it was."""
    del row
    account = port.Account(attempt.application_id)
    refuse_others(ending.news, {port.Instrument: attempt.resource_id}, identity_id=attempt.owner_id)
    for news in ending.news:
        if isinstance(news, port.Instrument):
            via = PaymentInstrument.CreatedVia.TOKEN
            return copy_instrument(current, account, attempt.provider, news, created_via=via)
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED}:
        token = _locked(attempt.resource_id, attempt.application_id, current.by)
        if token is not None:
            _set_claimed(current, token, is_claimed=False)
    if ending.state == Attempt.State.ABSENT:
        idempotency.release(attempt.application_id, attempt.resource_id)
    return None


keep = Operation(KEEP, lock=lock_nothing, copy=_copy_token, rebuild=rebuild_nothing)
claim = Operation(CLAIM, lock=lock_nothing, copy=_copy_claim, rebuild=rebuild_nothing)
