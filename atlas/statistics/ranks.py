"""Rank correlation of two learners over the orders that both were tried on: their agreement on good orders."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from atlas.metrics import Undefined
from atlas.runtime.text import counted
from atlas.statistics.interval import RESAMPLES

Order = tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class RankCorrelation:
    """Spearman's ρ and Kendall's τ_b over `count` orders, 1 where both rank them alike, with p values."""

    first: str
    second: str
    spearman: float
    spearman_p: float
    kendall: float
    kendall_p: float
    count: int


def rank_correlation(
    first: tuple[str, Mapping[Order, float]], second: tuple[str, Mapping[Order, float]], *, seed: int = 0
) -> RankCorrelation | Undefined:
    """Of two (name, score by order).

    p of ρ by permutation of the orders, exact up to seven of them, else 9,999 seeded draws: with the few orders that
    sweeps have, its usual approximation does not hold. p of τ is SciPy's: exact where no two scores are equal.
    """
    shared = sorted(first[1].keys() & second[1].keys())
    if len(shared) < 3:
        return Undefined(
            f"{first[0]} and {second[0]} share {counted(len(shared), 'order')}; it takes three to rank them"
        )
    from scipy import stats

    x, y = (stats.rankdata([scores[order] for order in shared]) for _, scores in (first, second))
    for (name, _), ranks in ((first, x), (second, y)):
        if np.ptp(ranks) == 0:
            return Undefined(
                f"{name} scores the same in all {counted(len(shared), 'order')}, so that there is no ranking"
            )
    rho, tau = _spearman(x, y, seed), stats.kendalltau(x, y)
    return RankCorrelation(
        first=first[0],
        second=second[0],
        spearman=rho[0],
        spearman_p=rho[1],
        kendall=float(tau.statistic),
        kendall_p=float(tau.pvalue),
        count=len(shared),
    )


def _spearman(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[float, float]:
    """(ρ, p): Pearson's correlation of ranks, and how often a permutation of them is as far from 0."""
    from scipy import stats

    centred = (y - y.mean()) / (len(y) * y.std() * x.std())
    test = stats.permutation_test(
        (x,),
        lambda drawn, axis: ((drawn - x.mean()) * centred).sum(axis),
        permutation_type="pairings",
        n_resamples=RESAMPLES,
        vectorized=True,
        rng=np.random.default_rng(seed),
    )
    return float(test.statistic), float(test.pvalue)
