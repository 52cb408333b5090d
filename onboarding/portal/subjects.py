"""How the audit history calls what it tells of, and where that has its page."""

from collections.abc import Callable
from typing import Any

from django.urls import reverse

from onboarding.models import (
    Identity,
    InstrumentUpdate,
    Merchant,
    MerchantImport,
    OnboardingForm,
    PaymentInstrument,
    ReviewItem,
    Token,
    Verification,
)
from onboarding.portal.facts import merchant_title
from onboarding.portal.reviews import page_of
from portal.subjects import Kind, register
from tenancy.models import ApiUser, Application, ApplicationProfile, MerchantProfile, Person, Processor, RiskProfile
from tenancy.roles import Permission


def _page(url_name: str, of: Callable[[Any], str] = lambda row: row.public_id) -> Callable[[Any], str]:
    return lambda row: reverse(f"onboarding:{url_name}", args=[of(row)])


def _subject_of_check(verification: Verification) -> str:
    if verification.merchant is not None:
        return merchant_title(verification.merchant)
    card = verification.payment_instrument
    return card.display_name if card is not None else verification.public_id


def _of_application(row: Any) -> str:
    return str(row.application.public_id)


_RISK = _page("application-profile", _of_application)

KINDS = (
    Kind(Application, "Application", lambda row: row.name, _page("application"), Permission.VIEW_PROCESSORS),
    Kind(
        ApiUser, "API key", lambda row: row.display_name, _page("api-user"), Permission.VIEW_API_USERS, ("application",)
    ),
    Kind(
        Person,
        "Person",
        lambda row: row.name or row.email,
        _page("person", lambda row: row.pk),
        Permission.MANAGE_PEOPLE,
    ),
    Kind(
        Processor,
        "Processor",
        lambda row: f"{row.processor} of {row.application.name}",
        _page("application-processors", _of_application),
        Permission.VIEW_PROCESSORS,
        ("application",),
    ),
    Kind(
        RiskProfile,
        "Risk profile",
        lambda row: f"of {row.application.name}",
        _RISK,
        Permission.VIEW_PROFILES,
        ("application",),
    ),
    Kind(
        ApplicationProfile,
        "Profile",
        lambda row: f"of {row.application.name}",
        _RISK,
        Permission.VIEW_PROFILES,
        ("application",),
    ),
    Kind(MerchantProfile, "Merchant profile"),
    Kind(Identity, "Identity", lambda row: row.display_name, _page("identity"), Permission.VIEW_IDENTITIES),
    Kind(Merchant, "Merchant", merchant_title, _page("merchant"), Permission.VIEW_MERCHANTS, ("identity",)),
    Kind(
        Verification,
        "Verification",
        _subject_of_check,
        _page("verification"),
        Permission.VIEW_MERCHANTS,
        ("merchant__identity", "payment_instrument"),
    ),
    Kind(
        ReviewItem,
        "Review",
        lambda row: merchant_title(row.merchant),
        page_of,
        Permission.VIEW_REVIEWS,
        ("merchant__identity",),
    ),
    Kind(
        PaymentInstrument,
        "Payment instrument",
        lambda row: row.display_name,
        _page("payment-instrument"),
        Permission.VIEW_INSTRUMENTS,
    ),
    Kind(Token, "Token"),
    Kind(
        InstrumentUpdate,
        "Card update",
        lambda row: row.payment_instrument.display_name,
        _page("payment-instrument", lambda row: row.payment_instrument.public_id),
        Permission.VIEW_INSTRUMENTS,
        ("payment_instrument",),
    ),
    Kind(
        OnboardingForm,
        "Onboarding form",
        lambda row: row.name or row.public_id,
        _page("onboarding-form"),
        Permission.MANAGE_IDENTITIES,
    ),
    Kind(MerchantImport, "Import", lambda row: row.file_name, _page("merchant-import"), Permission.MANAGE_IDENTITIES),
)


def register_subjects() -> None:
    for kind in KINDS:
        register(kind)
