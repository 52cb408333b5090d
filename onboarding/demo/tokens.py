"""A card that a buyer of the first application has typed into a shop's own page, and one that nobody has claimed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from onboarding.models import Identity, PaymentInstrument, Token
from onboarding.serializers.instruments import TokenInput
from onboarding.services import claim_token, create_token
from tenancy.actors import Actor, visitor
from tenancy.models import Application
from tenancy.transactions import transaction

TAGS = {"saved": "on the shop's page"}
LEFT_BEFORE_THE_END = timedelta(hours=2)
"""How long ago somebody typed in a card, and left the page."""


def is_typed_in(identity: Identity, *, by: Actor) -> bool:
    """Whether the buyer has its card from the page already."""
    with transaction(by=by):
        return PaymentInstrument.objects.visible_to(by).filter(identity=identity, tags=TAGS).exists()


def type_in(
    application: Application, identity: Identity, card: Mapping[str, Any], *, by: Actor, at: datetime
) -> PaymentInstrument:
    token = _token(application, card, at)
    return claim_token(values={"token": token.pk, "identity": identity.pk, "tags": TAGS}, by=by, at=at)


def is_left(application: Application, *, by: Actor) -> bool:
    with transaction(by=by):
        return Token.objects.visible_to(by).filter(application=application, claimed_at=None).exists()


def leave(application: Application, card: Mapping[str, Any], *, at: datetime) -> None:
    _token(application, card, at)


def _token(application: Application, card: Mapping[str, Any], at: datetime) -> Token:
    body = TokenInput(data=card, context={"now": at})
    body.is_valid(raise_exception=True)
    by = visitor(application.pk, "Visitor", only=())
    return create_token(application=application, values=body.validated_data, by=by, at=at)
