"""P3: GET /transfers/{id} against a SELECT of the same row plus an empty Django view, one client at a time."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median

import psycopg

from benchmarks import naive, rounds, stack
from benchmarks.inside import sender
from benchmarks.load import Request, measure
from benchmarks.rounds import take_turns, tell, tell_ratio
from benchmarks.shop import open_shop
from benchmarks.stack import Servers

READ, SELECT, EMPTY = "GET /transfers/{id}", "SELECT of the row", "empty Django view"


def main() -> None:
    options = rounds.parser("reading", __doc__, seconds=5).parse_args()
    with stack.servers() as servers, ExitStack() as open_servers:
        stack.use_django(servers.environment)
        shop = open_shop()
        sender(shop.sale, 201)()
        transfer, select = _newest()
        port = open_servers.enter_context(stack.web(servers.environment, log=servers.folder / "web.log"))
        empty = stack.web(naive.set_up(servers), application=naive.APPLICATION, log=servers.folder / "naive.log")
        sides = {
            READ: _latency_of(Request("GET", f"/transfers/{transfer}", shop.head), port, options.seconds),
            SELECT: lambda: _select(servers, select, options.seconds),
            EMPTY: _latency_of(Request("GET", "/healthz"), open_servers.enter_context(empty), options.seconds),
        }
        found = take_turns(sides, options.rounds)
    tell(found, "ms at p50")
    sums = [read / (row + view) for read, row, view in zip(found[READ], found[SELECT], found[EMPTY], strict=True)]
    tell_ratio("times the sum of both", median(sums), most=2)


def _newest() -> tuple[str, tuple[str, str, str]]:
    """A transfer's public id, and what the SELECT needs: statement, key and the applications in sight."""
    from payments.models import Transfer
    from tenancy.actors import system
    from tenancy.transactions import transaction

    by = system("Benchmark")
    with transaction(by=by):
        row = Transfer.objects.visible_to(by).latest("created_at")
    columns = ", ".join(f'"{field.column}"' for field in Transfer._meta.concrete_fields)
    statement = f"SELECT {columns} FROM transfer WHERE id = %s"
    return row.public_id, (statement, str(row.pk), str(row.application_id))


def _select(servers: Servers, select: tuple[str, str, str], seconds: float) -> float:
    """The median in milliseconds, over the driver that the platform uses, under row security."""
    statement, key, application = select
    found, end = [], time.perf_counter() + seconds
    with psycopg.connect(servers.postgres.app_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('app.applications', %s, false)", [application])
        while (start := time.perf_counter()) < end:
            row = connection.execute(statement, [key]).fetchone()
            found.append(time.perf_counter() - start)
            if row is None:
                raise RuntimeError("The transfer is not in sight.")
    return median(found) * 1000


def _latency_of(request: Request, port: int, seconds: float) -> Callable[[], float]:
    measure(request, port, clients=4, status=200, count=100)
    return lambda: measure(request, port, clients=1, status=200, seconds=seconds).quantile(50)


if __name__ == "__main__":
    main()
