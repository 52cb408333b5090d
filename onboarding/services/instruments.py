"""Payment instruments: a number goes to the provider, and what may be shown of it comes back."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import vault.services as vault
from jobs import idempotency
from onboarding.models import Identity, PaymentInstrument
from onboarding.services.copies import copy_instrument
from onboarding.services.processors import processor_for_instruments
from providers import attempts, port
from providers.attempts import Ending, Operation
from providers.models import Attempt
from resources import ids
from resources.errors import DomainError, FieldError
from tenancy.actors import Actor
from tenancy.roles import Permission
from tenancy.transactions import Act, act, transaction

TOKENISE = "tokenization"
_NUMBER = "account_number"


class InstrumentRefused(DomainError):
    """The provider will not keep this card or bank account."""

    code = "UPSTREAM_PROCESSOR_ERROR"
    status = 402

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(attempt.message or "The provider does not keep this instrument.")
        self.is_result = attempt.state == Attempt.State.REFUSED
        self.details = {"failure_code": attempt.code, "failure_message": str(self)}


class ProviderUndecided(DomainError):
    """Nobody knows yet whether the provider kept it. Nothing was charged, so the caller may simply ask again."""

    code = "SERVICE_UNAVAILABLE"
    status = 503
    message = "The provider has not answered. Nothing was charged; try again in a moment."
    retry_after_seconds = 5


def create_payment_instrument(*, values: Mapping[str, Any], by: Actor, at: datetime) -> PaymentInstrument:
    """Keep a card or bank account of an identity at the provider, and what may be shown of it here.

    `values` is validated input: `type`, `identity` by key, and the members of the type, its numbers as Secret. Raises
    FieldError for an identity out of sight or a currency that is not offered, InstrumentRefused, ProviderUndecided.
    """
    by.require(Permission.CREATE_INSTRUMENTS)
    with transaction(by=by):
        identity = Identity.objects.visible_to(by).filter(pk=values["identity"]).first()
    if identity is None:
        raise FieldError("identity", "There is no such identity.")
    key = ids.new_id()
    request = _request(key, values)
    with act(
        "create_payment_instrument",
        by=by,
        at=at,
        application_id=identity.application_id,
        resource=(PaymentInstrument.KIND, key),
    ):
        processor = processor_for_instruments(identity.application_id, by=by)
        currencies = processor.application_config.get("default_currencies") or ["USD"]
        if request.currency not in currencies:
            raise FieldError("currency", f"One of {', '.join(currencies)} is needed")
        if isinstance(request, port.TokeniseBankAccount):
            owner = PaymentInstrument(id=key)
            vault.seal(owner, _NUMBER, request.account_number, application_id=identity.application_id)
        attempt = attempts.claim(
            operation=TOKENISE,
            model=PaymentInstrument,
            resource_id=key,
            application_id=identity.application_id,
            processor=processor.processor,
            at=at,
        )
        account = port.Account(identity.application_id, processor.application_config)
    row: PaymentInstrument | None = attempts.carry_out(attempt, request, account=account, by=by)
    if row is None and attempt.state == Attempt.State.ACCEPTED:  # the resolver was first
        with transaction(by=by):
            row = PaymentInstrument.objects.visible_to(by).filter(pk=key).first()
    if row is None:
        raise ProviderUndecided if attempt.is_open else InstrumentRefused(attempt)
    return row


def refusal_of(instrument_id: uuid.UUID, *, by: Actor) -> InstrumentRefused | None:
    """Why the provider refused an instrument that was asked for; None where it did not. Call it in a transaction."""
    refused = Attempt.objects.visible_to(by).filter(
        resource_id=instrument_id, operation=TOKENISE, state=Attempt.State.REFUSED
    )
    attempt = refused.first()
    return None if attempt is None else InstrumentRefused(attempt)


def _request(key: uuid.UUID, values: Mapping[str, Any]) -> port.TokeniseCard | port.TokeniseBankAccount:
    members = {name: value for name, value in values.items() if name not in {"type", "identity"}}
    request = port.TokeniseCard if values["type"] == PaymentInstrument.Type.PAYMENT_CARD else port.TokeniseBankAccount
    return request(id=key, identity_id=values["identity"], **members)


def _lock(attempt: Attempt, by: Actor) -> None:
    """There is no row before the provider has kept the instrument."""
    del attempt, by


def _copy(current: Act, attempt: Attempt, row: None, ending: Ending) -> PaymentInstrument | None:
    del row
    account = port.Account(attempt.application_id)
    for news in ending.news:
        if isinstance(news, port.Instrument):
            return copy_instrument(current, account, attempt.provider, news)
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED}:
        vault.erase(PaymentInstrument(id=attempt.resource_id), _NUMBER)
    if ending.state == Attempt.State.ABSENT:
        idempotency.release(attempt.application_id, attempt.resource_id)
    return None


def _rebuild(attempt: Attempt, by: Actor) -> None:
    """A number that was not kept cannot be sent again."""
    del attempt, by


tokenise = Operation(TOKENISE, lock=_lock, copy=_copy, rebuild=_rebuild)
