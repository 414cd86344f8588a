"""Pairwise precedence effects: the change of one task's final score when another comes before it."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np

from atlas.metrics import Undefined
from atlas.statistics.interval import LEVEL, Interval

Order = tuple[str, ...]
EQUAL = 1e-9  # points: scores that differ by less are the same


@dataclass(frozen=True, kw_only=True)
class Precedence:
    """The effect on `task` of `other` coming before it: the mean of its final score over the `before` orders in
    which `other` comes earlier, minus that over the `after` orders in which it comes later, in points.
    """

    task: str
    other: str
    effect: float
    interval: Interval | Undefined
    before: int
    after: int


def precedence_effects(
    finals: Mapping[Order, Mapping[str, float]], *, level: float = LEVEL
) -> dict[tuple[str, str], Precedence | Undefined]:
    """(task, other) → the effect, for every ordered pair of tasks.

    `finals[order][task]` is the final score, the mean over the seeds: the orders are what is drawn. The interval is
    Welch's. An effect is a contrast between orders and not a cause by itself: where `other` comes before, `task`
    stands later on average, and what stands late has less time to be forgotten.
    """
    tasks = list(dict.fromkeys(task for order in finals for task in order))
    return {(task, other): _effect(task, other, finals, level) for task, other in permutations(tasks, 2)}


def _effect(task: str, other: str, finals: Mapping[Order, Mapping[str, float]], level: float) -> Precedence | Undefined:
    both = [order for order in finals if task in order and other in order]
    before = [finals[order][task] for order in both if order.index(other) < order.index(task)]
    after = [finals[order][task] for order in both if order.index(other) > order.index(task)]
    if not both:
        return Undefined(f"no order has both {task} and {other}")
    if not before or not after:
        return Undefined(f"{other} always comes {'before' if before else 'after'} {task}")
    return Precedence(
        task=task,
        other=other,
        effect=float(np.mean(before) - np.mean(after)),
        interval=_welch(before, after, level),
        before=len(before),
        after=len(after),
    )


def _welch(before: list[float], after: list[float], level: float) -> Interval | Undefined:
    if min(len(before), len(after)) < 2:
        return Undefined("there is only one order on one side")
    if max(np.ptp(before), np.ptp(after)) < EQUAL:
        return Undefined("the scores on either side are all the same")
    from scipy import stats

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Precision loss", RuntimeWarning)  # one side may be constant
        found = stats.ttest_ind(before, after, equal_var=False).confidence_interval(level)
    return Interval(low=float(found.low), high=float(found.high), level=level, method="Welch t")
