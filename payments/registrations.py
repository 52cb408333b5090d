"""What this app adds to what stands below it: its operation at providers, its copying function, links, lists."""

import uuid
from functools import partial

from api.documents import register_link
from api.root import register_root_link
from onboarding.models import Identity, Merchant, PaymentInstrument, ReviewItem
from onboarding.services import reviews
from payments.models import Authorization, Settlement, Transfer
from payments.services import settlement_reviews
from payments.services.authorizations import authorise
from payments.services.captures import capture
from payments.services.copies import copy_authorization, copy_batch, copy_transfer
from payments.services.funding import fund
from payments.services.reversals import refund
from payments.services.sales import sell
from payments.services.visa_direct import pull, push
from payments.services.voids import void
from providers import attempts, copying, feeds, port
from resources import ids
from tenancy.models import Application

_HELD_BY_TYPE = {
    "fees": "fee",
    "reversals": "reverse",
    "credits": "credit",
    "debits": "debit",
    "disputes": "dispute",
}


def register() -> None:
    for operation in (sell, authorise, capture, void, refund, push, pull, fund):
        attempts.register(operation)
    reviews.register(ReviewItem.EntityType.SETTLEMENT, settlement_reviews.entity)
    copying.register(port.Batch, copy_batch)
    copying.register(port.Authorization, copy_authorization)
    copying.register(port.Transfer, copy_transfer)
    feeds.register(
        lambda: Transfer.objects.all().awaiting_readiness().values_list("application_id", flat=True).distinct()
    )
    register_root_link("authorizations", "/authorizations")
    register_root_link("transfers", "/transfers")
    register_link(Application.KIND, "transfers", lambda row: f"/applications/{row.public_id}/transfers")
    register_link(Application.KIND, "reversals", lambda row: f"/applications/{row.public_id}/reversals")
    register_link(Identity.KIND, "transfers", lambda row: f"/identities/{row.public_id}/transfers")
    register_link(PaymentInstrument.KIND, "transfers", lambda row: f"/payment_instruments/{row.public_id}/transfers")
    register_link(Transfer.KIND, "self", lambda row: f"/transfers/{row.public_id}")
    register_link(
        Transfer.KIND,
        "application",
        lambda row: f"/applications/{ids.public_id(Application.PREFIX, row.application_id)}",
    )
    register_link(
        Transfer.KIND,
        "merchant_identity",
        lambda row: f"/identities/{ids.public_id(Identity.PREFIX, row.merchant_identity_id)}",
    )
    register_link(
        Transfer.KIND, "merchant", lambda row: f"/merchants/{ids.public_id(Merchant.PREFIX, row.merchant_id)}"
    )
    register_link(Transfer.KIND, "payment_instruments", lambda row: f"/transfers/{row.public_id}/payment_instruments")
    register_link(Transfer.KIND, "reversals", lambda row: f"/transfers/{row.public_id}/reversals")
    register_link(Transfer.KIND, "source", lambda row: _instrument(row.source_id))
    register_link(Transfer.KIND, "destination", lambda row: _instrument(row.destination_id))
    register_link(Transfer.KIND, "parent", lambda row: _transfer(row.parent_id))
    _link_authorizations()
    _link_settlements()


def _link_authorizations() -> None:
    """Links to lists of them, and from one to what it belongs to."""
    register_link(Application.KIND, "authorizations", lambda row: f"/applications/{row.public_id}/authorizations")
    register_link(Identity.KIND, "authorizations", lambda row: f"/identities/{row.public_id}/authorizations")
    register_link(
        PaymentInstrument.KIND, "authorizations", lambda row: f"/payment_instruments/{row.public_id}/authorizations"
    )
    register_link(Authorization.KIND, "self", lambda row: f"/authorizations/{row.public_id}")
    register_link(
        Authorization.KIND,
        "application",
        lambda row: f"/applications/{ids.public_id(Application.PREFIX, row.application_id)}",
    )
    register_link(
        Authorization.KIND,
        "merchant_identity",
        lambda row: f"/identities/{ids.public_id(Identity.PREFIX, row.merchant_identity_id)}",
    )
    register_link(
        Authorization.KIND, "merchant", lambda row: f"/merchants/{ids.public_id(Merchant.PREFIX, row.merchant_id)}"
    )
    register_link(Authorization.KIND, "transfer", lambda row: _transfer(row.transfer_id))


def _link_settlements() -> None:
    """The same of settlements, and from one to what it holds and to what pays it."""
    register_root_link("settlements", "/settlements")
    register_link(Application.KIND, "settlements", lambda row: f"/applications/{row.public_id}/settlements")
    register_link(Identity.KIND, "settlements", lambda row: f"/identities/{row.public_id}/settlements")
    register_link(Settlement.KIND, "self", lambda row: f"/settlements/{row.public_id}")
    register_link(
        Settlement.KIND,
        "application",
        lambda row: f"/applications/{ids.public_id(Application.PREFIX, row.application_id)}",
    )
    register_link(
        Settlement.KIND, "identity", lambda row: f"/identities/{ids.public_id(Identity.PREFIX, row.identity_id)}"
    )
    for rel in ("transfers", "funding_transfers"):
        register_link(Settlement.KIND, rel, partial(_below_settlement, rel))
    for rel, held in _HELD_BY_TYPE.items():
        register_link(Settlement.KIND, rel, partial(_below_settlement, f"transfers?type={held}"))


def _below_settlement(tail: str, row: Settlement) -> str:
    return f"/settlements/{row.public_id}/{tail}"


def _instrument(key: uuid.UUID | None) -> str | None:
    return None if key is None else f"/payment_instruments/{ids.public_id(PaymentInstrument.PREFIX, key)}"


def _transfer(key: uuid.UUID | None) -> str | None:
    return None if key is None else f"/transfers/{ids.public_id(Transfer.PREFIX, key)}"
