"""What single merchants and applications of the demo ask for, apart from the others."""

from datetime import timedelta

from onboarding.demo.plan import Business, Plan
from onboarding.models import Merchant
from onboarding.services import update_merchant
from tenancy import services as tenancy
from tenancy.actors import Actor
from tenancy.models import Application, MerchantProfile
from tenancy.transactions import transaction

ASKS_FOR_BANK_ACCOUNT = 1
"""The application that sends nobody to a processor without one."""
ASKS_FOR_CODE = "A-1002"
OWN_RISK_PROFILE = "A-1007"
"""Merchants, by their keys."""


def ensure_bank_account_policy(application: Application, plan: Plan, by: Actor) -> None:
    if not application.bank_account_required:
        tenancy.update_application(
            application=application,
            values={"bank_account_required": True},
            by=by,
            at=plan.now - timedelta(days=9, hours=2),
        )


def ensure_rules(business: Business, merchant: Merchant, by: Actor) -> None:
    """One wants every card with its security code, another lets failed address checks through."""
    at = business.sells_from + timedelta(days=2)
    if business.key == ASKS_FOR_CODE and not merchant.card_cvv_required:
        update_merchant(merchant=merchant, values={"card_cvv_required": True}, by=by, at=at)
    if business.key == OWN_RISK_PROFILE:
        with transaction(by=by):
            profile = MerchantProfile.objects.visible_to(by).get(pk=merchant.merchant_profile_id)
        if profile.risk_profile_id is None:
            tenancy.give_own_risk_profile(profile=profile, values={"avs_failure_allowed": True}, by=by, at=at)
