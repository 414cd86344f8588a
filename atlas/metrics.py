"""Figures of continual learning, as plain functions of the accuracy matrix R.

R is [T, T], in percent: R[i, j] is the score on the j-th task *of the order* after the i-th was learnt, NaN where
it was not evaluated. Rows are learnt one after another, so a trial that is under way has its last rows NaN:
every function looks at the first n rows and columns, n = tasks_seen(R). A figure that has no value is
`Undefined`, with the reason; it is never a silent 0 or NaN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas.errors import AtlasError

MARGIN = 1.0  # points above chance that a denominator must have


@dataclass(frozen=True)
class Undefined:
    """The value of a figure that has none, and why."""

    reason: str

    def __str__(self) -> str:
        return f"undefined, because {self.reason}"


Figure = float | Undefined


def tasks_seen(R: ArrayLike) -> int:
    """How many tasks were learnt and evaluated: the leading rows whose lower triangle holds no NaN.

    Raises AtlasError where R is not square.
    """
    matrix = np.asarray(R, dtype=float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise AtlasError(f"the accuracy matrix must be [T, T], not {list(matrix.shape)}.")
    whole = [bool(np.isfinite(matrix[i, : i + 1]).all()) for i in range(len(matrix))]
    return whole.index(False) if False in whole else len(whole)


def average_accuracy(R: ArrayLike) -> Figure:
    """A = 1/n Σ_j R[n-1, j]: the mean over the tasks seen, after the last (Lopez-Paz & Ranzato, 2017, "ACC")."""
    matrix = _seen(R)
    return _mean(matrix[-1]) if len(matrix) else Undefined("no task was learnt yet")


def average_anytime_accuracy(R: ArrayLike) -> Figure:
    """AAA = 1/n Σ_i 1/(i+1) Σ_{j≤i} R[i, j]: the mean of the average accuracy over time (Caccia et al., 2021)."""
    matrix = _seen(R)
    if not len(matrix):
        return Undefined("no task was learnt yet")
    return _mean([matrix[i, : i + 1].mean() for i in range(len(matrix))])


def backward_transfer(R: ArrayLike) -> Figure:
    """BWT = 1/(n-1) Σ_{j<n-1} R[n-1, j] - R[j, j], in points; negative is forgetting (Lopez-Paz & Ranzato, 2017)."""
    matrix = _seen(R)
    if len(matrix) < 2:
        return Undefined("it takes two tasks")
    return _mean(matrix[-1, :-1] - np.diag(matrix)[:-1])


def forgetting(R: ArrayLike) -> Figure:
    """F = 1/(n-1) Σ_{j<n-1} max_{l<n-1} R[l, j] - R[n-1, j], in points (Chaudhry et al., 2018).

    The maximum is over the earlier rows, the last row excluded: a task that got better has negative forgetting.
    """
    matrix = _seen(R)
    if len(matrix) < 2:
        return Undefined("it takes two tasks")
    return _mean(np.nanmax(matrix[:-1, :-1], axis=0) - matrix[-1, :-1])


def forward_transfer(R: ArrayLike, untrained: Sequence[float] | None) -> Figure:
    """FWT = 1/(n-1) Σ_{0<j<n} R[j-1, j] - b_j, in points (Lopez-Paz & Ranzato, 2017).

    b_j (`untrained`) is the score of the untrained model on the j-th task of the order. Undefined where a task is
    not scored before it is learnt, as with a head of its own for every task.
    """
    matrix = _seen(R)
    if len(matrix) < 2:
        return Undefined("it takes two tasks")
    if untrained is None:
        return Undefined("the untrained model was not scored")
    before = np.diag(matrix, k=1)
    if not np.isfinite(before).all():
        return Undefined("a task has no score before it is learnt: its head does not exist yet")
    return _mean(before - np.asarray(untrained, dtype=float)[1 : len(matrix)])


def relative_accuracy(scores: Mapping[str, float], lone: Mapping[str, float]) -> Figure:
    """100 · 1/n Σ_j S_j / L_j, in percent, L_j the score of an adapter trained on task j alone.

    100 means as good as alone. The only figure that may compare orders midway, when they have seen different
    tasks. Undefined where a lone score is missing or 0.
    """
    if not scores:
        return Undefined("no task was learnt yet")
    if missing := sorted(set(scores) - set(lone)):
        return Undefined(f"there is no lone score of {', '.join(missing)}")
    if zero := sorted(task for task in scores if lone[task] <= 0):
        return Undefined(f"the lone score of {', '.join(zero)} is 0")
    return _mean([100 * scores[task] / lone[task] for task in scores])


def forgetting_transfer(learnt: float, later: float, chance: float) -> Figure:
    """T_F(j←i) = 100 · (S_j - S_{j←i}) / (S_j - S_R), in percent (CLiMB, Srinivasan et al., 2022).

    `learnt` S_j is the score on j when it was learnt, `later` S_{j←i} after i was. 0 is nothing forgotten, 100
    back at chance.
    """
    return _over_chance(learnt - later, learnt, chance, "the score when learnt")


def upstream_knowledge_transfer(score: float, lone: float, chance: float) -> Figure:
    """T_UK(i) = 100 · (S_i - S_PT) / (S_PT - S_R), in percent; S_PT: the task learnt alone (CLiMB, 2022)."""
    return _over_chance(score - lone, lone, chance, "the lone score")


def low_shot_transfer(score: float, from_backbone: float, chance: float) -> Figure:
    """T_LS = 100 · (S_LS - S_LS,PT) / (S_LS,PT - S_R), in percent, on few-shot scores (CLiMB, 2022).

    `score`: few-shot, initialised from the upstream model; `from_backbone`: the same from the bare backbone.
    """
    return _over_chance(score - from_backbone, from_backbone, chance, "the few-shot score from the backbone")


def opd(final: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """OPD_j = max_order P_j - min_order P_j, in points, of the final scores by task (Yoon et al., 2020).

    `final[task]` holds one score an order. Raises AtlasError where a task has no score.
    """
    if empty := sorted(task for task, scores in final.items() if not len(scores)):
        raise AtlasError(f"no score of {', '.join(empty)}: the disparity between orders takes at least one.")
    return {task: float(np.max(scores) - np.min(scores)) for task, scores in final.items()}


def aopd(final: Mapping[str, Sequence[float]]) -> Figure:
    """AOPD = mean over tasks of OPD, in points (Yoon et al., 2020). Undefined with fewer than two orders."""
    if _too_few(final):
        return Undefined("it takes two orders")
    return _mean(list(opd(final).values()))


def mopd(final: Mapping[str, Sequence[float]]) -> Figure:
    """MOPD = max over tasks of OPD, in points (Yoon et al., 2020). Undefined with fewer than two orders."""
    if _too_few(final):
        return Undefined("it takes two orders")
    return max(opd(final).values())


def _too_few(final: Mapping[str, Sequence[float]]) -> bool:
    return not final or min(len(scores) for scores in final.values()) < 2


def _over_chance(difference: float, reference: float, chance: float, name: str) -> Figure:
    """100 · difference / (reference - chance), guarded where the reference is not clearly above chance."""
    if not reference - chance >= MARGIN:
        return Undefined(f"{name} ({reference:.1f}) is not at least {MARGIN:g} point above chance ({chance:.1f})")
    return float(100 * difference / (reference - chance))


def _seen(R: ArrayLike) -> NDArray[np.float64]:
    n = tasks_seen(R)
    return np.asarray(R, dtype=float)[:n, :n]


def _mean(values: ArrayLike) -> float:
    return float(np.mean(np.asarray(values, dtype=float)))
