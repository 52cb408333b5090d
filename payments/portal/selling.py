"""Whether a merchant can sell, for the pages that offer a sale. The service asks again, under its locks."""

import uuid

from django.db.models import QuerySet

from onboarding.models import Merchant
from payments import services
from payments.services.admission import takes_bank_debits
from tenancy.actors import Actor
from tenancy.models import Processor

SELLS_NOTHING = Processor.Name.VISA_V1
_RECEIVES_ONLY = "A merchant at VISA_V1 receives money and sells nothing."


def able_to_sell(merchants: QuerySet[Merchant]) -> QuerySet[Merchant]:
    """Those to whose sale there is no obstacle."""
    return merchants.filter(
        onboarding_state=Merchant.OnboardingState.APPROVED,
        processing_enabled=True,
        application__enabled=True,
        application__processing_enabled=True,
        enabled_processor__enabled=True,
    ).exclude(processor=SELLS_NOTHING)


def obstacle_to_sales(merchant: Merchant) -> str:
    """Why a merchant cannot sell, empty where it can; its application and processor are joined."""
    if merchant.processor == SELLS_NOTHING:
        return _RECEIVES_ONLY
    if merchant.onboarding_state != Merchant.OnboardingState.APPROVED:
        return services.MerchantNotApproved.message
    application = merchant.application
    for whose, is_on in (
        ("merchant", merchant.processing_enabled),
        ("application", application.enabled and application.processing_enabled),
        ("processor", merchant.enabled_processor.enabled),
    ):
        if not is_on:
            return str(services.ProcessingDisabled(whose))
    return ""


def debits_bank_accounts(application_id: uuid.UUID, by: Actor) -> bool:
    """Whether a bank account of the application may be charged at one of its processors; call it in a transaction."""
    processors = Processor.objects.visible_to(by).filter(application_id=application_id, enabled=True)
    return any(takes_bank_debits(settings) for settings in processors.values_list("application_config", flat=True))
