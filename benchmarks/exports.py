"""P15: a CSV of 1,000,000 transfers against `COPY (query) TO STDOUT` of the same query, and how memory grows.

Both read under row security, as the partner whose rows they are. *Sent* is the file as it is streamed, page by page;
*kept* is what a worker does, which also compresses it, writes it to the database and commits each page.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg

from benchmarks import rounds, stack
from benchmarks.stack import Servers

_BATCH = 100_000
GOAL, MOST_GROWTH_MB = 0.3, 50


def main() -> None:
    parser = rounds.parser("exports", __doc__, rounds=3)
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many transfers")
    options = parser.parse_args()
    with stack.servers(options=("autovacuum=off",)) as servers:
        stack.use_django({**servers.environment, "DATABASE_STATEMENT_TIMEOUT": "600", "EXPORT_AT_ONCE_ROWS": "0"})
        person = _fill(servers, options.rows)
        by = _actor(person)
        _copy(by)  # what is loaded once
        _forget_peak()
        before = _memory_mb(name="VmRSS")
        sides: dict[str, Callable[[], float]] = {
            "COPY, the same query": lambda: _timed(lambda: _copy(by)),
            "sent": lambda: _timed(lambda: _send(by, options.rows)),
            "kept": lambda: _timed(lambda: _keep(by, options.rows)),
        }
        found = rounds.take_turns(sides, options.rounds)
        rounds.tell(found, "s")
        rounds.tell_ratio("COPY to sent", rounds.ratio(found, "COPY, the same query", "sent"), least=GOAL)
        rounds.tell_ratio("COPY to kept", rounds.ratio(found, "COPY, the same query", "kept"))
        rounds.tell_ratio("memory growth, MB", _memory_mb() - before, most=MOST_GROWTH_MB)


def _timed(measured: Callable[[], object]) -> float:
    start = time.perf_counter()
    measured()
    return time.perf_counter() - start


def _memory_mb(*, name: str = "VmHWM") -> float:
    """The most that this process has held since it was last forgotten; VmRSS is what it holds now."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def _forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5")


def _listing() -> Any:
    from exports.listings import find

    return find("transfers")


@contextmanager
def _query(by: Any) -> Iterator[tuple[Any, Any]]:
    """A connection that sees what the partner sees, and what the export selects, as one query."""
    from django.db import connection

    from tenancy.transactions import transaction

    listing = _listing()
    with transaction(by=by, plans_anew=True):
        selected = [one for column in listing.columns_for(by) for one in column.read()]
        rows = listing.narrowed("", by).order_by("-created_at", "-pk").values_list("created_at", "pk", *selected)
        yield connection.connection, rows.query.sql_with_params()


def _must_be(found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{found:,} rows instead of {wanted:,}")


def _copy(by: Any) -> None:
    with _query(by) as (connection, (statement, parameters)):
        query = psycopg.ClientCursor(connection).mogrify(statement, parameters)
        with connection.cursor() as cursor, cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT csv)") as copied:
            for _ in copied:
                pass


def _send(by: Any, rows: int) -> None:
    from exports.files import csv_of
    from exports.reading import read_all

    listing = _listing()
    lines = sum(piece.count(b"\r\n") for piece in csv_of(listing.columns_for(by), read_all(listing, "", by=by)))
    _must_be(lines, rows + 1)


def _keep(by: Any, rows: int) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from exports import services
    from exports.models import Export, ExportChunk
    from tenancy.transactions import transaction

    now = timezone.now()
    made = services.begin_export(listing=_listing(), query="", form="CSV", by=by, at=now)
    services.write_export(made.pk, until=now + timedelta(hours=1))
    with transaction(by=by):
        _must_be(Export.objects.visible_to(by).get(pk=made.pk).rows, rows)
        ExportChunk.objects.filter(export=made).delete()


def _actor(person: Any) -> Any:
    from tenancy.origins import Origin
    from tenancy.services import person_actor

    return person_actor(person, origin=Origin())


def _fill(servers: Servers, rows: int) -> Any:
    """A partner's person; and a sale made through the services, with copies of it that differ where filters look."""
    from payments.models import Transfer
    from tenancy.roles import Role
    from tests.factories.onboarding import make_identity, make_merchant_identity
    from tests.factories.payments import make_card, make_merchant, make_processor, make_sale
    from tests.factories.tenancy import make_application, make_person

    application = make_application("Busy")[0]
    make_processor(application)
    merchant = make_merchant(make_merchant_identity(application))
    sale = make_sale(merchant, make_card(make_identity(application)), tags={"order": "1"})
    columns = [field.column for field in Transfer._meta.local_concrete_fields if not field.generated]
    changed = {
        "id": "gen_random_uuid()",
        "created_at": "created_at - make_interval(secs => number)",
        "amount": "100 + mod(number, 100000)",
        "trace_id": "'FNX' || number",
        "idempotency_id": "NULL",
        "idempotency_operation": "NULL",
    }
    named = ", ".join(f'"{name}"' for name in columns)
    chosen = ", ".join(changed.get(name, f'"{name}"') for name in columns)
    with psycopg.connect(servers.postgres.owner_url, autocommit=True) as owner:
        for first in range(1, rows, _BATCH):
            owner.execute(
                f"INSERT INTO transfer ({named}) SELECT {chosen} FROM transfer, generate_series(%s::int, %s) AS number"
                " WHERE id = %s",
                [first, min(first + _BATCH - 1, rows - 1), sale.pk],
            )
            print(f"{min(first + _BATCH - 1, rows - 1):,} transfers", flush=True)
        owner.execute("VACUUM ANALYZE transfer")
    return make_person("busy@example.org", Role.PARTNER, application=application)


if __name__ == "__main__":
    main()
