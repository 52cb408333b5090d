"""Posting to the ledger, and reading it. All here runs inside the caller's transaction."""

import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from onboarding.models import Merchant
from payments.models import LedgerAccount, Posting, Transfer
from resources import ids
from resources.models import Resource
from tenancy.actors import Actor
from tenancy.models.tenants import TenantResource

SALE, REVERSAL, PUSH, PULL = "sale", "reversal", "push", "pull"
FUNDING = "funding"
PUSH_RETURN, PULL_RETURN, FUNDING_RETURN = "push_return", "pull_return", "funding_return"
CREDIT_ADJUSTMENT, DEBIT_ADJUSTMENT = "credit_adjustment", "debit_adjustment"
OF_TRANSFERS = (
    SALE, REVERSAL, PUSH, PUSH_RETURN, PULL, PULL_RETURN, FUNDING, FUNDING_RETURN, CREDIT_ADJUSTMENT, DEBIT_ADJUSTMENT,
)  # fmt: skip
"""Reasons whose journals belong to a transfer, one of them to each that succeeds."""
CLOSING, REMOVING, CANCELLING = "settlement", "settlement_removal", "settlement_cancelled"
"""Reasons whose journals belong to a settlement."""
_RETURNS = {PUSH: PUSH_RETURN, PULL: PULL_RETURN, FUNDING: FUNDING_RETURN}
"""By why the parent was posted; what gives back anything else is a reversal."""

# One statement, because a journal and its legs must come in one. An account that somebody else is opening at this very
# moment is neither in sight nor ours: then nothing is posted, and the next try, with a later view, finds it.
_POST = """
WITH leg AS (
    SELECT * FROM unnest(
        %(legs)s::uuid[], %(accounts)s::uuid[], %(merchants)s::uuid[], %(kinds)s::text[], %(currencies)s::text[],
        %(amounts)s::bigint[]
    ) AS leg (id, new_account_id, merchant_id, kind, currency, amount)
), known AS (
    SELECT leg.id, account.id AS account_id FROM leg JOIN ledger_account account
    ON account.application_id = %(application)s AND account.merchant_id = leg.merchant_id
        AND account.kind = leg.kind AND account.currency = leg.currency
), opened AS (
    INSERT INTO ledger_account (id, application_id, merchant_id, kind, currency, balance)
    SELECT DISTINCT ON (merchant_id, kind, currency)
        new_account_id, %(application)s, merchant_id, kind, currency, 0
    FROM leg WHERE NOT EXISTS (SELECT FROM known WHERE known.id = leg.id)
    ORDER BY merchant_id, kind, currency
    ON CONFLICT (application_id, merchant_id, kind, currency) DO NOTHING
    RETURNING id, merchant_id, kind, currency
), placed AS (
    SELECT id, account_id FROM known
    UNION ALL SELECT leg.id, opened.id FROM leg JOIN opened USING (merchant_id, kind, currency)
), journal AS (
    INSERT INTO ledger_journal (id, application_id, reason, resource_kind, resource_id, posted_at)
    SELECT %(journal)s, %(application)s, %(reason)s, %(resource_kind)s, %(resource)s, %(at)s
    WHERE (SELECT count(*) FROM placed) = (SELECT count(*) FROM leg)
    RETURNING id
)
INSERT INTO ledger_posting (id, application_id, journal_id, account_id, amount, currency)
SELECT leg.id, %(application)s, journal.id, placed.account_id, leg.amount, leg.currency
FROM leg JOIN placed USING (id), journal
"""


@dataclass(frozen=True)
class Leg:
    """What one account of a merchant gets: minor units, positive debits it, negative credits it."""

    kind: LedgerAccount.Kind
    merchant_id: uuid.UUID
    amount: int
    currency: str


def post(*, reason: str, resource: Resource, application_id: uuid.UUID, legs: Sequence[Leg], at: datetime) -> None:
    """Write one journal of a resource; accounts are opened where they are missing, legs of nothing are left out.

    Raises ValueError when the legs do not sum to zero per currency, or nothing is left of them. The database raises
    IntegrityError, also when the resource has a journal of this reason already. Of several journals in one transaction
    the accounts are locked in the order of posting: lock what they have in common first, as the merchant.
    """
    legs = [leg for leg in legs if leg.amount]
    _refuse_unbalanced(legs)
    parameters: dict[str, Any] = {
        "journal": ids.new_id(),
        "application": application_id,
        "reason": reason,
        "resource_kind": resource.KIND,
        "resource": resource.pk,
        "at": at,
        "legs": [ids.new_id() for _ in legs],
        "accounts": [ids.new_id() for _ in legs],
        "merchants": [leg.merchant_id for leg in legs],
        "kinds": [leg.kind.value for leg in legs],
        "currencies": [leg.currency for leg in legs],
        "amounts": [leg.amount for leg in legs],
    }
    with connection.cursor() as cursor:
        for _ in range(2):
            cursor.execute(_POST, parameters)
            if cursor.rowcount:
                return
    raise RuntimeError(f"The accounts of {reason} of {resource.public_id} are not in sight.")


def _refuse_unbalanced(legs: Sequence[Leg]) -> None:
    if not legs:
        raise ValueError("There is nothing to post.")
    sums: Counter[str] = Counter()
    for leg in legs:
        sums[leg.currency] += leg.amount
    if any(sums.values()):
        raise ValueError(f"The legs do not sum to zero: {dict(sums)}")


def reason_of(transfer: Transfer) -> str:
    """Why a transfer is posted once it has succeeded."""
    if transfer.parent is not None:
        return _RETURNS.get(reason_of(transfer.parent), REVERSAL)
    if transfer.is_deposit:
        return FUNDING
    if transfer.is_adjustment:
        return DEBIT_ADJUSTMENT if transfer.takes else CREDIT_ADJUSTMENT
    if transfer.type == Transfer.Type.CREDIT:
        return PUSH
    return PULL if transfer.operation_key == Transfer.OperationKey.PULL_FROM_CARD else SALE


def legs_of(transfer: Transfer) -> list[Leg]:
    """What a transfer that has succeeded does to the accounts of its merchant.

    Of a sale the processor owes us the amount; of it we owe the merchant all but the fee, and the partner the fee. A
    reversal takes its amount back from the merchant alone: fees are not given back. A deposit pays what a settlement
    owes, and owes it again when the bank returns it. Money to and from cards over VISA_V1 is the operator's own, and no
    merchant's, also when it comes back; what an adjustment gives or takes is the operator's too.
    """
    kinds, amount = LedgerAccount.Kind, transfer.amount
    amounts = {
        SALE: {
            kinds.PROCESSOR_CLEARING: amount,
            kinds.MERCHANT_BALANCE: transfer.fee - amount,
            kinds.PARTNER_FEES: -transfer.fee,
        },
        REVERSAL: {kinds.MERCHANT_BALANCE: amount, kinds.PROCESSOR_CLEARING: -amount},
        FUNDING: {kinds.SETTLEMENT_PAYABLE: amount, kinds.PROCESSOR_CLEARING: -amount},
        FUNDING_RETURN: {kinds.PROCESSOR_CLEARING: amount, kinds.SETTLEMENT_PAYABLE: -amount},
        PUSH: {kinds.OPERATING_FUNDS: amount, kinds.PROCESSOR_CLEARING: -amount},
        PUSH_RETURN: {kinds.PROCESSOR_CLEARING: amount, kinds.OPERATING_FUNDS: -amount},
        CREDIT_ADJUSTMENT: {kinds.OPERATING_FUNDS: amount, kinds.MERCHANT_BALANCE: -amount},
        DEBIT_ADJUSTMENT: {kinds.MERCHANT_BALANCE: amount, kinds.OPERATING_FUNDS: -amount},
        PULL: {kinds.PROCESSOR_CLEARING: amount, kinds.OPERATING_FUNDS: -amount},
        PULL_RETURN: {kinds.OPERATING_FUNDS: amount, kinds.PROCESSOR_CLEARING: -amount},
    }[reason_of(transfer)]
    return [
        Leg(kind=kind, merchant_id=transfer.merchant_id, amount=share, currency=transfer.currency)
        for kind, share in amounts.items()
        if share
    ]


def postings_of(resource: TenantResource, *, by: Actor) -> list[Posting]:
    """The legs of a resource's journals, oldest first; a merchant gets those of what it is owed."""
    postings = Posting.objects.visible_to(by).filter(
        application_id=resource.application_id, journal__resource_id=resource.pk
    )
    return list(postings.select_related("journal", "account").order_by("journal__posted_at", "journal_id", "id"))


def balances_of(merchant: Merchant, *, by: Actor) -> list[LedgerAccount]:
    """The accounts of a merchant by currency and kind; a merchant gets what it is owed only."""
    accounts = LedgerAccount.objects.visible_to(by).filter(
        application_id=merchant.application_id, merchant_id=merchant.pk
    )
    return list(accounts.order_by("currency", "kind"))
