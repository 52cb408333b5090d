"""How a merchant stands: whether it can take payments, and what a page has to read to tell."""

import uuid
from collections.abc import Iterable

from django.urls import reverse
from django.utils.safestring import SafeString

from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem, Verification
from onboarding.switches import SwitchedOff, Whose, processing_off, settlements_off
from onboarding.underwriting import RECEIVES_ONLY
from portal.design.states import badge
from tenancy.actors import Actor
from tenancy.models import ApplicationProfile, RiskProfile
from tenancy.roles import Permission


def readiness(merchant: Merchant, *, by: Actor, is_held: bool = False) -> dict[str, str]:
    """Whether the merchant can take payments, and if not what stands in the way: level, title and text of a notice.

    Where somebody can do something about it, `url` and `link` lead there. Application, identity and processor are
    joined: the first and the last can switch it off as well. `is_held` tells that it waits for a person.
    """
    if merchant.onboarding_state != Merchant.OnboardingState.APPROVED:
        return _undecided(merchant, by=by, is_held=is_held)
    if off := processing_off(merchant):
        return {"level": "warning", "title": "Cannot take payments", "text": _remedied(off, by)}
    if merchant.processor == RECEIVES_ONLY:
        text = "It is paid to its card, and sells nothing."
        return {"level": "success", "title": "Can receive money", "text": text}
    if off := settlements_off(merchant):
        return {"level": "warning", "title": "Can take payments, but is not paid out", "text": _remedied(off, by)}
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
    if off := processing_off(merchant):
        return off.short
    if merchant.processor == RECEIVES_ONLY:
        return "Receives money"
    return "Takes payments, not paid out" if settlements_off(merchant) else "Takes payments"


def once_approved(merchant: Merchant, *, has_bank_account: bool) -> str:
    """What holds for the merchant when somebody approves it. Its application and processor are joined."""
    if merchant.processor == RECEIVES_ONLY:
        return "Becomes approved: it can receive money."
    if off := processing_off(merchant, once_approved=True):
        return f"Becomes approved, but cannot take payments. {off.text}"
    if off := settlements_off(merchant, once_approved=True):
        return f"Becomes approved and can take payments, but is not paid out. {off.text}"
    if not has_bank_account:
        return "Becomes approved: it can take payments. It has no bank account to be paid out to yet."
    return "Becomes approved: it can take payments and is paid out."


def processing_badge(merchant: Merchant) -> SafeString:
    """Its own switch; where that is on and one above it is off, the latter counts."""
    return _effective(processing_off(merchant), is_on=merchant.processing_enabled)


def settlements_badge(merchant: Merchant) -> SafeString:
    return _effective(settlements_off(merchant), is_on=merchant.settlement_enabled)


def _effective(off: SwitchedOff | None, *, is_on: bool) -> SafeString:
    if off is None or not is_on:
        return badge(is_on)
    return badge("DISABLED", label=f"Off by {off.whose.value}")


def _remedied(off: SwitchedOff, by: Actor) -> str:
    may_edit = off.whose == Whose.MERCHANT and by.may(Permission.MANAGE_MERCHANTS)
    return f"{off.text} Edit turns it on again." if may_edit else off.text


def _undecided(merchant: Merchant, *, by: Actor, is_held: bool) -> dict[str, str]:
    processor, application = merchant.processor, merchant.application.name
    if merchant.onboarding_state == Merchant.OnboardingState.REJECTED:
        told = {"level": "error", "title": "Cannot take payments"}
        text = f"{processor} rejected the business, for what stands below."
        if not by.may(Permission.MANAGE_IDENTITIES):
            return told | {"text": f"{text} Ask {application} to correct it and have it checked again."}
        return told | {
            "text": f"{text} Correct the identity, then press Create Verification to have it checked again.",
            "url": reverse("onboarding:edit-identity", args=[merchant.identity.public_id]),
            "link": "Edit identity",
        }
    if is_held:
        return {
            "level": "warning",
            "title": "Cannot take payments yet",
            "text": f"{processor} holds the business for review: a person of the platform decides on it.",
        }
    return {
        "level": "info",
        "title": "Cannot take payments yet",
        "text": f"{processor} is checking the business. Payments can be taken as soon as it approves.",
    }


def has_own_risk_profile(merchant: Merchant) -> bool:
    """Whether it does not follow its application's; the merchant's profile is joined."""
    return merchant.merchant_profile.risk_profile_id is not None


def risk_profile_of(merchant: Merchant, *, by: Actor) -> RiskProfile:
    """The one that holds for a merchant, whose profiles are joined; call it in a transaction."""
    if own := merchant.merchant_profile.risk_profile:
        return own
    profiles = ApplicationProfile.objects.visible_to(by).select_related("risk_profile")
    return profiles.get(application_id=merchant.application_id).risk_profile


def held_among(verifications: Iterable[Verification], *, by: Actor) -> set[uuid.UUID]:
    """The merchants of those checks that wait for a person's word; call it in a transaction.

    An approved merchant can be among them: what was changed of it is held then, not the merchant.
    """
    pending = [row.pk for row in verifications if row.state == Verification.State.PENDING]
    if not pending:
        return set()
    items = ReviewItem.objects.visible_to(by).filter(verification_id__in=pending, outcome__in=ReviewItem.Outcome.open())
    return set(items.values_list("merchant_id", flat=True))


def review_url_of(merchant: Merchant) -> str:
    """Where a merchant that is held waits for a word."""
    return f"{reverse('onboarding:review-merchants')}?q={merchant.public_id}"


def with_bank_account(identities: Iterable[uuid.UUID], *, by: Actor) -> set[uuid.UUID]:
    """Those of the identities that have one which is enabled; call it in a transaction."""
    accounts = PaymentInstrument.objects.visible_to(by).filter(type=PaymentInstrument.Type.BANK_ACCOUNT, enabled=True)
    return set(accounts.filter(identity__in=set(identities)).values_list("identity_id", flat=True))


def instruments_of(identity: Identity, *, by: Actor) -> tuple[bool, bool]:
    """Whether it has a card and a bank account that are enabled; call it in a transaction."""
    found = PaymentInstrument.objects.visible_to(by).filter(identity=identity, enabled=True)
    types = set(found.values_list("type", flat=True).distinct())
    return PaymentInstrument.Type.PAYMENT_CARD in types, PaymentInstrument.Type.BANK_ACCOUNT in types
