"""Whose a payment is, with those pages that the reader may open."""

from django.urls import reverse

from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import Payment
from payments.portal.facts import instrument_label
from tenancy.actors import Actor
from tenancy.roles import Permission

_Party = tuple[str, Merchant | Identity | PaymentInstrument, str, bool]


def parties_of(payment: Payment, instrument: PaymentInstrument | None, *, by: Actor) -> list[dict[str, str]]:
    """Merchant, identity, card or bank account if any, application; call it in a transaction, with all joined."""
    merchant, identity = payment.merchant, payment.merchant_identity
    sees_identity = Identity.objects.visible_to(by).filter(pk=identity.pk).exists()
    parties: list[_Party] = [
        ("Merchant", merchant, "merchant", by.may(Permission.VIEW_MERCHANTS)),
        ("Identity", identity, "identity", sees_identity and by.may(Permission.VIEW_IDENTITIES)),
    ]
    if instrument is not None:
        sees_it = PaymentInstrument.objects.visible_to(by).filter(pk=instrument.pk).exists()
        may_open = sees_it and by.may(Permission.VIEW_INSTRUMENTS)
        parties.append((instrument_label(payment), instrument, "payment-instrument", may_open))
    found = [
        {
            "label": label,
            "name": row.display_name,
            "url": reverse(f"onboarding:{page}", args=[row.public_id]) if may_open else "",
        }
        for label, row, page, may_open in parties
    ]
    may_open = by.may(Permission.VIEW_PROCESSORS)
    page = reverse("onboarding:application", args=[payment.application.public_id]) if may_open else ""
    return [*found, {"label": "Application", "name": payment.application.name, "url": page}]
