"""P2: POST /transfers against `charge create` of localstripe, a local fake of Stripe; both fresh, then both filled.

Sixteen clients. localstripe writes all it holds to disk at each change, so it is slower the more it holds.
"""

import itertools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from benchmarks import rounds, stack
from benchmarks.load import Request, measure
from benchmarks.rounds import CLIENTS, ratio, take_turns, tell, tell_ratio
from benchmarks.shop import AMOUNT, open_shop
from benchmarks.stack import Servers
from benchmarks.tools import LOCALSTRIPE, ROOT, install, with_path
from config.embedded.services import free_port

SALE, CHARGE = "POST /transfers", "localstripe, POST /v1/charges"
HEAD = ("Authorization: Bearer sk_test_benchmark", "Content-Type: application/json")

_numbers = itertools.count(1_000_000, 1_000_000)


def main() -> None:
    parser = rounds.parser("charge", __doc__, rounds=3)
    parser.add_argument("--filled", type=int, default=5000, help="how many sales and charges there are when filled")
    options = parser.parse_args()
    with stack.servers() as servers, ExitStack() as open_servers:
        stack.use_django(servers.environment)
        sale = open_shop().sale
        port = open_servers.enter_context(stack.web(servers.environment, log=servers.folder / "web.log"))
        with _localstripe(servers, filled=0) as charges:
            fresh = _compare(sale, port, charges, options.rounds, options.seconds)
        measure(sale, port, clients=CLIENTS, status=201, count=options.filled, first=next(_numbers))
        with _localstripe(servers, filled=options.filled) as charges:
            filled = _compare(sale, port, charges, options.rounds, options.seconds)
    tell(fresh | {f"{name}, {options.filled} more": values for name, values in filled.items()}, "a second")
    tell_ratio("times localstripe, fresh", ratio(fresh, SALE, CHARGE), least=10)
    tell_ratio("times localstripe, filled", ratio(filled, SALE, CHARGE), least=10)
    tell_ratio(
        "ours, filled to fresh", ratio({"then": filled[SALE], "before": fresh[SALE]}, "then", "before"), least=0.9
    )


def _compare(
    sale: Request, port: int, charges: tuple[int, Request], count: int, seconds: float
) -> dict[str, list[float]]:
    charge_port, charge = charges
    sides = {SALE: _rate_of(sale, port, 201, seconds), CHARGE: _rate_of(charge, charge_port, 200, seconds)}
    return take_turns(sides, count)


def _rate_of(request: Request, port: int, status: int, seconds: float) -> Callable[[], float]:
    def rate() -> float:
        return measure(request, port, clients=CLIENTS, status=status, seconds=seconds, first=next(_numbers)).rate

    return rate


@contextmanager
def _localstripe(servers: Servers, *, filled: int) -> Iterator[tuple[int, Request]]:
    """Its port, and a request that charges a card it knows."""
    port = free_port()
    command = [sys.executable, "-m", "benchmarks.localstripe_server", str(port), str(filled), str(servers.folder)]
    environment = with_path(servers.environment, ROOT, ROOT / "platform", install(LOCALSTRIPE))
    with stack.process("localstripe", command, environment, port, log=servers.folder / "localstripe.log"):
        source = (servers.folder / "source.txt").read_text()
        body = json.dumps({"amount": AMOUNT, "currency": "usd", "source": source})
        yield port, Request("POST", "/v1/charges", HEAD, body)


if __name__ == "__main__":
    main()
