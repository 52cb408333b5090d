"""What this app adds to the portal: its entries of the navigation, the first of all, sales on others' pages, and how
the audit history calls payments."""

from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from onboarding.models import Merchant, PaymentInstrument, ReviewItem
from onboarding.portal import actions, reviews
from onboarding.portal.actions import Action
from onboarding.switches import settlements_off
from payments.models import Authorization, Settlement, Transfer, TransferBatch
from payments.portal.selling import SELLS_NOTHING, debits_bank_accounts, obstacle_to_sales
from payments.portal.settlement_facts import page_of as page_of_settlement
from payments.portal.settlement_facts import page_of_review
from payments.portal.settlement_reviews import waiting_settlements
from payments.portal.unresolved import unresolved_attempts
from payments.services import obstacle_to_adjustment, ready_to_settle
from portal import subjects
from portal.navigation import Entry, register
from portal.subjects import Kind
from tenancy.actors import Actor
from tenancy.models import Application
from tenancy.roles import Permission

ENTRIES = (
    Entry("TRANSACTIONS", "Transfers", "payments:transfers", "transfer", Permission.VIEW_TRANSFERS, order=5),
    Entry(
        "TRANSACTIONS",
        "Authorizations",
        "payments:authorizations",
        "authorization",
        Permission.VIEW_TRANSFERS,
        order=6,
    ),
    Entry("TRANSACTIONS", "Settlements", "payments:settlements", "settlement", Permission.VIEW_SETTLEMENTS, order=7),
    Entry("TRANSACTIONS", "Deposits", "payments:deposits", "bank", Permission.VIEW_SETTLEMENTS, order=7),
    Entry("TRANSACTIONS", "Statements", "payments:statements", "file", Permission.VIEW_SETTLEMENTS, order=44),
    Entry("TRANSACTIONS", "Batches", "payments:batches", "box", Permission.VIEW_PROCESSORS, order=8),
    Entry(
        "TRANSACTIONS",
        "Unresolved",
        "payments:unresolved",
        "help",
        Permission.VIEW_ATTEMPTS,
        order=9,
        waiting=unresolved_attempts,
        waits_for=Permission.RESOLVE_ATTEMPTS,
    ),
    Entry(
        "REVIEW",
        "Settlements",
        "payments:review-settlements",
        "settlement",
        Permission.VIEW_REVIEWS,
        order=51,
        waiting=waiting_settlements,
    ),
)


def register_subjects() -> None:
    subjects.register(
        Kind(
            Transfer,
            "Transfer",
            page=lambda transfer: reverse("payments:transfer", args=[transfer.public_id]),
            permission=Permission.VIEW_TRANSFERS,
        )
    )
    subjects.register(
        Kind(
            Authorization,
            "Authorization",
            page=lambda authorization: reverse("payments:authorization", args=[authorization.public_id]),
            permission=Permission.VIEW_TRANSFERS,
        )
    )
    subjects.register(
        Kind(
            Settlement,
            "Settlement",
            lambda settlement: f"of {settlement.merchant.display_name}",
            page_of_settlement,
            Permission.VIEW_SETTLEMENTS,
            ("merchant",),
        )
    )
    reviews.register_page(ReviewItem.EntityType.SETTLEMENT, page_of_review)
    subjects.register(
        Kind(
            TransferBatch,
            "Batch",
            page=lambda batch: reverse("payments:batch", args=[batch.public_id]),
            permission=Permission.VIEW_PROCESSORS,
        )
    )


def register_navigation() -> None:
    for entry in ENTRIES:
        register(entry)


def register_actions() -> None:
    actions.register(Action(Merchant.KIND, "New sale", "plus", _sale_of_merchant))
    actions.register(Action(PaymentInstrument.KIND, "New sale", "plus", _sale_with_instrument))
    actions.register(Action(Merchant.KIND, "Transfers", "transfer", _transfers_of_merchant))
    actions.register(Action(Merchant.KIND, "Authorizations", "authorization", _authorizations_of_merchant))
    actions.register(Action(Merchant.KIND, "Settlements", "settlement", _settlements_of_merchant))
    actions.register(Action(Merchant.KIND, "Statements", "file", _statements_of_merchant))
    actions.register(Action(Merchant.KIND, "Settle now", "check", _settle_merchant))
    actions.register(Action(Merchant.KIND, "Adjust", "transfer", _adjust_merchant))
    actions.register(Action(Merchant.KIND, "Settlement schedule", "calendar", _schedule_of_merchant))
    actions.register(Action(Application.KIND, "Settlement schedule", "calendar", _schedule_of_application))


def _sale_of_merchant(merchant: Merchant, by: Actor) -> str:
    may_sell = by.may(Permission.CREATE_TRANSFERS) and not obstacle_to_sales(merchant)
    return reverse("payments:create-transfer", args=[merchant.public_id]) if may_sell else ""


def _sale_with_instrument(instrument: PaymentInstrument, by: Actor) -> str:
    """With a card, or with a bank account where a processor of its application debits them."""
    if not (instrument.enabled and by.may(Permission.CREATE_TRANSFERS)):
        return ""
    if not (instrument.is_card or debits_bank_accounts(instrument.application_id, by)):
        return ""
    return f"{reverse('payments:choose-merchant')}?{urlencode({'source': instrument.public_id})}"


def _transfers_of_merchant(merchant: Merchant, by: Actor) -> str:
    if not by.may(Permission.VIEW_TRANSFERS):
        return ""
    return f"{reverse('payments:transfers')}?{urlencode({'merchant_id': merchant.public_id})}"


def _statements_of_merchant(merchant: Merchant, by: Actor) -> str:
    may_see = by.may(Permission.VIEW_SETTLEMENTS)
    return reverse("payments:merchant-statement", args=[merchant.public_id]) if may_see else ""


def _settlements_of_merchant(merchant: Merchant, by: Actor) -> str:
    if not by.may(Permission.VIEW_SETTLEMENTS) or merchant.processor == SELLS_NOTHING:
        return ""
    return f"{reverse('payments:settlements')}?{urlencode({'merchant_id': merchant.public_id})}"


def _settle_merchant(merchant: Merchant, by: Actor) -> str:
    """Where something is ready, and the worker has not taken it in yet."""
    if not by.may(Permission.MANAGE_SETTLEMENTS) or settlements_off(merchant):
        return ""
    has_ready = ready_to_settle(merchant, by=by, at=timezone.now()).exists()
    return reverse("payments:settle-now", args=[merchant.public_id]) if has_ready else ""


def _adjust_merchant(merchant: Merchant, by: Actor) -> str:
    may_adjust = by.may(Permission.ADJUST_MERCHANTS) and not obstacle_to_adjustment(merchant)
    return reverse("payments:adjust-merchant", args=[merchant.public_id]) if may_adjust else ""


def _schedule_of_merchant(merchant: Merchant, by: Actor) -> str:
    if not by.may(Permission.MANAGE_MERCHANTS) or merchant.processor == SELLS_NOTHING:
        return ""
    return reverse("payments:merchant-schedule", args=[merchant.public_id])


def _schedule_of_application(application: Application, by: Actor) -> str:
    may_set = by.may(Permission.MANAGE_APPLICATIONS) and not application.is_platform
    return reverse("payments:application-schedule", args=[application.public_id]) if may_set else ""


def _authorizations_of_merchant(merchant: Merchant, by: Actor) -> str:
    if not by.may(Permission.VIEW_TRANSFERS) or merchant.processor == SELLS_NOTHING:
        return ""
    return f"{reverse('payments:authorizations')}?{urlencode({'merchant_id': merchant.public_id})}"
