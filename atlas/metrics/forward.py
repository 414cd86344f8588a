"""Forward transfer: the effect of earlier tasks on later ones before their training, in points of R.

All need scores above the diagonal, of tasks to come, which a model with a new head for every task does not have: there
they are undefined, and `upstream_knowledge_transfer` (climb.py) takes their place. With `--score-ahead` they are there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from atlas.metrics.metric import Metric, of_matrix
from atlas.metrics.value import ONE_TASK, MetricValue, Undefined, mean, seen

NO_HEAD = "a task has no score before it is trained: its head does not exist yet, or tasks to come were not scored"
NOT_SCORED = "the untrained model was not scored"


def forward_transfer(R: ArrayLike, untrained: Sequence[float] | None) -> MetricValue:
    """FWT = 1/(n-1) Σ_{0<j<n} R[j-1, j] - b_j, in points (Lopez-Paz & Ranzato, 2017), as in mammoth.

    b_j (`untrained`) is the score of the untrained model on the j-th task of the order: its zero-shot score where it
    has one. Undefined where a task is not scored before it is trained, as with a head of its own for every task.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    if untrained is None:
        return Undefined(NOT_SCORED)
    before = np.diag(matrix, k=1)
    if not np.isfinite(before).all():
        return Undefined(NO_HEAD)
    return mean(before - np.asarray(untrained, dtype=float)[1 : len(matrix)])


def future_accuracy(R: ArrayLike) -> MetricValue:
    """2/(n(n-1)) Σ_{i<j} R[i, j], in percent: the mean score on tasks that are still to come.

    Díaz-Rodríguez et al. (2018) call it FWT, though nothing is subtracted: it is no less than chance for a model that
    transfers nothing. Continuum's `forward_transfer` means this; its loop sums the cells below the diagonal.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    ahead = matrix[np.triu_indices(len(matrix), k=1)]
    return mean(ahead) if np.isfinite(ahead).all() else Undefined(NO_HEAD)


METRICS = (
    Metric(
        formula=forward_transfer,
        compute=lambda scores: forward_transfer(scores.R, scores.untrained_scores),
        title="Forward transfer",
        unit="points",
        better="higher",
        routes=("latest", "free"),
        shown=frozenset({"tracking", "table"}),
    ),
    Metric(
        formula=future_accuracy,
        compute=of_matrix(future_accuracy),
        title="Accuracy on future tasks",
        unit="%",
        better="higher",
        routes=("latest", "free"),
    ),
)
