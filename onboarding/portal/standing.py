"""How a merchant stands: whether it can take payments, and what a page has to read to tell."""

import uuid
from collections.abc import Sequence

from django.urls import reverse

from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem
from tenancy.actors import Actor
from tenancy.models import ApplicationProfile, Processor, RiskProfile


def readiness(merchant: Merchant, *, is_held: bool = False) -> dict[str, str]:
    """Whether the merchant can take payments, and if not what stands in the way: level, title and text of a notice.

    Application and processor are joined: both can switch it off as well. `is_held` tells that it waits for a person.
    """
    if merchant.onboarding_state != Merchant.OnboardingState.APPROVED:
        return _undecided(merchant, is_held=is_held)
    if off := _switched_off(merchant):
        return {"level": "warning", "title": "Cannot take payments", "text": off[0]}
    if merchant.processor == Processor.Name.VISA_V1:
        text = "It is paid to its card, and sells nothing."
        return {"level": "success", "title": "Can receive money", "text": text}
    if not (merchant.settlement_enabled and merchant.application.settlement_enabled):
        whose = "merchant" if merchant.application.settlement_enabled else "application"
        return {
            "level": "warning",
            "title": "Can take payments, but is not paid out",
            "text": f"Settlements are switched off for the {whose}.",
        }
    return {
        "level": "success",
        "title": "Can take payments",
        "text": f"Approved by {merchant.processor}; processing and settlements are on.",
    }


def readiness_in_short(merchant: Merchant, *, is_held: bool = False) -> str:
    """The same in a few words, for lists."""
    if merchant.onboarding_state == Merchant.OnboardingState.PROVISIONING:
        return "Waits for review" if is_held else "Being checked"
    if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
        return "Takes no payments"
    if off := _switched_off(merchant):
        return off[1]
    if merchant.processor == Processor.Name.VISA_V1:
        return "Receives money"
    is_paid_out = merchant.settlement_enabled and merchant.application.settlement_enabled
    return "Takes payments" if is_paid_out else "Takes payments, not paid out"


def _undecided(merchant: Merchant, *, is_held: bool) -> dict[str, str]:
    if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
        return {
            "level": "error",
            "title": "Cannot take payments",
            "text": f"{merchant.processor} rejected the business. The verification below says why. Correct the"
            " identity, then press Create Verification to have it checked again.",
        }
    if is_held:
        return {
            "level": "warning",
            "title": "Cannot take payments yet",
            "text": f"{merchant.processor} holds the business for review: a person of the platform decides on it.",
        }
    return {
        "level": "info",
        "title": "Cannot take payments yet",
        "text": f"{merchant.processor} is checking the business. Payments can be taken as soon as it approves.",
    }


def _switched_off(merchant: Merchant) -> tuple[str, str] | None:
    """What keeps an approved merchant from taking payments, as a sentence and in short."""
    application, processor = merchant.application, merchant.processor
    for is_on, sentence, short in (
        (
            merchant.processing_enabled,
            "Processing is switched off for this merchant. Edit turns it on again.",
            "Processing is off",
        ),
        (
            application.enabled,
            f"{application.name} is disabled, and all of its merchants with it.",
            "Application is disabled",
        ),
        (
            application.processing_enabled,
            f"Processing is switched off for all merchants of {application.name}.",
            "Processing is off for the application",
        ),
        (
            merchant.enabled_processor.enabled,
            f"{processor} is switched off for {application.name}.",
            "Processor is off",
        ),
    ):
        if not is_on:
            return sentence, short
    return None


def has_own_risk_profile(merchant: Merchant) -> bool:
    """Whether it does not follow its application's; the merchant's profile is joined."""
    return merchant.merchant_profile.risk_profile_id is not None


def risk_profile_of(merchant: Merchant, *, by: Actor) -> RiskProfile:
    """The one that holds for a merchant, whose profiles are joined; call it in a transaction."""
    if own := merchant.merchant_profile.risk_profile:
        return own
    profiles = ApplicationProfile.objects.visible_to(by).select_related("risk_profile")
    return profiles.get(application_id=merchant.application_id).risk_profile


def held_among(merchants: Sequence[Merchant], *, by: Actor) -> set[uuid.UUID]:
    """Those of them that wait for a person's word; call it in a transaction."""
    held = [row.pk for row in merchants if row.onboarding_state == Merchant.OnboardingState.PROVISIONING]
    if not held:
        return set()
    items = ReviewItem.objects.visible_to(by).filter(merchant__in=held, outcome__in=ReviewItem.Outcome.open())
    return set(items.values_list("merchant_id", flat=True))


def review_url_of(merchant: Merchant) -> str:
    """Where a merchant that is held waits for a word."""
    return f"{reverse('onboarding:review-merchants')}?q={merchant.public_id}"


def instruments_of(identity: Identity, *, by: Actor) -> tuple[bool, bool]:
    """Whether it has a card and a bank account that are enabled; call it in a transaction."""
    found = PaymentInstrument.objects.visible_to(by).filter(identity=identity, enabled=True)
    types = set(found.values_list("type", flat=True).distinct())
    return PaymentInstrument.Type.PAYMENT_CARD in types, PaymentInstrument.Type.BANK_ACCOUNT in types
