"""Accuracy: averages of R, also relative to reference models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike

from atlas.metrics.metric import Metric, OrderScores, of_matrix
from atlas.metrics.value import NO_TASK, MetricValue, Undefined, mean, seen


def average_accuracy(R: ArrayLike) -> MetricValue:
    """A = 1/n Σ_j R[n-1, j]: the mean over the tasks seen, after the last (Lopez-Paz & Ranzato, 2017, "ACC")."""
    matrix = seen(R)
    return mean(matrix[-1]) if len(matrix) else Undefined(NO_TASK)


def average_anytime_accuracy(R: ArrayLike) -> MetricValue:
    """AAA = 1/n Σ_i 1/(i+1) Σ_{j≤i} R[i, j]: the mean of the average accuracy over time (Caccia et al., 2021).

    Also called average incremental accuracy (Rebuffi et al., 2017).
    """
    matrix = seen(R)
    if not len(matrix):
        return Undefined(NO_TASK)
    return mean([matrix[i, : i + 1].mean() for i in range(len(matrix))])


def triangle_accuracy(R: ArrayLike) -> MetricValue:
    """A = 2/(n(n+1)) Σ_{i≥j} R[i, j]: every cell of the lower triangle weighs the same (Díaz-Rodríguez et al., 2018).

    Continuum's `accuracy_A`. Unlike the average anytime accuracy it gives late rows, which are longer, more weight.
    """
    matrix = seen(R)
    return mean(matrix[np.tril_indices(len(matrix))]) if len(matrix) else Undefined(NO_TASK)


def learning_accuracy(R: ArrayLike) -> MetricValue:
    """LA = 1/n Σ_j R[j, j]: the score of each task right after its training (Riemer et al., 2019)."""
    matrix = seen(R)
    return mean(np.diag(matrix)) if len(matrix) else Undefined(NO_TASK)


def relative_accuracy(scores: Mapping[str, float], single_task: Mapping[str, float]) -> MetricValue:
    """100 · 1/n Σ_j S_j / L_j, in percent, L_j the score of an adapter trained on task j alone.

    100 means as good as alone. The only metric that may compare orders midway, when they have seen different
    tasks. Undefined where a single-task score is missing or 0.
    """
    if not scores:
        return Undefined(NO_TASK)
    if missing := sorted(set(scores) - set(single_task)):
        return Undefined(f"there is no single-task score of {', '.join(missing)}")
    if zero := sorted(task for task in scores if single_task[task] <= 0):
        return Undefined(f"the single-task score of {', '.join(zero)} is 0")
    return mean([100 * scores[task] / single_task[task] for task in scores])


def intransigence(R: ArrayLike, joint: Sequence[float] | None) -> MetricValue:
    """I = 1/n Σ_j a*_j - R[j, j], in points: the inability to learn new tasks (Chaudhry et al., 2018).

    a*_j (`joint`) is the score on the j-th task of the order of a model trained on the tasks up to j together.
    Negative where learning one after another helped. Undefined without the joint scores.
    """
    matrix = seen(R)
    if not len(matrix):
        return Undefined(NO_TASK)
    reference = np.asarray([] if joint is None else joint, dtype=float)[: len(matrix)]
    if len(reference) < len(matrix) or not np.isfinite(reference).all():
        return Undefined("no joint model was trained on the tasks up to each one")
    return mean(reference - np.diag(matrix))


def intransigence_to_lone(R: ArrayLike, single_task: Sequence[float | None] | None) -> MetricValue:
    """1/n Σ_j L_j - R[j, j], in points: as `intransigence`, but compared with L_j, the j-th task of the order
    trained alone, which takes no joint model.

    Negative where earlier tasks helped. Undefined where a task was not trained alone.
    """
    matrix = seen(R)
    if not len(matrix):
        return Undefined(NO_TASK)
    alone = np.asarray([] if single_task is None else single_task, dtype=float)[: len(matrix)]
    if len(alone) < len(matrix) or not np.isfinite(alone).all():
        return Undefined("not every task was trained alone")
    return mean(alone - np.diag(matrix))


def _relative(scores: OrderScores) -> MetricValue:
    """Of the tasks seen so far, by their position in the order."""
    if scores.single_task is None:
        return Undefined("no adapter was trained alone")
    alone = {str(j): score for j, score in enumerate(scores.single_task) if score is not None}
    return relative_accuracy({str(j): float(scores.R[scores.seen - 1, j]) for j in range(scores.seen)}, alone)


METRICS = (
    Metric(
        formula=average_accuracy,
        compute=of_matrix(average_accuracy),
        title="Average accuracy",
        unit="%",
        better="higher",
        routes=("latest", "own", "free"),
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=average_anytime_accuracy,
        compute=of_matrix(average_anytime_accuracy),
        title="Average anytime accuracy",
        unit="%",
        better="higher",
        routes=("latest", "own", "free"),
        shown=frozenset({"tracking", "table"}),
    ),
    Metric(
        formula=relative_accuracy,
        compute=_relative,
        title="Relative to single-task",
        unit="%",
        better="higher",
        across_tasks=True,
        routes=("latest", "own"),
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=intransigence,
        compute=lambda scores: intransigence(scores.R, scores.joint),
        title="Intransigence",
        unit="points",
        better="lower",
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=intransigence_to_lone,
        compute=lambda scores: intransigence_to_lone(scores.R, scores.single_task),
        title="Intransigence to single-task",
        unit="points",
        better="lower",
        shown=frozenset({"leaderboard", "tracking", "table"}),
    ),
    Metric(
        formula=learning_accuracy,
        compute=of_matrix(learning_accuracy),
        title="Learning accuracy",
        unit="%",
        better="higher",
    ),
    Metric(
        formula=triangle_accuracy,
        compute=of_matrix(triangle_accuracy),
        title="Accuracy of the lower triangle",
        unit="%",
        better="higher",
    ),
)
