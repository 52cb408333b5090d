"""P12: closing a settlement of 1,000,000 entries against the same statements in bare SQL, and how memory grows.

Each turn closes a settlement of the same entries and takes that back. Ours is the service, with its flags, events,
audit row and review item; the other side are the statements that it sent, recorded once and sent again over psycopg.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import rounds, stack
from benchmarks.stack import Servers

_BATCH = 100_000
GOAL, MOST_GROWTH_MB = 1.5, 10


class _TakenBack(Exception):
    """What a turn did is not kept, so that the next one finds the same."""


def main() -> None:
    parser = rounds.parser("settlement", __doc__, rounds=5)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many entries")
    options = parser.parse_args()
    with stack.servers(options=("autovacuum=off",)) as servers:
        stack.use_django({**servers.environment, "DATABASE_STATEMENT_TIMEOUT": "600"})
        settlement = _fill(servers, options.rows)
        with psycopg.connect(servers.postgres.app_url) as bare:
            statements = _recorded(settlement, options.rows)
            print(f"{len(statements)} statements", flush=True)
            _forget_peak()
            before = _memory_mb(name="VmRSS")
            sides: dict[str, Callable[[], float]] = {
                "the same statements": lambda: _send(bare, statements),
                "ours": lambda: _close(settlement, options.rows),
            }
            found = rounds.take_turns(sides, options.rounds)
        rounds.tell(found, "s")
        rounds.tell_ratio("ours to the same statements", rounds.ratio(found, "ours", "the same statements"), most=GOAL)
        rounds.tell_ratio("memory growth, MB", _memory_mb() - before, most=MOST_GROWTH_MB)


def _close(settlement: Any, rows: int) -> float:
    """Seconds from the first statement to the last; what is taken back at the end is not measured."""
    from django.utils import timezone

    from payments.services.settlements import close, locked
    from tenancy.actors import system
    from tenancy.transactions import act

    by, at = system("benchmark"), timezone.now()
    took = 0.0
    with suppress(_TakenBack):
        begun = time.perf_counter()
        with act("close_settlement", by=by, at=at, application_id=settlement.application_id) as current:
            row = locked(settlement.pk, by)
            close(current, row, now=row.application.business_time(at))
            took = time.perf_counter() - begun
            if row.entry_count != rows:
                raise RuntimeError(f"{row.entry_count:,} entries instead of {rows:,}")
            raise _TakenBack
    return took


def _recorded(settlement: Any, rows: int) -> list[tuple[str, Any]]:
    """The statements of one closing with their parameters, as they go to the database."""
    from django.db import connection

    sent: list[tuple[str, Any]] = []

    def record(execute: Any, statement: str, parameters: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's
        sent.append((statement, parameters))
        return execute(statement, parameters, many, context)

    with connection.execute_wrapper(record):
        _close(settlement, rows)
    return [one for one in sent if not one[0].startswith(("SAVEPOINT", "RELEASE", "ROLLBACK"))]


def _send(bare: psycopg.Connection, statements: list[tuple[str, Any]]) -> float:
    begun = time.perf_counter()
    for statement, parameters in statements:
        bare.execute(statement.encode(), parameters)
    took = time.perf_counter() - begun
    bare.rollback()
    return took


def _memory_mb(*, name: str = "VmHWM") -> float:
    """The most that this process has held since it was last forgotten; VmRSS is what it holds now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _fill(servers: Servers, rows: int) -> Any:
    """An accruing settlement of one true sale, with copies of its entry; what they are of is not looked at."""
    from payments.models import Settlement, SettlementEntry
    from tenancy.actors import system
    from tenancy.transactions import transaction
    from tests.factories.onboarding import make_identity, make_merchant_identity
    from tests.factories.payments import (
        make_bank_account,
        make_card,
        make_merchant,
        make_processor,
        make_sale,
        make_settlement,
    )
    from tests.factories.tenancy import make_application

    application = make_application("Busy")[0]
    make_processor(application)
    identity = make_merchant_identity(application)
    make_bank_account(identity)
    merchant = make_merchant(identity)
    settlement = make_settlement(merchant, make_sale(merchant, make_card(make_identity(application)), 1000, fee=30))
    with transaction(by=system("benchmark")):
        entry = SettlementEntry.objects.get(settlement=settlement)
    with psycopg.connect(servers.postgres.owner_url, autocommit=True) as owner:
        # Entries are of transfers, each once; a million of those would take longer than all the rest.
        owner.execute("ALTER TABLE settlement_entry DROP CONSTRAINT settlement_entry_transfer_id_same_tenant")
        for first in range(1, rows, _BATCH):
            owner.execute(
                "INSERT INTO settlement_entry"
                " (id, application_id, settlement_id, kind, transfer_id, amount, fee, occurred_at)"
                " SELECT gen_random_uuid(), application_id, settlement_id, kind, gen_random_uuid(),"
                " 100 + mod(number, 10000), mod(number, 90), occurred_at"
                " FROM settlement_entry, generate_series(%s::int, %s) AS number WHERE id = %s",
                [first, min(first + _BATCH - 1, rows - 1), entry.pk],
            )
            print(f"{min(first + _BATCH - 1, rows - 1):,} entries", flush=True)
        owner.execute(
            "UPDATE settlement SET (entry_count, total_amount, total_fee) ="
            " (SELECT count(*), sum(amount), sum(fee) FROM settlement_entry WHERE settlement_id = %s) WHERE id = %s",
            [settlement.pk, settlement.pk],
        )
        owner.execute("VACUUM ANALYZE")
    with transaction(by=system("benchmark")):
        return Settlement.objects.get(pk=settlement.pk)


if __name__ == "__main__":
    main()
