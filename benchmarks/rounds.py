"""Rounds of one side after the other, and the table of what they found."""

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from statistics import median

CLIENTS = 16


def parser(module: str, about: str | None, *, rounds: int = 5, seconds: float = 10) -> argparse.ArgumentParser:
    """With `--rounds`, how often each side has its turn, and `--seconds`, how long one is."""
    made = argparse.ArgumentParser(prog=f"python -m benchmarks.{module}", description=(about or "").splitlines()[0])
    made.add_argument("--rounds", type=int, default=rounds, help="how often each side has its turn")
    made.add_argument("--seconds", type=float, default=seconds, help="how long a turn is")
    return made


def take_turns(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """Each side once, then each side again: what the machine does meanwhile befalls all of them."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(1, rounds + 1):
        for name, measure in sides.items():
            found[name].append(measure())
        told = ", ".join(f"{name} {values[-1]:.4g}" for name, values in found.items())
        print(f"round {number}: {told}; load {os.getloadavg()[0]:.1f}", flush=True)
    return found


def ratio(found: Mapping[str, Sequence[float]], above: str, below: str) -> float:
    """The median of the rounds' ratios, not the ratio of the medians: rounds differ more than sides do."""
    return median(over / under for over, under in zip(found[above], found[below], strict=True))


def tell(found: Mapping[str, Sequence[float]], unit: str) -> None:
    """The median of each side, and between which values it moved."""
    print(f"\n{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    for name, values in found.items():
        print(f"  {name:48} {median(values):9.4g} {unit}  ({min(values):.4g} to {max(values):.4g})")


def tell_ratio(name: str, value: float, *, least: float | None = None, most: float | None = None) -> None:
    """Beside its goal, which is at least or at most so much; without either there is none."""
    goal = ""
    if least is not None:
        goal = f"goal >= {least:g}: {'met' if value >= least else 'missed'}"
    if most is not None:
        goal = f"goal <= {most:g}: {'met' if value <= most else 'missed'}"
    print(f"  {name:48} {value:9.2f}    {goal}")
