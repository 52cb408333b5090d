from payments.services.adjustments import create_adjustment, obstacle_to_adjustment
from payments.services.admission import InstrumentDisabled, MerchantNotApproved, ProcessingDisabled, Purpose
from payments.services.authorizations import create_authorization, update_authorization
from payments.services.captures import capture_authorization
from payments.services.funding import AccountNotNamed, NoBankAccount, NotApproved, fund_settlement, may_be_split
from payments.services.holds import NotHeld, obstacle_to_hold
from payments.services.keys import IdempotencyIdUsed
from payments.services.reversals import NotRefundable, create_reversal, obstacle_to_refund
from payments.services.sales import create_sale
from payments.services.settlement_reviews import StillAccruing, approve_settlement, pay_part
from payments.services.settlements import (
    NotAccruing,
    NothingToSettle,
    NotInSettlement,
    NotOpen,
    SettlementDisabled,
    close_settlement,
    create_settlement,
    ready_to_settle,
    remove_transfers,
    update_settlement,
)
from payments.services.three_d_secure import ThreeDSecure
from payments.services.transfers import update_transfer
from payments.services.visa_direct import create_visa_direct
from payments.services.voids import void_authorization

__all__ = [
    "AccountNotNamed",
    "IdempotencyIdUsed",
    "InstrumentDisabled",
    "MerchantNotApproved",
    "NoBankAccount",
    "NotAccruing",
    "NotApproved",
    "NotHeld",
    "NotInSettlement",
    "NotOpen",
    "NotRefundable",
    "NothingToSettle",
    "ProcessingDisabled",
    "Purpose",
    "SettlementDisabled",
    "StillAccruing",
    "ThreeDSecure",
    "approve_settlement",
    "capture_authorization",
    "close_settlement",
    "create_adjustment",
    "create_authorization",
    "create_reversal",
    "create_sale",
    "create_settlement",
    "create_visa_direct",
    "fund_settlement",
    "may_be_split",
    "obstacle_to_adjustment",
    "obstacle_to_hold",
    "obstacle_to_refund",
    "pay_part",
    "ready_to_settle",
    "remove_transfers",
    "update_authorization",
    "update_settlement",
    "update_transfer",
    "void_authorization",
]
