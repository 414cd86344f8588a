"""Paired comparisons of learners or settings over the orders and seeds that all of them were tried on.

The test is a permutation test of the mean difference with flipped signs (Fisher, 1935). It is exact for any spread,
and asks about the mean, which is what the interval and the leaderboard show; a paired t test would need normal
differences, and Wilcoxon's asks about ranks and loses ties, of which scores on a few hundred records have many.
Its price: n pairs cannot give a p below 2/2ⁿ, so that five pairs are never significant at 5 %. `smallest` says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from atlas.metrics import Undefined
from atlas.runtime.errors import UserError
from atlas.runtime.text import counted
from atlas.statistics.interval import LEVEL, RESAMPLES, Interval, mean_t

Cell = tuple[tuple[str, ...], int]
Scores = Mapping[Cell, float]
Unit = Literal["cell", "order", "seed"]
UNITS = ("cell", "order", "seed")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """first - second, the mean over `count` pairs: p of the permutation test, `adjusted` for the family (Holm)."""

    first: str
    second: str
    difference: float
    interval: Interval | Undefined
    p: float
    adjusted: float
    smallest: float
    count: int
    unit: Unit

    def turned(self) -> Comparison:
        """The reverse comparison: second - first."""
        found = self.interval
        turned = found if isinstance(found, Undefined) else replace(found, low=-found.high, high=-found.low)
        return replace(self, first=self.second, second=self.first, difference=-self.difference, interval=turned)


def compare(
    scores: Mapping[str, Scores], *, against: str | None = None, unit: Unit = "cell", seed: int = 0
) -> list[Comparison | Undefined]:
    """Every pair of `scores`, or every other against one; p values corrected for how many there are.

    `scores[name]` holds one score for each (order, seed). Pairs are formed over what both have. The cells of one
    order share a curriculum, and those of one seed their initialisation: with `unit` order (seed) they are averaged
    first and count as one pair, the cautious choice.

    Raises UserError where `against` or `unit` is not known.
    """
    if against is not None and against not in scores:
        raise UserError(f"cannot compare with {against!r}; there are {', '.join(sorted(scores))}.")
    if unit not in UNITS:
        raise UserError(f"the unit of a comparison is {unit!r}; give one of {', '.join(UNITS)}.")
    names = [name for name in scores if name != against]
    pairs = list(combinations(scores, 2)) if against is None else [(name, against) for name in names]
    found = [
        _pair(first, second, _differences(scores[first], scores[second], unit), unit, seed) for first, second in pairs
    ]
    return corrected(found)


def holm(p: Sequence[float]) -> list[float]:
    """p values adjusted for their number, so that the chance of one false alarm in the family stays at the level:
    the k-th smallest of m times m-k+1, never below a smaller one's, at most 1 (Holm, 1979). Valid under any dependence.
    """
    adjusted, largest = [0.0] * len(p), 0.0
    for rank, place in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, (len(p) - rank) * float(p[place])))
        adjusted[place] = largest
    return adjusted


def corrected(found: Sequence[Comparison | Undefined]) -> list[Comparison | Undefined]:
    """The family with its p values adjusted for their number (`holm`)."""
    family = iter(holm([one.p for one in found if isinstance(one, Comparison)]))
    return [replace(one, adjusted=next(family)) if isinstance(one, Comparison) else one for one in found]


def _pair(first: str, second: str, differences: np.ndarray, unit: Unit, seed: int) -> Comparison | Undefined:
    if len(differences) < 2:
        return Undefined(f"{first} and {second} share {counted(len(differences), 'pair')}; a comparison takes two")
    from scipy import stats

    test = stats.permutation_test(
        (differences,),
        np.mean,
        permutation_type="samples",
        n_resamples=RESAMPLES,
        rng=np.random.default_rng(seed),
    )
    mean = mean_t(differences.tolist(), level=LEVEL)
    assert not isinstance(mean, Undefined)
    return Comparison(
        first=first,
        second=second,
        difference=mean.value,
        interval=mean.interval,
        p=float(test.pvalue),
        adjusted=float(test.pvalue),
        smallest=2.0 ** (1 - len(differences)),
        count=len(differences),
        unit=unit,
    )


def _differences(first: Scores, second: Scores, unit: Unit) -> np.ndarray:
    groups: dict[object, list[float]] = {}
    for cell in sorted(first.keys() & second.keys()):
        name = cell if unit == "cell" else cell[UNITS.index(unit) - 1]
        groups.setdefault(name, []).append(first[cell] - second[cell])
    return np.array([np.mean(values) for values in groups.values()])
