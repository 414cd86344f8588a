"""The goal of a sweep under its options: that of the sweep, or one that compares orders of different tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from atlas.metrics import METRICS
from atlas.runtime.errors import UserError
from atlas.steps.walk_result import DOWNSTREAM

if TYPE_CHECKING:
    from atlas.config.search import SearchOptions
    from atlas.config.sweep import Sweep

OWN_SCORES, RELATIVE = "average_accuracy", "relative_accuracy"


def goal_under(sweep: Sweep, search: SearchOptions) -> str:
    """The objective of a sweep's trials.

    Where orders take subsets of the tasks, the average accuracy is replaced by the relative one, in percent of each
    task alone: else the subset of the easiest tasks would be the best.

    Raises UserError for another goal that scores of different tasks cannot be compared by.
    """
    if search.subset_size is None or compares_tasks(sweep.goal):
        return sweep.goal
    route, _, metric = sweep.goal.partition("/")
    if metric == OWN_SCORES and route in METRICS[RELATIVE].routes:
        return f"{route}/{RELATIVE}"
    raise UserError(
        f"--subset-size is {search.subset_size}, but the goal of the sweep {sweep.name} is {sweep.goal!r}, which is of "
        f"the scores of an order's own tasks: subsets of easy tasks would win; leave it out, or take the goal "
        f"latest/{RELATIVE}, or {DOWNSTREAM} (the sweep downstream)."
    )


def compares_tasks(goal: str) -> bool:
    """Whether a goal compares orders of different tasks: all are measured by the same, or each task by a reference."""
    metric = METRICS.get(goal.partition("/")[2])
    return goal == DOWNSTREAM or (metric is not None and metric.across_tasks)
