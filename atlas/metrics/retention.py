"""What learning later tasks did to earlier ones. Everything is in points of R.

Three definitions of forgetting are in use, and they differ in what the last score is compared with: `forgetting` with
the best earlier one (Chaudhry), `forgetting_from_best` with the best of all (mammoth), `forgetting_since_learnt` with
the first (Avalanche).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from atlas.metrics.figure import ONE_TASK, MetricValue, Undefined, mean, seen


def backward_transfer(R: ArrayLike) -> MetricValue:
    """BWT = 1/(n-1) Σ_{j<n-1} R[n-1, j] - R[j, j], in points; negative is forgetting (Lopez-Paz & Ranzato, 2017)."""
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean(matrix[-1, :-1] - np.diag(matrix)[:-1])


def forgetting(R: ArrayLike) -> MetricValue:
    """F = 1/(n-1) Σ_{j<n-1} max_{l<n-1} R[l, j] - R[n-1, j], in points (Chaudhry et al., 2018).

    The maximum is over the earlier rows, the last row excluded: a task that got better has negative forgetting.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean(np.nanmax(matrix[:-1, :-1], axis=0) - matrix[-1, :-1])


def forgetting_from_best(R: ArrayLike) -> MetricValue:
    """1/(n-1) Σ_{j<n-1} max_l R[l, j] - R[n-1, j], in points: mammoth's `forgetting`, never below 0.

    The maximum is over all rows, the last one and, where they were scored, those before the task was learnt included.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean(np.nanmax(matrix[:, :-1], axis=0) - matrix[-1, :-1])


def forgetting_since_learnt(R: ArrayLike) -> MetricValue:
    """1/(n-1) Σ_{j<n-1} R[j, j] - R[n-1, j], in points: Avalanche's `StreamForgetting`, which is -BWT."""
    transfer = backward_transfer(R)
    return transfer if isinstance(transfer, Undefined) else -transfer


def backward_transfer_over_time(R: ArrayLike) -> MetricValue:
    """BWT = 2/(n(n-1)) Σ_{i>j} R[i, j] - R[j, j], in points, over all later rows and not the last alone
    (Díaz-Rodríguez et al., 2018).

    Continuum's `backward_transfer` means this; its loop leaves out the row right after a task was learnt.
    """
    matrix = seen(R)
    if len(matrix) < 2:
        return Undefined(ONE_TASK)
    return mean((matrix - np.diag(matrix))[np.tril_indices(len(matrix), k=-1)])


def positive_backward_transfer(R: ArrayLike) -> MetricValue:
    """BWT+ = max(BWT, 0), in points, of `backward_transfer_over_time` (Díaz-Rodríguez et al., 2018)."""
    transfer = backward_transfer_over_time(R)
    return transfer if isinstance(transfer, Undefined) else max(transfer, 0.0)


def remembering(R: ArrayLike) -> MetricValue:
    """REM = 100 - |min(BWT, 0)|, in percent, of `backward_transfer_over_time` (Díaz-Rodríguez et al., 2018).

    100 is nothing forgotten. Continuum has the bodies of this and of BWT+ the other way round.
    """
    transfer = backward_transfer_over_time(R)
    return transfer if isinstance(transfer, Undefined) else 100.0 - abs(min(transfer, 0.0))
