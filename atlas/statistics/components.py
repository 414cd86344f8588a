"""Variance components of a two-way layout: order effects and seed effects."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.runtime.text import counted

Cell = tuple[tuple[str, ...], int]


@dataclass(frozen=True, kw_only=True)
class Components:
    """Variances of scores, in points², due to the order, to the seed, and to neither alone.

    `negative` names the components whose estimate was below 0 and is reported as 0; `p` is that of the F test that
    the order has no effect; `dropped` counts orders left out since a seed was missing.
    """

    order: float
    seed: float
    residual: float
    negative: tuple[str, ...]
    p: float | Undefined
    orders: int
    seeds: int
    dropped: int

    @property
    def total(self) -> float:
        """The variance of a score with a random order and a random seed."""
        return self.order + self.seed + self.residual

    def share(self, name: str) -> float | Undefined:
        """The share of the total, in percent, that is due to `order`, `seed` or `residual`."""
        if self.total == 0:
            return Undefined("all scores are the same")
        return 100.0 * float(getattr(self, name)) / self.total


def variance_components(scores: Mapping[Cell, float]) -> Components | Undefined:
    """y_os = μ + a_o + b_s + e_os with random a, b, e: their variances, by the ANOVA estimators (Searle et al., 1992).

        σ²_e = MS_e,   σ²_order = (MS_order - MS_e) / S,   σ²_seed = (MS_seed - MS_e) / O

    for O orders and S seeds with one score each, so that the interaction is a part of the residual. Takes the orders
    that have every seed, at least two of each. An estimate can be negative where the true variance is small; it is
    reported as 0 and named.
    """
    orders = sorted({order for order, _ in scores})
    seeds = sorted({seed for _, seed in scores})
    whole = [order for order in orders if all((order, seed) in scores for seed in seeds)]
    if len(whole) < 2 or len(seeds) < 2:
        return Undefined(
            f"it takes two orders and two seeds, each order with every seed; there are "
            f"{counted(len(whole), 'such order')} and {counted(len(seeds), 'seed')}"
        )
    y = np.array([[scores[order, seed] for seed in seeds] for order in whole])
    return _estimate(y, dropped=len(orders) - len(whole))


def _estimate(y: np.ndarray, dropped: int) -> Components:
    """The components of a whole table y [orders, seeds]."""
    orders, seeds = y.shape
    rows, columns, grand = y.mean(1, keepdims=True), y.mean(0, keepdims=True), y.mean()
    of_order = seeds * float(((rows - grand) ** 2).sum()) / (orders - 1)
    of_seed = orders * float(((columns - grand) ** 2).sum()) / (seeds - 1)
    error = float(((y - rows - columns + grand) ** 2).sum()) / ((orders - 1) * (seeds - 1))
    raw = {"order": (of_order - error) / seeds, "seed": (of_seed - error) / orders}
    return Components(
        order=max(raw["order"], 0.0),
        seed=max(raw["seed"], 0.0),
        residual=error,
        negative=tuple(name for name, value in raw.items() if value < 0),
        p=_f_test(of_order, error, orders, seeds),
        orders=orders,
        seeds=seeds,
        dropped=dropped,
    )


def _f_test(of_order: float, error: float, orders: int, seeds: int) -> float | Undefined:
    if error <= 1e-12 * max(of_order, 1.0):
        return Undefined("nothing is left over to test the order against")
    from scipy import stats

    return float(stats.f.sf(of_order / error, orders - 1, (orders - 1) * (seeds - 1)))
