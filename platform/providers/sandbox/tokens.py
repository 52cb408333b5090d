"""Tokens at the sandbox: instruments that nobody has claimed yet."""

from datetime import datetime, timedelta

from django.db.models import DateTimeField, ExpressionWrapper, F, OuterRef, Subquery, Value

from providers import port
from providers.port import Answer, Verdict
from providers.sandbox.models import Instrument
from resources import ids
from tenancy.models import Application

LIFE = timedelta(hours=24)
"""In business time."""
KEPT = timedelta(days=7)
"""How long one that has expired is still known as such."""

NOT_FOUND, CLAIMED, EXPIRED = "TOKEN_NOT_FOUND", "TOKEN_CLAIMED", "TOKEN_EXPIRED"
_MESSAGES = {
    NOT_FOUND: "There is no such token.",
    CLAIMED: "The token was claimed already.",
    EXPIRED: "The token has expired.",
}


def why_not_claimable(kept: Instrument | None, now: datetime) -> str:
    """The code of the refusal; empty where the token is good for one instrument still."""
    if kept is None or kept.token_expires_at is None:
        return NOT_FOUND
    if kept.identity_id is not None:
        return CLAIMED
    return EXPIRED if kept.token_expires_at <= now else ""


def refusal(code: str) -> Answer:
    return Answer(Verdict.REFUSED, code=code, message=_MESSAGES[code])


def tell_token(instrument: Instrument) -> port.Token:
    if instrument.token_expires_at is None:
        raise ValueError("No token")
    return port.Token(
        id=instrument.id,
        version=f"{instrument.version:08}",
        created_at=instrument.created_at,
        updated_at=instrument.updated_at,
        raw={
            "id": ids.public_id("TK", instrument.id),
            "instrument_type": instrument.type,
            "fingerprint": instrument.fingerprint,
            "currency": instrument.currency,
        },
        tags={},
        instrument_type=instrument.type,
        fingerprint=instrument.fingerprint,
        currency=instrument.currency,
        expires_at=instrument.token_expires_at,
    )


def forget_unclaimed(now: datetime) -> int:
    """Delete, in the applications in sight, what expired long ago and was never claimed. `now` is wall time."""
    offset = Application.objects.filter(pk=OuterRef("application_id")).values("clock_offset")
    long_ago = ExpressionWrapper(Value(now - KEPT) + F("offset"), output_field=DateTimeField())
    unclaimed = Instrument.objects.filter(identity_id=None).annotate(offset=Subquery(offset))
    deleted, _ = unclaimed.filter(token_expires_at__lt=long_ago).delete()
    return deleted
