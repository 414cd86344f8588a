"""Forgetting and backward transfer: the effect of later tasks on earlier ones, in points of R.

Three definitions of forgetting are in use, and they differ in the score that the last one is compared with:
`forgetting` takes the best earlier one (Chaudhry), `forgetting_from_best` the best of all (mammoth); Avalanche's takes
the first, which is `backward_transfer` with its sign turned.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from atlas.metrics.metric import Metric, of_matrix
from atlas.metrics.value import ONE_TASK, MetricValue, Undefined, mean, seen


def backward_transfer(R: ArrayLike) -> MetricValue:
    """BWT = 1/(n-1) Σ_{j<n-1} R[n-1, j] - R[j, j], in points; negative is forgetting (Lopez-Paz & Ranzato, 2017)."""
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean(matrix[-1, :-1] - np.diag(matrix)[:-1])


def forgetting(R: ArrayLike) -> MetricValue:
    """F = 1/(n-1) Σ_{j<n-1} max_{j≤l<n-1} R[l, j] - R[n-1, j], in points (Chaudhry et al., 2018).

    The maximum is over the earlier rows, the last row excluded: a task that got better has negative forgetting. Rows
    before the task was trained have no part in it, so that it is the same whether or not they were scored.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    learnt = np.where(np.tri(len(matrix) - 1, dtype=bool), matrix[:-1, :-1], -np.inf)
    return mean(learnt.max(axis=0) - matrix[-1, :-1])


def forgetting_from_best(R: ArrayLike) -> MetricValue:
    """1/(n-1) Σ_{j<n-1} max_l R[l, j] - R[n-1, j], in points: mammoth's `forgetting`, never below 0.

    The maximum is over all rows, including the last one and, where they were scored, those before the task's training.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean(np.nanmax(matrix[:, :-1], axis=0) - matrix[-1, :-1])


def backward_transfer_over_time(R: ArrayLike) -> MetricValue:
    """BWT = 2/(n(n-1)) Σ_{i>j} R[i, j] - R[j, j], in points, over all later rows and not the last alone
    (Díaz-Rodríguez et al., 2018).

    Continuum's `backward_transfer` means this; its loop leaves out the row right after the training of a task.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean((matrix - np.diag(matrix))[np.tril_indices(len(matrix), k=-1)])


def remembering(R: ArrayLike) -> MetricValue:
    """REM = 100 - |min(BWT, 0)|, in percent, of `backward_transfer_over_time` (Díaz-Rodríguez et al., 2018).

    100 is nothing forgotten. Continuum has the bodies of this and of BWT+ = max(BWT, 0) the other way round.
    """
    transfer = backward_transfer_over_time(R)
    return transfer if isinstance(transfer, Undefined) else 100.0 - abs(min(transfer, 0.0))


METRICS = (
    Metric(
        formula=forgetting,
        compute=of_matrix(forgetting),
        title="Forgetting",
        unit="points",
        better="lower",
        routes=("latest", "own", "free"),
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=backward_transfer,
        compute=of_matrix(backward_transfer),
        title="Backward transfer",
        unit="points",
        better="higher",
        across_tasks=True,
        routes=("latest", "own", "free"),
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=forgetting_from_best,
        compute=of_matrix(forgetting_from_best),
        title="Forgetting from the best row",
        unit="points",
        better="lower",
    ),
    Metric(
        formula=backward_transfer_over_time,
        compute=of_matrix(backward_transfer_over_time),
        title="Backward transfer over time",
        unit="points",
        better="higher",
        across_tasks=True,
    ),
    Metric(
        formula=remembering,
        compute=of_matrix(remembering),
        title="Remembering",
        unit="%",
        better="higher",
        across_tasks=True,
    ),
)
