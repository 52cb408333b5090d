from payments.models.ledger import Journal, LedgerAccount, Posting
from payments.models.transfers import Transfer

__all__ = ["Journal", "LedgerAccount", "Posting", "Transfer"]
