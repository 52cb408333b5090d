from payments.models.authorizations import HOLD_LASTS, Authorization
from payments.models.batches import TransferBatch
from payments.models.ledger import Journal, LedgerAccount, Posting
from payments.models.payments import Payment
from payments.models.settlements import Settlement, SettlementEntry, SettlementSchedule
from payments.models.tags import AuthorizationTag, TransferTag
from payments.models.transfers import Transfer

__all__ = [
    "HOLD_LASTS",
    "Authorization",
    "AuthorizationTag",
    "Journal",
    "LedgerAccount",
    "Payment",
    "Posting",
    "Settlement",
    "SettlementEntry",
    "SettlementSchedule",
    "Transfer",
    "TransferBatch",
    "TransferTag",
]
