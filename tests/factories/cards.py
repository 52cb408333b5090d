"""What networks and issuers have said of cards, asked through the services against the sandbox."""

from django.utils import timezone

from onboarding.models import InstrumentUpdate, Merchant, PaymentInstrument, Verification
from onboarding.services import update_card, verify_card
from providers import attempts, clock
from providers.models import Attempt
from providers.sandbox import scenarios
from tenancy.actors import system
from tenancy.transactions import transaction


def make_inquiry(card: PaymentInstrument) -> Verification:
    """An answered one; the application has VISA_V1."""
    return verify_card(instrument=card, by=system("test"), at=timezone.now())


def make_update(card: PaymentInstrument, merchant: Merchant) -> InstrumentUpdate:
    """One that the issuer has answered by now."""
    by = system("test")
    update = update_card(instrument=card, merchant_id=merchant.pk, by=by, at=timezone.now())
    with transaction(by=by):
        (attempt,) = Attempt.objects.visible_to(by).filter(resource_id=update.pk)
    with clock.at(timezone.now() + scenarios.PACE.update):
        attempts.resolve(attempt.pk, attempt.application_id)
    with transaction(by=by):
        return InstrumentUpdate.objects.visible_to(by).get(pk=update.pk)
