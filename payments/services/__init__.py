from payments.services.admission import InstrumentDisabled, MerchantNotApproved, ProcessingDisabled
from payments.services.transfers import IdempotencyIdUsed, create_sale, update_transfer

__all__ = [
    "IdempotencyIdUsed",
    "InstrumentDisabled",
    "MerchantNotApproved",
    "ProcessingDisabled",
    "create_sale",
    "update_transfer",
]
