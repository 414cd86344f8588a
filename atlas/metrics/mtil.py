"""The figures of MTIL, as ZSCL defines them: averages of R above its diagonal, over all of it and of its last row.

Transfer and Average need scores of tasks that are not trained yet: a readout that compares pictures with class names
gives them, a head of its own for every task does not, and they are undefined then.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas.metrics.accuracy import average_accuracy
from atlas.metrics.forward import NO_HEAD, NOT_SCORED
from atlas.metrics.metric import Metric, Shown, of_matrix
from atlas.metrics.value import NO_TASK, ONE_TASK, MetricValue, Undefined, mean, seen


def mtil_transfer(R: ArrayLike) -> MetricValue:
    """Transfer = 1/(n-1) Σ_{j>0} 1/j Σ_{i<j} R[i, j], in percent: the score on tasks before they are trained
    (Zheng et al., 2023, arXiv:2303.06628, ZSCL).

    The mean over rows first, then over tasks: a late task, scored more often, weighs no more than an early one.
    """
    before = _before_training(R)
    return before if isinstance(before, Undefined) else mean(before)


def mtil_average(R: ArrayLike) -> MetricValue:
    """Average = 1/n² Σ_{i, j} R[i, j], in percent: every task after every training (Zheng et al., 2023, ZSCL)."""
    matrix = seen(R)
    if not len(matrix):
        return Undefined(NO_TASK)
    return mean(matrix) if np.isfinite(matrix).all() else Undefined(NO_HEAD)


def mtil_last(R: ArrayLike) -> MetricValue:
    """Last = 1/n Σ_j R[n-1, j], in percent (Zheng et al., 2023, ZSCL): the average accuracy under its name in MTIL."""
    return average_accuracy(R)


def transfer_over_zero_shot(R: ArrayLike, zero_shot: Sequence[float] | None) -> MetricValue:
    """Transfer - 1/(n-1) Σ_{j>0} Z[j], in points: `mtil_transfer` less the scores Z of the bare backbone on the same
    tasks.

    The first task of an order has no part in Transfer, so that orders differ in it even where training changes
    nothing; here they do not: 0 is a backbone that kept what it knew, below 0 one that lost some of it.
    """
    before = _before_training(R)
    if isinstance(before, Undefined):
        return before
    if zero_shot is None:
        return Undefined(NOT_SCORED)
    return mean(before - np.asarray(zero_shot, dtype=float)[1 : len(before) + 1])


def _before_training(R: ArrayLike) -> NDArray[np.float64] | Undefined:
    """The mean score of each task but the first over the rows before its own: [n - 1]."""
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    if not np.isfinite(matrix[np.triu_indices(len(matrix), k=1)]).all():
        return Undefined(NO_HEAD)
    return np.array([matrix[:j, j].mean() for j in range(1, len(matrix))])


_EVERY = frozenset[Shown]({"tracking", "table"})
METRICS = (
    Metric(
        formula=mtil_transfer,
        compute=of_matrix(mtil_transfer),
        title="MTIL Transfer",
        unit="%",
        better="higher",
        routes=("latest", "free"),
        shown=_EVERY,
    ),
    Metric(
        formula=transfer_over_zero_shot,
        compute=lambda scores: transfer_over_zero_shot(scores.R, scores.untrained_scores),
        title="MTIL Transfer over zero-shot",
        unit="points",
        better="higher",
        across_tasks=True,
        routes=("latest", "free"),
        shown=_EVERY,
    ),
    Metric(
        formula=mtil_average,
        compute=of_matrix(mtil_average),
        title="MTIL Average",
        unit="%",
        better="higher",
        routes=("latest", "free"),
        shown=_EVERY,
    ),
    Metric(
        formula=mtil_last,
        compute=of_matrix(mtil_last),
        title="MTIL Last",
        unit="%",
        better="higher",
        routes=("latest", "free"),
    ),
)
