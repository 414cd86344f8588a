"""Ties: whether two scores can be told apart, by paired differences or by their sampling errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from atlas.metrics import Undefined
from atlas.report.formats import number
from atlas.statistics import FEWEST, Interval, mean_t

Cells = Mapping[tuple[tuple[str, ...], int], float]
Basis = Literal["orders", "seeds", "records", "nothing"]


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The distance of a score to the best one, in points, and the half of its 95 % interval.

    `basis`: paired differences over at least three orders or seeds, else the sampling errors of both scores as if they
    were taken on different records, which is more than they are. `half` is None where neither is known.
    """

    difference: float
    half: float | None
    basis: Basis

    @property
    def is_tied(self) -> bool:
        """Whether the interval holds 0; two equal scores are tied in any case."""
        return abs(self.difference) <= (self.half or 0.0)

    def __str__(self) -> str:
        half = "" if self.half is None else f" ± {self.half:.1f}"
        return f"{number(self.difference, sign=True) if round(self.difference, 1) else '0.0'}{half}"


def gap(score: Cells, best: Cells, errors: Sequence[float | Undefined], difference: float | None = None) -> Gap:
    """The gap between two scores over their common orders and seeds; `errors` are their sampling errors.

    `difference` is the gap itself where it is no mean over these cells, such as that of two worst orders.
    """
    pairs: dict[Basis, list[float]] = {} if difference is not None else _paired(score, best)
    mean = _mean(score) - _mean(best) if difference is None else difference
    for basis, values in pairs.items():
        found = mean_t(values)
        if len(values) >= FEWEST and not isinstance(found, Undefined) and isinstance(found.interval, Interval):
            return Gap(difference=found.value, half=(found.interval.high - found.interval.low) / 2, basis=basis)
    known = [error for error in errors if not isinstance(error, Undefined)]
    if len(known) < 2:
        return Gap(difference=mean, half=None, basis="nothing")
    return Gap(difference=mean, half=math.hypot(*known), basis="records")


def _paired(score: Cells, best: Cells) -> dict[Basis, list[float]]:
    """The differences by order and by seed, each the mean over the other."""
    common = score.keys() & best.keys()
    by_order: dict[object, list[float]] = {}
    by_seed: dict[object, list[float]] = {}
    for order, seed in sorted(common):
        difference = score[order, seed] - best[order, seed]
        by_order.setdefault(order, []).append(difference)
        by_seed.setdefault(seed, []).append(difference)
    return {name: [float(np.mean(one)) for one in found.values()] for name, found in _named(by_order, by_seed)}


def _named(
    by_order: dict[object, list[float]], by_seed: dict[object, list[float]]
) -> list[tuple[Basis, dict[object, list[float]]]]:
    return [("orders", by_order), ("seeds", by_seed)]


def _mean(cells: Cells) -> float:
    return float(np.mean(list(cells.values())))
