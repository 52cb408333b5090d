"""What this app adds to the portal: its entry of the navigation, the first of all, sales on others' pages, and how
the audit history calls a transfer."""

from django.urls import reverse
from django.utils.http import urlencode

from onboarding.models import Merchant, PaymentInstrument
from onboarding.portal import actions
from onboarding.portal.actions import Action
from payments.models import Transfer
from payments.portal.selling import obstacle_to_sales
from portal import subjects
from portal.navigation import Entry, register
from portal.subjects import Kind
from tenancy.actors import Actor
from tenancy.roles import Permission

ENTRIES = (Entry("TRANSACTIONS", "Transfers", "payments:transfers", "transfer", Permission.VIEW_TRANSFERS, order=5),)


def register_subjects() -> None:
    subjects.register(
        Kind(
            Transfer,
            "Transfer",
            page=lambda transfer: reverse("payments:transfer", args=[transfer.public_id]),
            permission=Permission.VIEW_TRANSFERS,
        )
    )


def register_navigation() -> None:
    for entry in ENTRIES:
        register(entry)


def register_actions() -> None:
    actions.register(Action(Merchant.KIND, "New sale", "plus", _sale_of_merchant))
    actions.register(Action(PaymentInstrument.KIND, "New sale", "plus", _sale_with_card))
    actions.register(Action(Merchant.KIND, "Transfers", "transfer", _transfers_of_merchant))


def _sale_of_merchant(merchant: Merchant, by: Actor) -> str:
    may_sell = by.may(Permission.CREATE_TRANSFERS) and not obstacle_to_sales(merchant)
    return reverse("payments:create-transfer", args=[merchant.public_id]) if may_sell else ""


def _sale_with_card(card: PaymentInstrument, by: Actor) -> str:
    if not (card.is_card and card.enabled and by.may(Permission.CREATE_TRANSFERS)):
        return ""
    return f"{reverse('payments:choose-merchant')}?{urlencode({'source': card.public_id})}"


def _transfers_of_merchant(merchant: Merchant, by: Actor) -> str:
    if not by.may(Permission.VIEW_TRANSFERS):
        return ""
    return f"{reverse('payments:transfers')}?{urlencode({'merchant_id': merchant.public_id})}"
