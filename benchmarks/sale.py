"""P1: POST /transfers with everything on, against its own statements in pgbench and against a naive DRF viewset.

Sixteen clients. With `--servers` gunicorn and granian take turns instead, each with several numbers of threads.
"""

import itertools
import os
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import naive, rounds, stack, statements
from benchmarks.inside import sender
from benchmarks.load import Request, measure
from benchmarks.rounds import CLIENTS, ratio, take_turns, tell, tell_ratio
from benchmarks.shop import Shop, open_shop
from benchmarks.stack import OURS, Servers, WebServer

SALE, SAME_STATEMENTS = "POST /transfers", "pgbench, the same statements"
NAIVE, NAIVE_SMALL = "naive DRF, the same work", "naive DRF, four rows only"
CANDIDATES = [
    *(WebServer("gunicorn", processes, threads) for processes, threads in ((2, 4), (2, 8))),
    *(WebServer("granian", processes, threads) for processes, threads in ((2, 1), (2, 4), (2, 8))),
]
WARM_UP = 100

_numbers = itertools.count(1_000_000, 1_000_000)


def main() -> None:
    parser = rounds.parser("sale", __doc__)
    parser.add_argument("--servers", action="store_true", help="compare web servers instead")
    options = parser.parse_args()
    with stack.servers() as servers, ExitStack() as web_servers:
        stack.use_django(servers.environment)
        shop = open_shop()
        compare = compare_servers if options.servers else compare_with_others
        compare(servers, shop, web_servers, options.rounds, options.seconds)


def compare_with_others(servers: Servers, shop: Shop, web_servers: ExitStack, count: int, seconds: float) -> None:
    script = _script(shop)
    port = web_servers.enter_context(stack.web(servers.environment, log=servers.folder / "web.log"))
    naive_environment = naive.set_up(servers)
    naive_port = web_servers.enter_context(
        stack.web(naive_environment, application=naive.APPLICATION, log=servers.folder / "naive.log")
    )
    sides = {
        SALE: _rate_of(shop.sale, port, seconds),
        SAME_STATEMENTS: lambda: statements.pgbench(
            servers.postgres, script, clients=CLIENTS, seconds=seconds, first=next(_numbers)
        ),
        NAIVE: _rate_of(naive.sale("/transfers"), naive_port, seconds),
        NAIVE_SMALL: _rate_of(naive.sale("/small"), naive_port, seconds),
    }
    found = take_turns(sides, count)
    tell(found, "a second")
    tell_ratio("of pgbench", ratio(found, SALE, SAME_STATEMENTS), least=0.25)
    tell_ratio("times naive DRF, the same work", ratio(found, SALE, NAIVE), least=3)
    tell_ratio("times naive DRF, four rows only", ratio(found, SALE, NAIVE_SMALL))


def compare_servers(servers: Servers, shop: Shop, web_servers: ExitStack, count: int, seconds: float) -> None:
    sides = {}
    for server in CANDIDATES:
        log = servers.folder / f"{server.name}.log"
        port = web_servers.enter_context(stack.web(servers.environment, server, log=log))
        sides[str(server)] = _rate_of(shop.sale, port, seconds)
    found = take_turns(sides, count)
    tell(found, "a second")
    for name in sides:
        tell_ratio(f"{name}, times {OURS}", ratio(found, name, str(OURS)))


def _script(shop: Shop) -> str:
    """For pgbench, from two sales after a few that opened accounts and filled caches."""
    send = sender(shop.sale, 201)
    for _ in range(3):
        send()
    recorded = statements.record(send)
    asked = [statement.text for statement in recorded if statement.text not in {statements.BEGIN, statements.COMMIT}]
    print(f"A sale is {len(asked)} statements and {len(recorded) - len(asked)} borders of transactions.")
    return statements.script(recorded, statements.record(send))


def _rate_of(request: Request, port: int, seconds: float) -> Callable[[], float]:
    """Measures sales a second; tells latencies, and what the client itself took."""
    measure(request, port, clients=CLIENTS, status=201, count=WARM_UP, first=next(_numbers))

    def rate() -> float:
        found = measure(request, port, clients=CLIENTS, status=201, seconds=seconds, first=next(_numbers))
        print(
            f"    {request.path} p50 {found.quantile(50):.0f} ms, p95 {found.quantile(95):.0f} ms,"
            f" client {found.busy:.0%} of a core, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )
        return found.rate

    return rate


if __name__ == "__main__":
    main()
