"""What `check_ledger` asks of settlements: that totals, entries, transfers, deposits and accounts say the same."""

from collections.abc import Callable, Mapping
from typing import Any

from onboarding.models import Merchant
from payments.models import Settlement, Transfer
from resources import ids

Row = Mapping[str, Any]

# A cancelled settlement keeps its totals, so that it can be seen what was rejected; its entries have left it.
_TOTALS = """
SELECT settlement.id AS settlement_id, settlement.status, entry_count, total_amount, total_fee,
    coalesce(held.entries, 0) AS entries, coalesce(held.amount, 0) AS amount, coalesce(held.fee, 0) AS fee,
    count(*) OVER () AS found
FROM settlement LEFT JOIN (
    SELECT application_id, settlement_id, count(*) AS entries, sum(amount) AS amount, sum(fee) AS fee
    FROM settlement_entry WHERE released_at IS NULL GROUP BY application_id, settlement_id
) AS held ON held.application_id = settlement.application_id AND held.settlement_id = settlement.id
WHERE CASE WHEN settlement.status = 'CANCELLED' THEN held.entries IS NOT NULL
    ELSE (entry_count, total_amount, total_fee)
        IS DISTINCT FROM (coalesce(held.entries, 0), coalesce(held.amount, 0), coalesce(held.fee, 0)) END
ORDER BY settlement.id LIMIT %(shown)s
"""

# What a transfer says of where it is settled, against the entry that holds it, and what that takes of it.
_HELD = """
SELECT coalesce(named.id, entry.transfer_id) AS transfer_id, named.settlement_id AS told,
    entry.settlement_id AS held, count(*) OVER () AS found
FROM (
    SELECT application_id, id, settlement_id, state, fee, settled_amount AS net
    FROM transfer WHERE settlement_id IS NOT NULL AND subtype NOT IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT')
) AS named FULL JOIN (
    SELECT application_id, transfer_id, settlement_id, amount, fee FROM settlement_entry
    WHERE transfer_id IS NOT NULL AND released_at IS NULL
) AS entry ON entry.application_id = named.application_id AND entry.transfer_id = named.id
WHERE (named.settlement_id, named.state, named.net, named.fee)
    IS DISTINCT FROM (entry.settlement_id, 'SUCCEEDED', entry.amount, entry.fee)
ORDER BY 1 LIMIT %(shown)s
"""

# Deposits, pushes and pulls, and what gives them back, are no merchant's earnings.
_NEVER_SETTLED = """
SELECT transfer.id AS transfer_id, entry.settlement_id, count(*) OVER () AS found
FROM settlement_entry AS entry
JOIN transfer ON transfer.application_id = entry.application_id AND transfer.id = entry.transfer_id
LEFT JOIN transfer AS parent
    ON parent.application_id = transfer.application_id AND parent.id = transfer.parent_id
WHERE entry.released_at IS NULL AND (
    'CREDIT' IN (transfer.type, parent.type) OR 'PULL_FROM_CARD' IN (transfer.operation_key, parent.operation_key)
    OR coalesce(parent.subtype, transfer.subtype) IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT')
)
ORDER BY entry.id LIMIT %(shown)s
"""

_WITHOUT_SETTLEMENT = """
SELECT id AS transfer_id, count(*) OVER () AS found FROM transfer
WHERE subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT') AND settlement_id IS NULL
ORDER BY id LIMIT %(shown)s
"""

_CARRIED = """
SELECT entry.settlement_id, entry.carried_from_id, entry.amount, earlier.status, earlier.net_amount,
    count(*) OVER () AS found
FROM settlement_entry AS entry LEFT JOIN settlement AS earlier
    ON earlier.application_id = entry.application_id AND earlier.id = entry.carried_from_id
WHERE entry.kind = 'CARRIED' AND entry.released_at IS NULL
    AND (earlier.status, earlier.net_amount) IS DISTINCT FROM ('APPROVED', entry.amount)
ORDER BY entry.id LIMIT %(shown)s
"""

_FUNDED = """
SELECT settlement.id AS settlement_id, settlement.funded_amount, coalesce(paid.total, 0) AS total,
    count(*) OVER () AS found
FROM settlement LEFT JOIN (
    SELECT application_id, settlement_id, sum(amount) AS total FROM transfer
    WHERE subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT') AND state IN ('PENDING', 'SUCCEEDED')
        AND returned_at IS NULL
    GROUP BY application_id, settlement_id
) AS paid ON paid.application_id = settlement.application_id AND paid.settlement_id = settlement.id
WHERE settlement.funded_amount <> coalesce(paid.total, 0)
ORDER BY settlement.id LIMIT %(shown)s
"""

# Credits are negative: what was closed to be paid, less what has arrived and stayed.
_PAYABLE = """
SELECT merchant_id, currency, sum(balance) AS balance, sum(due) AS due, count(*) OVER () AS found
FROM (
    SELECT application_id, merchant_id, currency, balance, 0 AS due FROM ledger_account
    WHERE kind = 'SETTLEMENT_PAYABLE'
    UNION ALL
    SELECT application_id, merchant_id, currency, 0, -net_amount FROM settlement
    WHERE status IN ('AWAITING_APPROVAL', 'APPROVED') AND net_amount > 0
    UNION ALL
    SELECT application_id, merchant_id, currency, 0, amount FROM transfer
    WHERE subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT') AND state = 'SUCCEEDED'
    UNION ALL
    SELECT back.application_id, back.merchant_id, back.currency, 0, -back.amount
    FROM transfer AS back JOIN transfer AS deposit
        ON deposit.application_id = back.application_id AND deposit.id = back.parent_id
    WHERE back.type = 'REVERSAL' AND back.state = 'SUCCEEDED'
        AND deposit.subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT')
) AS part
GROUP BY application_id, merchant_id, currency HAVING sum(balance) <> sum(due)
ORDER BY merchant_id, currency LIMIT %(shown)s
"""


def _totals(row: Row) -> str:
    name = _settlement(row["settlement_id"])
    if row["status"] == Settlement.Status.CANCELLED:
        return f"{name} is cancelled, but still holds {row['entries']} entries."
    told = f"{row['entry_count']} entries, {row['total_amount']} less {row['total_fee']}"
    return f"{name} says {told}, but holds {row['entries']}, {row['amount']} less {row['fee']}."


def _held(row: Row) -> str:
    name = ids.public_id(Transfer.PREFIX, row["transfer_id"])
    if row["told"] == row["held"]:
        return f"The entry of {name} in {_settlement(row['held'])} is not what it says."
    places = (_settlement(key) if key else "no settlement" for key in (row["told"], row["held"]))
    return "{} says that it is in {}, but its entry is in {}.".format(name, *places)


def _never_settled(row: Row) -> str:
    name = ids.public_id(Transfer.PREFIX, row["transfer_id"])
    return f"{name} is never settled, but stands in {_settlement(row['settlement_id'])}."


def _without_settlement(row: Row) -> str:
    return f"{ids.public_id(Transfer.PREFIX, row['transfer_id'])} is a deposit, but pays no settlement."


def _carried(row: Row) -> str:
    earlier = f"{_settlement(row['carried_from_id'])}, which is {row['status']} with a net of {row['net_amount']}"
    return f"{_settlement(row['settlement_id'])} carries {row['amount']} from {earlier}."


def _funded(row: Row) -> str:
    name = _settlement(row["settlement_id"])
    return f"{name} says that {row['funded_amount']} of it is funded, but its deposits sum to {row['total']}."


def _payable(row: Row) -> str:
    name = f"SETTLEMENT_PAYABLE of {ids.public_id(Merchant.PREFIX, row['merchant_id'])}"
    return f"{name} is {row['balance']} {row['currency']}, but its settlements say {row['due']}."


def _settlement(key: Any) -> str:
    return ids.public_id(Settlement.PREFIX, key)


RULES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    (_TOTALS, _totals),
    (_HELD, _held),
    (_NEVER_SETTLED, _never_settled),
    (_WITHOUT_SETTLEMENT, _without_settlement),
    (_CARRIED, _carried),
    (_FUNDED, _funded),
    (_PAYABLE, _payable),
)
