"""Recomputing the ledger of all tenants at once: whether it says what its postings, transfers and settlements say.

One statement per rule, each over whole tables and each of one view, so that sales may go on meanwhile.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

from onboarding.models import Merchant
from payments.models import Transfer
from payments.services import check_settlements
from payments.services.ledger import OF_TRANSFERS
from resources import ids
from tenancy.actors import Actor
from tenancy.transactions import transaction

Row = Mapping[str, Any]

SHOWN = 20  # of each kind of break; the others are counted

_PREFIXES = {kind.KIND: kind.PREFIX for kind in (Merchant, Transfer)}

_COUNTS = """
SELECT (SELECT count(*) FROM ledger_account), (SELECT count(*) FROM ledger_journal),
    (SELECT count(*) FROM ledger_posting), (SELECT count(*) FROM transfer WHERE state = 'SUCCEEDED')
"""

_UNBALANCED = """
SELECT journal_id, journal.reason, journal.resource_kind, journal.resource_id, currency, total,
    count(*) OVER () AS found
FROM (
    SELECT application_id, journal_id, currency, sum(amount) AS total FROM ledger_posting
    GROUP BY application_id, journal_id, currency HAVING sum(amount) <> 0
) AS wrong LEFT JOIN ledger_journal journal
    ON journal.application_id = wrong.application_id AND journal.id = wrong.journal_id
ORDER BY journal_id, currency LIMIT %(shown)s
"""

_WITHOUT_LEGS = """
SELECT id AS journal_id, reason, resource_kind, resource_id, count(*) OVER () AS found FROM ledger_journal journal
WHERE NOT EXISTS (
    SELECT FROM ledger_posting posting
    WHERE posting.application_id = journal.application_id AND posting.journal_id = journal.id
)
ORDER BY id LIMIT %(shown)s
"""

_ORPHANS = """
SELECT id, journal_id, count(*) OVER () AS found FROM ledger_posting posting
WHERE NOT EXISTS (
    SELECT FROM ledger_journal journal
    WHERE journal.application_id = posting.application_id AND journal.id = posting.journal_id
)
ORDER BY id LIMIT %(shown)s
"""

# A posting in another currency than its account's, or to none, joins no account and shows up by itself.
_BALANCES = """
SELECT coalesce(account.id, posted.account_id) AS account_id, account.kind, account.merchant_id,
    coalesce(account.currency, posted.currency) AS currency, account.balance, coalesce(posted.total, 0) AS total,
    count(*) OVER () AS found
FROM ledger_account account FULL JOIN (
    SELECT application_id, account_id, currency, sum(amount) AS total FROM ledger_posting
    GROUP BY application_id, account_id, currency
) AS posted ON posted.application_id = account.application_id AND posted.account_id = account.id
    AND posted.currency = account.currency
WHERE account.id IS NULL OR account.balance <> coalesce(posted.total, 0)
ORDER BY 1, 4 LIMIT %(shown)s
"""

# The rule of `legs_of` over all transfers, against what was posted: each leg must be there as often as it should.
_MOVES = """
SELECT wrong.transfer_id, transfer.state, wrong.posted, count(*) OVER () AS found
FROM (
    SELECT application_id, transfer_id, sum(posted) AS posted
    FROM (
        SELECT application_id, transfer_id, sum(due) AS due, sum(posted) AS posted
        FROM (
            SELECT transfer.application_id, transfer.id, leg.kind, transfer.merchant_id, leg.amount, transfer.currency,
                1, 0, leg.reason
            FROM transfer LEFT JOIN transfer AS parent
                ON parent.application_id = transfer.application_id AND parent.id = transfer.parent_id, LATERAL (
                SELECT CASE
                    WHEN parent.subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT') THEN 'funding_return'
                    WHEN parent.type = 'CREDIT' THEN 'push_return'
                    WHEN parent.operation_key = 'PULL_FROM_CARD' THEN 'pull_return'
                    WHEN transfer.type = 'REVERSAL' THEN 'reversal'
                    WHEN transfer.subtype IN ('SETTLEMENT_MERCHANT', 'SPLIT_PAYOUT') THEN 'funding'
                    WHEN transfer.type = 'CREDIT' THEN 'push'
                    WHEN transfer.subtype = 'MERCHANT_CREDIT_ADJUSTMENT' THEN 'credit_adjustment'
                    WHEN transfer.subtype = 'MERCHANT_DEBIT_ADJUSTMENT' THEN 'debit_adjustment'
                    WHEN transfer.operation_key = 'PULL_FROM_CARD' THEN 'pull'
                    ELSE 'sale'
                END
            ) AS why (reason), LATERAL (VALUES
                ('sale', 'PROCESSOR_CLEARING', transfer.amount),
                ('sale', 'MERCHANT_BALANCE', transfer.fee - transfer.amount),
                ('sale', 'PARTNER_FEES', -transfer.fee),
                ('reversal', 'MERCHANT_BALANCE', transfer.amount),
                ('reversal', 'PROCESSOR_CLEARING', -transfer.amount),
                ('funding', 'SETTLEMENT_PAYABLE', transfer.amount),
                ('funding', 'PROCESSOR_CLEARING', -transfer.amount),
                ('funding_return', 'PROCESSOR_CLEARING', transfer.amount),
                ('funding_return', 'SETTLEMENT_PAYABLE', -transfer.amount),
                ('credit_adjustment', 'OPERATING_FUNDS', transfer.amount),
                ('credit_adjustment', 'MERCHANT_BALANCE', -transfer.amount),
                ('debit_adjustment', 'MERCHANT_BALANCE', transfer.amount),
                ('debit_adjustment', 'OPERATING_FUNDS', -transfer.amount),
                ('push', 'OPERATING_FUNDS', transfer.amount),
                ('push', 'PROCESSOR_CLEARING', -transfer.amount),
                ('push_return', 'PROCESSOR_CLEARING', transfer.amount),
                ('push_return', 'OPERATING_FUNDS', -transfer.amount),
                ('pull', 'PROCESSOR_CLEARING', transfer.amount),
                ('pull', 'OPERATING_FUNDS', -transfer.amount),
                ('pull_return', 'OPERATING_FUNDS', transfer.amount),
                ('pull_return', 'PROCESSOR_CLEARING', -transfer.amount)
            ) AS leg (reason, kind, amount)
            WHERE transfer.state = 'SUCCEEDED' AND leg.reason = why.reason AND leg.amount <> 0
            UNION ALL
            SELECT journal.application_id, journal.resource_id, account.kind, account.merchant_id, posting.amount,
                posting.currency, 0, 1, journal.reason
            FROM ledger_journal journal
            JOIN ledger_posting posting
                ON posting.application_id = journal.application_id AND posting.journal_id = journal.id
            LEFT JOIN ledger_account account
                ON account.application_id = posting.application_id AND account.id = posting.account_id
            WHERE journal.resource_kind = 'transfer' AND journal.reason = ANY (%(reasons)s)
        ) AS leg (application_id, transfer_id, kind, merchant_id, amount, currency, due, posted, reason)
        GROUP BY application_id, transfer_id, kind, merchant_id, amount, currency, reason
    ) AS leg
    GROUP BY application_id, transfer_id HAVING bool_or(due <> posted)
) AS wrong LEFT JOIN transfer ON transfer.application_id = wrong.application_id AND transfer.id = wrong.transfer_id
ORDER BY wrong.transfer_id LIMIT %(shown)s
"""


# What a charge says of its refunds, against the reversals that are there or on their way.
_REFUNDS = """
SELECT parent.id AS transfer_id, parent.refunded_amount, given.total, count(*) OVER () AS found
FROM transfer AS parent LEFT JOIN LATERAL (
    SELECT coalesce(sum(reversal.amount), 0) AS total FROM transfer AS reversal
    WHERE reversal.application_id = parent.application_id AND reversal.parent_id = parent.id
        AND reversal.type = 'REVERSAL' AND reversal.subtype = 'API' AND reversal.state IN ('PENDING', 'SUCCEEDED')
) AS given ON true
WHERE parent.type = 'DEBIT' AND parent.refunded_amount <> given.total
ORDER BY parent.id LIMIT %(shown)s
"""


@dataclass(frozen=True)
class Verdict:
    """How much was looked at, and a sentence for each break that was found."""

    accounts: int
    journals: int
    postings: int
    transfers: int
    broken: tuple[str, ...]


def check_ledger(*, by: Actor) -> Verdict:
    """Recompute the ledger of the actor's applications from postings, transfers and settlements. Reads whole tables."""
    with transaction(by=by):
        return recompute()


def recompute() -> Verdict:
    """`check_ledger` inside the caller's transaction."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        cursor.execute(_COUNTS)
        accounts, journals, postings, transfers = cursor.fetchone()
    broken = tuple(sentence for statement, tell in _RULES for sentence in _breaks(statement, tell))
    return Verdict(accounts=accounts, journals=journals, postings=postings, transfers=transfers, broken=broken)


def _breaks(statement: str, tell: Callable[[Row], str]) -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"reasons": list(OF_TRANSFERS), "shown": SHOWN})
        names = [column.name for column in cursor.description]
        rows = [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
    yield from map(tell, rows)
    if rows and rows[0]["found"] > SHOWN:
        yield f"{rows[0]['found'] - SHOWN} more like the last one."


def _unbalanced(row: Row) -> str:
    return f"{_journal(row)} does not sum to zero: {row['total']} {row['currency']}."


def _without_legs(row: Row) -> str:
    return f"{_journal(row)} has no legs."


def _orphan(row: Row) -> str:
    return f"Posting {row['id']} belongs to journal {row['journal_id']}, which is not there."


def _balance(row: Row) -> str:
    if row["kind"] is None:
        return (
            f"Postings of {row['total']} {row['currency']} belong to account {row['account_id']}, which is not there."
        )
    name = f"{row['kind']} of {ids.public_id(Merchant.PREFIX, row['merchant_id'])}"
    return f"{name} has a balance of {row['balance']} {row['currency']}, but its postings sum to {row['total']}."


def _move(row: Row) -> str:
    name = ids.public_id(Transfer.PREFIX, row["transfer_id"])
    if row["state"] is None:
        return f"There is a journal of {name}, but no such transfer."
    if row["state"] != Transfer.State.SUCCEEDED:
        return f"{name} is {row['state']}, but has a journal."
    return f"The journal of {name} is not what it says." if row["posted"] else f"{name} has no journal."


def _refund(row: Row) -> str:
    name = ids.public_id(Transfer.PREFIX, row["transfer_id"])
    return f"{name} says that {row['refunded_amount']} of it is refunded, but its reversals sum to {row['total']}."


def _journal(row: Row) -> str:
    """By the public id of its resource, where the ledger knows the kind."""
    if row["resource_kind"] is None:
        return f"Journal {row['journal_id']}, which is not there,"
    prefix = _PREFIXES.get(row["resource_kind"])
    resource = ids.public_id(prefix, row["resource_id"]) if prefix else f"{row['resource_kind']} {row['resource_id']}"
    return f"Journal {row['journal_id']}, {row['reason']} of {resource},"


_RULES: tuple[tuple[str, Callable[[Row], str]], ...] = (
    (_UNBALANCED, _unbalanced),
    (_WITHOUT_LEGS, _without_legs),
    (_ORPHANS, _orphan),
    (_BALANCES, _balance),
    (_MOVES, _move),
    (_REFUNDS, _refund),
    *check_settlements.RULES,
)
