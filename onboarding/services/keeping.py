"""What tokens and instruments share: a number goes to the provider once, and is known by what was made of it."""

import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import Exists, OuterRef, Q

import vault.services as vault
from jobs import idempotency
from onboarding.models import Identity, PaymentInstrument, Token
from onboarding.services.processors import processor_for_instruments
from providers import attempts, port
from providers.attempts import Ending
from providers.models import Attempt
from resources.errors import DomainError, FieldError
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.models import Processor
from tenancy.models.processors import refuse_currency
from tenancy.models.tenants import TenantResource
from tenancy.transactions import transaction

_NUMBER = "account_number"

Made = TypeVar("Made", bound=TenantResource)
Tokenise = port.TokeniseCard | port.TokeniseBankAccount


class InstrumentRefused(DomainError):
    """The provider will not keep this card or bank account, or not as it was asked to."""

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


@dataclass(frozen=True)
class Keeping:
    """A number on its way to the provider: the claim, and under whose account."""

    attempt: Attempt
    account: port.Account


def find_identity(key: uuid.UUID, *, by: Actor) -> Identity:
    """The identity that an instrument is for. Raises FieldError."""
    with transaction(by=by):
        identity = Identity.objects.visible_to(by).filter(pk=key).first()
    if identity is None:
        raise FieldError("identity", "There is no such identity.")
    return identity


def request_to_keep(key: uuid.UUID, values: Mapping[str, Any], *, identity_id: uuid.UUID | None) -> Tokenise:
    members = {name: value for name, value in values.items() if name not in {"type", "identity"}}
    request = port.TokeniseCard if values["type"] == PaymentInstrument.Type.PAYMENT_CARD else port.TokeniseBankAccount
    return request(id=key, identity_id=identity_id, **members)


def claim_keeping(
    request: Tokenise,
    operation: str,
    model: type[Resource],
    *,
    application_id: uuid.UUID,
    by: Actor,
    at: datetime,
) -> Keeping:
    """Claim that a number is kept, within an act under way. Raises FieldError, NoProcessor."""
    processor = processor_for_instruments(application_id, by=by)
    refuse_currency(request.currency, processor.application_config)
    if isinstance(request, port.TokeniseBankAccount):
        owner = PaymentInstrument(id=request.id)
        vault.seal(owner, _NUMBER, request.account_number, application_id=application_id)
    attempt = attempts.claim(
        operation=operation,
        model=model,
        resource_id=request.id,
        application_id=application_id,
        processor=processor.processor,
        at=at,
        owner_id=request.identity_id,
    )
    return Keeping(attempt, port.Account(application_id, processor.application_config))


def made_of(attempt: Attempt, model: type[Made], row: Made | None, *, by: Actor) -> Made:
    """The row that an attempt led to. Raises ProviderUndecided, InstrumentRefused."""
    if row is None and attempt.state == Attempt.State.ACCEPTED:  # the resolver was first
        with transaction(by=by):
            row = model._default_manager.visible_to(by).filter(pk=attempt.resource_id).first()  # type: ignore[attr-defined]
    if row is None:
        raise ProviderUndecided if attempt.is_open else InstrumentRefused(attempt)
    return row


def forget_number(attempt: Attempt, ending: Ending) -> None:
    """Of what was not kept: the vault holds it no more, and where nothing was carried out the caller's key is free."""
    if ending.state in {Attempt.State.ABSENT, Attempt.State.REFUSED}:
        vault.erase(PaymentInstrument(id=attempt.resource_id), _NUMBER)
    if ending.state == Attempt.State.ABSENT:
        idempotency.release(attempt.application_id, attempt.resource_id)


def erase_unkept(operations: Collection[str], before: datetime, *, at_most: int) -> int:
    """Erase account numbers of which nothing was made, of the applications in sight: what was not carried out, and
    what was asked for before a moment. Call it in a transaction; what is about to end is left for the next time.
    """
    attempts_made = (
        Attempt.objects.filter(operation__in=operations)
        .filter(Q(state__in=[Attempt.State.ABSENT, Attempt.State.REFUSED]) | Q(created_at__lt=before))
        .filter(resource_id__in=vault.owners_with(PaymentInstrument, _NUMBER))
        .exclude(Exists(PaymentInstrument.objects.filter(pk=OuterRef("resource_id"))))
        .exclude(Exists(Token.objects.filter(pk=OuterRef("resource_id"))))
        .select_for_update(skip_locked=True)
    )
    keys = set(attempts_made.values_list("resource_id", flat=True)[:at_most])
    for model in (PaymentInstrument, Token):  # what was made until the attempts were locked
        keys -= set(model._default_manager.filter(pk__in=keys).values_list("pk", flat=True))
    return vault.erase_all(PaymentInstrument, keys)


def processor_of(instrument: TenantResource, *, by: Actor) -> Processor:
    """Where an instrument is kept: it was taken there, and stays there when the processor is switched off."""
    first = Attempt.objects.visible_to(by).filter(resource_id=instrument.pk).order_by("created_at", "id").first()
    found = None
    if first is not None:
        processors = Processor.objects.visible_to(by).filter(application_id=instrument.application_id)
        found = processors.filter(processor=first.processor).first()
    return found or processor_for_instruments(instrument.application_id, by=by)


def lock_nothing(attempt: Attempt, by: Actor) -> None:
    """There is no row before the provider has spoken, or its copying function locks it."""
    del attempt, by


def rebuild_nothing(attempt: Attempt, by: Actor) -> None:
    """A number that was not kept cannot be sent again, and what somebody wanted of a name is asked for again."""
    del attempt, by
