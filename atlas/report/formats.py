"""Formats of the page's numbers: one decimal, intervals, p values."""

from __future__ import annotations

import math

from atlas.metrics import Undefined
from atlas.report.summary import Summary
from atlas.statistics import FEWEST, Interval, Mean

MISSING = "–"


def number(value: float | None, unit: str = "", *, sign: bool = False) -> str:
    """One decimal, a true minus and no sign before 0.0; a dash where there is no finite value."""
    if value is None or not math.isfinite(value):
        return MISSING
    size = f"{abs(value):.1f}"
    plus = "+" if sign else ""
    return f"{'' if size == '0.0' else '−' if value < 0 else plus}{size}{unit}"


def rounded(value: float) -> str:
    """Two significant digits, as p values and correlations have."""
    return f"{value:.2g}".replace("-", "−")


def interval(mean: Mean | Undefined) -> str:
    """`71.2 ± 0.8`: the mean and half of its interval's width; with fewer than three values these: `71.2 (70.9, 71.5)`.

    The mean alone where all values are the same.
    """
    if isinstance(mean, Undefined):
        return MISSING
    if 1 < mean.count < FEWEST and mean.values:
        return f"{number(mean.value)} ({', '.join(map(number, mean.values))})"
    found = mean.interval
    half = "" if isinstance(found, Undefined) else f" ± {(found.high - found.low) / 2:.1f}"
    return number(mean.value) + half


def with_error(value: float | None, error: float | Undefined) -> str:
    """`71.2 ± 2.3`: a score and its sampling error, where that is known."""
    if value is None or isinstance(error, Undefined):
        return number(value)
    return f"{number(value)} ± {error:.1f}"


def bounds(found: Interval) -> str:
    """`+0.4 to +2.1`."""
    return f"{number(found.low, sign=True)} to {number(found.high, sign=True)}"


def seeds(summary: Summary) -> str:
    """The sweep's seeds, separated by commas."""
    return ", ".join(map(str, summary.seeds))
