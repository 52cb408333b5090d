"""What this app adds to what stands below it: its operation at providers, its copying function, links, lists."""

from api.documents import register_link
from api.root import register_root_link
from onboarding.models import Identity, Merchant, PaymentInstrument
from payments.models import Transfer
from payments.services.copies import copy_transfer
from payments.services.transfers import sell
from providers import attempts, copying, port
from resources import ids
from tenancy.models import Application


def register() -> None:
    attempts.register(sell)
    copying.register(port.Transfer, copy_transfer)
    register_root_link("transfers", "/transfers")
    register_link(Application.KIND, "transfers", lambda row: f"/applications/{row.public_id}/transfers")
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
    register_link(
        Transfer.KIND,
        "source",
        lambda row: f"/payment_instruments/{ids.public_id(PaymentInstrument.PREFIX, row.source_id)}",
    )
