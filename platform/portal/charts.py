"""Bar charts by day, drawn by the server: the numbers become rectangles of an SVG, and a table that says the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from portal.design.values import day as shown_day

_STEP = 10
_GAP = 1.5
_HEIGHT = 100.0
_LEAST = 0.8
"""What is not nothing can be seen."""


@dataclass(frozen=True)
class Series:
    """What is counted by day, each at least 0. Of two series the second hangs below the line."""

    label: str
    values: Sequence[int]
    urls: Sequence[str]


def bar_chart(
    title: str,
    days: Sequence[date],
    series: Sequence[Series],
    *,
    shown: Callable[[int], Any],
    told: Callable[[int], str],
) -> dict[str, Any]:
    """What `portal/components/_chart.html` draws, of one or two series.

    `shown` is a number as mark-up, `told` as words.
    """
    tops = [max(one.values, default=0) for one in series]
    scale = _HEIGHT / (sum(tops) or 1)
    baseline = tops[0] * scale if sum(tops) else _HEIGHT
    columns = []
    for at, on in enumerate(days):
        bars = [_bar(at, place, one.values[at], scale, baseline) for place, one in enumerate(series) if one.values[at]]
        words = ", ".join(f"{one.label.lower()} {told(one.values[at])}" for one in series)
        columns.append({"bars": bars, "x": f"{at * _STEP}", "title": f"{_words(on)}: {words}"})
    totals = [sum(one.values) for one in series]
    summary = ", ".join(f"{one.label.lower()} {told(total)}" for one, total in zip(series, totals, strict=True))
    return {
        "title": title,
        "summary": f"{title} from {_words(days[0])} to {_words(days[-1])} (UTC): {summary} in all",
        "width": len(days) * _STEP,
        "height": f"{_HEIGHT:.0f}",
        "step": _STEP,
        "baseline": f"{baseline:.2f}",
        "columns": columns,
        "keys": [
            {"label": one.label, "css": _CSS[place], "total": shown(total)}
            for place, (one, total) in enumerate(zip(series, totals, strict=True))
        ],
        "highest": shown(tops[0]) if tops[0] else "",
        "lowest": shown(tops[1]) if len(tops) > 1 and tops[1] else "",
        "first": shown_day(days[0]),
        "last": shown_day(days[-1]),
        "labels": [one.label for one in series],
        "rows": [
            {
                "day": shown_day(on),
                "cells": [
                    {"label": one.label, "value": shown(one.values[at]), "url": one.urls[at] if one.values[at] else ""}
                    for one in series
                ],
            }
            for at, on in reversed(list(enumerate(days)))
        ],
        "has_values": any(totals),
    }


def _bar(at: int, place: int, value: int, scale: float, baseline: float) -> dict[str, str]:
    height = max(value * scale, _LEAST)
    top = baseline if place else baseline - height
    return {
        "css": _CSS[place],
        "x": f"{at * _STEP + _GAP / 2:.2f}",
        "y": f"{top:.2f}",
        "width": f"{_STEP - _GAP:.2f}",
        "height": f"{height:.2f}",
    }


def _words(on: date) -> str:
    return f"{on.day} {on:%b %Y}"


_CSS = ("chart-up", "chart-down")
