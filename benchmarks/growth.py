"""P16: a sale, pages of the API and of the portal at 100,000 and at 10,000,000 transfers, in turn."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from subprocess import PIPE, Popen

from benchmarks import lists, rounds
from benchmarks.tools import ROOT
from benchmarks.transfer_lists import FILTERS, LOOKS, READY

FEW, MANY = 100_000, 10_000_000
GOAL = 1.3


def main() -> None:
    parser = rounds.parser("growth", __doc__, rounds=15)
    parser.add_argument("--few", type=int, default=FEW)
    parser.add_argument("--many", type=int, default=MANY)
    options = parser.parse_args()
    asked = ["sale", *(f"API\t{viewer}\t{name}" for viewer in ("partner", "platform") for name in FILTERS)]
    asked += [f"portal\t{viewer}\t{name}" for viewer in ("partner", "platform") for name in LOOKS]
    with ExitStack() as stack:
        few, many = (stack.enter_context(_answering(rows)) for rows in (options.few, options.many))
        print(f"ms, medians of {options.rounds}; the ratio is the median of the rounds'")
        for what in asked:
            found = lists.in_turn({"few": _of(few, what), "many": _of(many, what)}, options.rounds)
            middle = (sorted(values)[len(values) // 2] for values in found.values())
            cells = "".join(f"{value:9.2f}" for value in middle)
            ratio = rounds.ratio(found, "many", "few")
            verdict = "met" if ratio <= GOAL else "missed"
            print(
                f"{what.replace(chr(9), ', '):48}{cells}{ratio:8.2f} {verdict:8}{os.getloadavg()[0]:6.1f}", flush=True
            )


def _of(ask: Callable[[str], float], what: str) -> Callable[[], float]:
    return lambda: ask(what)


@contextmanager
def _answering(rows: int) -> Iterator[Callable[[str], float]]:
    """A process over so many transfers, which are made where they are missing, that measures what it is asked."""
    command = [sys.executable, "-m", "benchmarks.transfer_lists", "--rows", str(rows), "--answer"]
    child = Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE, text=True, bufsize=1)
    if child.stdin is None or child.stdout is None:
        raise RuntimeError("It cannot be spoken to")
    told, said = child.stdin, child.stdout
    try:
        for line in said:
            if line.strip() == READY:
                break
            print(line, end="", flush=True)

        def ask(what: str) -> float:
            told.write(f"{what}\n")
            took = said.readline()
            if not took:
                raise RuntimeError(f"No answer to {what}")
            return float(took)

        yield ask
    finally:
        told.close()
        child.wait()


if __name__ == "__main__":
    main()
