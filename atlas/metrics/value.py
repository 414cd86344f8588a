"""The value of a metric, which may be undefined for a reason; helpers that read R."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas.runtime.errors import UserError

NO_TASK = "no task was trained yet"
ONE_TASK = "it takes two tasks"


@dataclass(frozen=True)
class Undefined:
    """The value of a figure that has none, and why."""

    reason: str

    def __str__(self) -> str:
        return f"undefined, because {self.reason}"


MetricValue = float | Undefined


def tasks_seen(R: ArrayLike) -> int:
    """The number of tasks trained and evaluated: the leading rows whose lower triangle holds no NaN.

    Raises UserError where R is not square.
    """
    matrix = np.asarray(R, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise UserError(f"the accuracy matrix must be [T, T], not {list(matrix.shape)}.")
    whole = (np.isfinite(matrix) | ~np.tri(len(matrix), dtype=bool)).all(axis=1)
    return len(whole) if whole.all() else int(np.argmin(whole))


def seen(R: ArrayLike) -> NDArray[np.float64]:
    """The part of R that is there: its first n rows and columns, n = tasks_seen(R). Raises as `tasks_seen`."""
    n = tasks_seen(R)
    return np.asarray(R, dtype=float)[:n, :n]


def mean(values: ArrayLike) -> float:
    """The arithmetic mean as a plain number."""
    return float(np.mean(np.asarray(values, dtype=float)))
