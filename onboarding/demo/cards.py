"""What was said of the demo's cards: those that are paid to were verified, and one was renewed."""

from datetime import datetime, timedelta

from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument, Verification
from onboarding.services import update_card, verify_card
from tenancy.actors import Actor
from tenancy.transactions import transaction

RENEWED = "4000002000000206"
TAGS = {"wallet": "saved"}
"""Of the card that is renewed, by which it is found again."""
VERIFIED_AFTER = timedelta(minutes=15)
SAVED_AFTER = timedelta(hours=4)
ASKED_AFTER = timedelta(days=1)


def ensure_verified(card: PaymentInstrument, *, by: Actor, at: datetime) -> None:
    with transaction(by=by):
        is_verified = Verification.objects.visible_to(by).filter(payment_instrument=card).exists()
    if not is_verified:
        verify_card(instrument=card, by=by, at=at)


def ensure_asked(card: PaymentInstrument, merchant: Merchant, *, by: Actor, at: datetime) -> InstrumentUpdate:
    """The question to the card's issuer, which is answered a little later."""
    with transaction(by=by):
        asked = InstrumentUpdate.objects.visible_to(by).filter(payment_instrument=card).first()
    return asked or update_card(instrument=card, merchant_id=merchant.pk, by=by, at=at)
