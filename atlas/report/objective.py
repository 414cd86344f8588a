"""The objective that a sweep ranks its trials by, and its sampling error."""

from __future__ import annotations

import math

import numpy as np

from atlas.metrics import METRICS, OrderMetrics, Undefined
from atlas.report.summary import ROUTES, Split, Summary, TrialRow
from atlas.statistics import sampling_error

AVERAGE, DOWNSTREAM = "latest/average_accuracy", "downstream/mean"


def goal_of(summary: Summary) -> str:
    """The objective by its name: `<route>/<metric>`, or `downstream/mean` where there are such scores."""
    probed = {row.trial for row in summary.downstream} & {trial.id for trial in summary.trials}
    goal = summary.sweep.goal or (DOWNSTREAM if summary.best is not None and summary.best.goal else AVERAGE)
    return AVERAGE if goal == DOWNSTREAM and not probed else goal


def goal_in_words(summary: Summary) -> str:
    """The objective as a table's note has it."""
    route, _, name = goal_of(summary).partition("/")
    if route == "downstream":
        return "mean score of the downstream tasks"
    title = METRICS[name].title.lower() if name in METRICS else name
    return f"{title} after the last task, route {route}"


def goal_value(summary: Summary, trial: TrialRow, split: Split, found: OrderMetrics) -> float | None:
    """The objective of a trial on one split, given its metrics there; None where it has no value."""
    goal = goal_of(summary)
    if goal != DOWNSTREAM:
        return found[goal]
    scores = [row.of(split) for row in summary.downstream if row.trial == trial.id]
    return float(np.mean(scores)) if scores and trial.status == "FINISHED" else None


def goal_error(summary: Summary, trial: TrialRow, split: Split) -> float | Undefined:
    """Half of the 95 % interval of the objective over the records that it was taken on, in points.

    Undefined for an objective that is no mean of scores.
    """
    route, _, name = goal_of(summary).partition("/")
    if route == "downstream":
        probes = [row for row in summary.downstream if row.trial == trial.id]
        tasks = [row.task for row in probes]
        return sampling_error([row.of(split) for row in probes], [_records(summary, task, split) for task in tasks])
    if name != "average_accuracy":
        return Undefined(f"it is not known for {name.replace('_', ' ')}")
    return accuracy_error(summary, trial, split, route)


def accuracy_error(summary: Summary, trial: TrialRow, split: Split, route: str = "latest") -> float | Undefined:
    """Half of the 95 % interval of the average accuracy after the last task over its records, in points."""
    R = next((R for known, R in trial.R.get(split, {}).items() if known == route and known in ROUTES), ())
    scores = [score for score in (R[-1] if R else ()) if score is not None and math.isfinite(score)]
    if len(scores) < len(trial.order):
        return Undefined("not every task was scored")
    return sampling_error(scores, [_records(summary, task, split) for task in trial.order])


def _records(summary: Summary, task: str, split: Split) -> int:
    """The records of a split that scored a task; 0 where that was not recorded."""
    there = summary.all_tasks[task].counts.get(split, 0)
    asked = summary.settings.get("evaluate")
    most = asked[0 if split == "val" else 1] if isinstance(asked, list) and len(asked) == 2 else 0
    return min(there, most) if isinstance(most, int) and most else there
