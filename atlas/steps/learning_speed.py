"""Learning speed of the tasks of a walk, from the training curves of its steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from atlas import metrics
from atlas.metrics import MetricValue, Undefined

if TYPE_CHECKING:
    from atlas.storage.step_result import StepResult

SPEED = "learning_speed"
Curve = Sequence[tuple[int, float]]


def learning_speeds(trained: Mapping[str, StepResult]) -> dict[str, MetricValue]:
    """`<split>/learning_speed`: the mean over tasks of `metrics.learning_speed`, in updates of a task's last stage.

    `train` takes the losses of the training batches, which every result has; `val` the validations, which only a stage
    that may stop early has. `trained`: task → result of its last stage. Undefined where it is for any task.
    """
    return {
        f"train/{SPEED}": _mean({task: _of_losses(result.losses) for task, result in trained.items()}),
        f"val/{SPEED}": _mean({task: _of_scores(result.validations) for task, result in trained.items()}),
    }


def _of_losses(curve: Curve) -> MetricValue:
    return metrics.learning_speed(curve, rising=False)


def _of_scores(curve: Curve) -> MetricValue:
    return metrics.learning_speed(curve) if len(curve) else Undefined("nothing was validated while it was trained")


def _mean(figures: Mapping[str, MetricValue]) -> MetricValue:
    for task, figure in figures.items():
        if isinstance(figure, Undefined):
            return Undefined(f"{task}: {figure.reason}")
    defined = [figure for figure in figures.values() if isinstance(figure, float)]
    return sum(defined) / len(defined) if defined else Undefined(metrics.NO_TASK)
