"""How fast the tasks of a walk were learnt, from the curves that its steps keep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from atlas import metrics
from atlas.metrics import MetricValue, Undefined

SPEED = "learning_speed"
Curve = Sequence[tuple[int, float]]


def speeds(learnt: Mapping[str, Mapping[str, Any]]) -> dict[str, MetricValue]:
    """`<split>/learning_speed`: the mean over tasks of `metrics.learning_speed`, in updates of a task's last stage.

    On `train` of the losses of its batches, which are always kept; on `val` of the scores that were taken on the way,
    where the stage stops early. `learnt`: task → facts of its last stage. Undefined where that of a task is.
    """
    return {
        f"train/{SPEED}": _mean({task: _of_losses(facts["losses"]) for task, facts in learnt.items()}),
        f"val/{SPEED}": _mean({task: _of_scores(facts["validations"]) for task, facts in learnt.items()}),
    }


def _of_losses(curve: Curve) -> MetricValue:
    return metrics.learning_speed(curve, rising=False)


def _of_scores(curve: Curve) -> MetricValue:
    return metrics.learning_speed(curve) if len(curve) else Undefined("nothing was validated while it was learnt")


def _mean(figures: Mapping[str, MetricValue]) -> MetricValue:
    for task, figure in figures.items():
        if isinstance(figure, Undefined):
            return Undefined(f"{task}: {figure.reason}")
    defined = [figure for figure in figures.values() if isinstance(figure, float)]
    return sum(defined) / len(defined) if defined else Undefined(metrics.NO_TASK)
