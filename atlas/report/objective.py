"""The objective that a sweep ranks its trials by, and its sampling error."""

from __future__ import annotations

import math

import numpy as np

from atlas.metrics import METRICS, OrderMetrics, Undefined
from atlas.report.summary import ROUTES, Split, Summary, TrialRow
from atlas.runtime.text import by_number
from atlas.statistics import sampling_error

AVERAGE, DOWNSTREAM = "latest/average_accuracy", "downstream/mean"
RELATIVE = "relative_accuracy"


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
    if name == RELATIVE:
        return f"relative accuracy after the last task, route {route}"
    title = METRICS[name].title.lower() if name in METRICS else name
    return f"{title} after the last task, route {route}"


def takes_subsets(summary: Summary) -> bool:
    """Whether orders take some of the sweep's tasks, so that their average accuracies are of different tasks."""
    return bool(summary.settings.get("subset_size"))


def held_out_in_words(summary: Summary) -> str:
    """The chosen setting on held-out orders; empty where the sweep holds none out."""
    if summary.held_out is None:
        return ""
    return summary.held_out.in_words("% of each task alone" if takes_subsets(summary) else "%")


def subsets_in_words(summary: Summary) -> str:
    """What the numbers of orders of different tasks are of; empty where all take the same tasks."""
    if not takes_subsets(summary):
        return ""
    size, tasks, goal = summary.settings.get("subset_size"), len(summary.tasks), goal_of(summary)
    measured = f"{goal_in_words(summary)}, which holds each task's scores against others of that task"
    if goal == DOWNSTREAM:
        measured = f"the {goal_in_words(summary)}, which are the same after every subset"
    if goal.endswith(f"/{RELATIVE}"):
        measured = (
            "the mean over an order's tasks of the score in percent of that of the task trained alone (100: nothing is "
            "lost; more: it gains by the others)"
        )
    return (
        f"Orders take {size} of {tasks} tasks: average accuracies of different tasks do not compare orders. The "
        f"objective does: {measured}.{_near_chance(summary) if goal.endswith(f'/{RELATIVE}') else ''}"
    )


def _near_chance(summary: Summary) -> str:
    """The tasks that alone are not clearly better than guessing, whose percent say little; empty without any."""
    weak = []
    for name, task in summary.tasks.items():
        found = [scores[name].of("val") for scores in summary.references.single_task.values() if name in scores]
        known = [score for score in found if score is not None]
        error = sampling_error(known, [_records(summary, name, "val")] * len(known))
        if known and float(np.mean(known)) - (0.0 if isinstance(error, Undefined) else error) <= task.chance:
            weak.append(name)
    if not weak:
        return ""
    return (
        f" Alone, {', '.join(weak)} {by_number(len(weak), 'is', 'are')} not clearly better than guessing: train longer."
    )


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
    if name == RELATIVE:
        return _relative_error(summary, trial, split, route)
    if name != "average_accuracy":
        return Undefined(f"it is not known for {name.replace('_', ' ')}")
    return accuracy_error(summary, trial, split, route)


def accuracy_error(summary: Summary, trial: TrialRow, split: Split, route: str = "latest") -> float | Undefined:
    """Half of the 95 % interval of the average accuracy after the last task over its records, in points."""
    scores = _last_scores(trial, split, route)
    if len(scores) < len(trial.order):
        return Undefined("not every task was scored")
    return sampling_error(scores, [_records(summary, task, split) for task in trial.order])


def _relative_error(summary: Summary, trial: TrialRow, split: Split, route: str) -> float | Undefined:
    """The same of the relative accuracy, with the scores of the tasks alone taken as they are."""
    scores, shares = _last_scores(trial, split, route), list[float]()
    if len(scores) < len(trial.order):
        return Undefined("not every task was scored")
    for task, score in zip(trial.order, scores, strict=True):
        alone = summary.references.single_task.get(trial.seed, {}).get(task)
        error = sampling_error([score], [_records(summary, task, split)])
        if isinstance(error, Undefined) or not (against := alone.of(split) if alone else None):
            return Undefined("the number of records, or a score alone, is not known")
        shares.append(100 * error / against)
    return math.hypot(*shares) / len(shares)


def _last_scores(trial: TrialRow, split: Split, route: str) -> list[float]:
    """The scores after the last task that are known, in the order of the tasks."""
    R = next((R for known, R in trial.R.get(split, {}).items() if known == route and known in ROUTES), ())
    return [score for score in (R[-1] if R else ()) if score is not None and math.isfinite(score)]


def _records(summary: Summary, task: str, split: Split) -> int:
    """The records of a split that scored a task; 0 where that was not recorded."""
    there = summary.all_tasks[task].counts.get(split, 0)
    asked = summary.settings.get("evaluate")
    most = asked[0 if split == "val" else 1] if isinstance(asked, list) and len(asked) == 2 else 0
    return min(there, most) if isinstance(most, int) and most else there
