"""The numbers of a report: the leaderboard, statistics over orders, the tasks. Pure functions of a summary."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from atlas import metrics
from atlas.metrics import MetricValue, Undefined
from atlas.metrics.order_metrics import OrderMetrics, order_metrics
from atlas.report.objective import goal_value
from atlas.report.summary import ROUTES, SPLITS, OrderDisparity, Route, SeedScores, Split, Summary, TrialRow
from atlas.runtime.text import by_number, counted


@dataclass(frozen=True, kw_only=True)
class Row:
    """A trial on the leaderboard. Scores in percent, forgetting and intransigence in points, None where undefined.

    val, test: average accuracy, route latest. objective: what trials are ranked by, on val.
    rank: None for a trial that did not finish, or misses a constraint (`infeasible`); where it did not get to the end
    of its order, it has no figures either.
    intransigence: to the joint model where the sweep trained one, else to each task alone. speed: updates, of losses.
    undefined: why these two have no value, by their names here.
    """

    rank: int | None
    trial: str
    order: tuple[str, ...]
    seed: int
    settings: str
    status: str
    infeasible: str
    objective: float | None
    val: float | None
    test: float | None
    test_own: float | None
    relative: float | None
    forgetting: float | None
    backward: float | None
    intransigence: float | None
    speed: float | None
    undefined: Mapping[str, str]

    @property
    def state(self) -> str:
        """The reason why it has no rank: how it ended, or that it misses a constraint; empty where it has one."""
        if self.infeasible:
            return "misses a constraint"
        return "" if self.status == "FINISHED" else self.status.lower()


@dataclass(frozen=True, kw_only=True)
class TaskRow:
    """A task: the score of guessing, its references, and its final scores over all orders (test, latest)."""

    name: str
    modality: str
    samples: int
    chance: float
    majority: float | None
    zero_shot: float | None
    untrained: float | None
    head_only: float | None
    single_task: float | None
    mean: float | None
    low: float | None
    high: float | None


def matrix(trial: TrialRow, split: Split, route: Route) -> NDArray[np.float64]:
    """R of a trial, [T, T], NaN where not evaluated; all NaN where the split or route was not."""
    R = trial.R.get(split, {}).get(route)
    size = len(trial.order)
    return np.full((size, size), np.nan) if R is None else np.array(R, dtype=float).reshape(size, size)


def bare_scores(summary: Summary, trial: TrialRow, split: Split, route: Route) -> list[float]:
    """The row R[0, ·] of the bare backbone in the trial's order, NaN where it has no score; [] where it has none.

    On the routes that are told the task they are the zero-shot references.
    """
    if route == "free":
        found: Sequence[float | None] = trial.free_before.get(split, ())
    else:
        references = summary.references.zero_shot.get(trial.seed, {})
        found = [references[task].of(split) if task in references else None for task in trial.order if references]
    return [np.nan if score is None else score for score in found]


def trial_metrics(summary: Summary, trial: TrialRow, split: Split) -> OrderMetrics:
    """The metrics of a trial, against the references and the joint models of its seed."""
    chance = [summary.tasks[task].chance for task in trial.order]
    return order_metrics(
        matrix(trial, split, "latest"),
        matrix(trial, split, "own"),
        _alone(summary.references.single_task, trial, split),
        chance=chance,
        joint=_joint(summary, trial, split),
        untrained=_alone(_before_training(summary), trial, split),
        free=matrix(trial, split, "free") if "free" in trial.R.get(split, {}) else None,
        free_untrained=trial.free_before.get(split),
    )


def _before_training(summary: Summary) -> SeedScores:
    """The scores of the bare backbone by the readout that the sweep trained: zero-shot, or of an untrained head."""
    references = summary.references
    return references.zero_shot if summary.settings.get("readout") == "similarity" else references.untrained


def _alone(references: SeedScores, trial: TrialRow, split: Split) -> list[float | None] | None:
    """The reference scores in the trial's order; None where its seed has none."""
    scores = references.get(trial.seed)
    return None if scores is None else [scores[task].of(split) if task in scores else None for task in trial.order]


def leaderboard(summary: Summary) -> list[Row]:
    """All trials; finished ones first, by the sweep's objective on `val`. `test` never decides."""
    judged = [
        (trial, ranked_metrics(summary, trial, "val"), ranked_metrics(summary, trial, "test"))
        for trial in summary.trials
    ]

    def merit(trial: TrialRow, val: OrderMetrics) -> float:
        value = goal_value(summary, trial, "val", val)
        return -np.inf if value is None else value

    judged.sort(key=lambda item: (not item[0].may_win, -merit(item[0], item[1])))
    return [
        _row(summary, rank if trial.may_win else None, trial, val, test)
        for rank, (trial, val, test) in enumerate(judged, start=1)
    ]


def ranked_metrics(summary: Summary, trial: TrialRow, split: Split) -> OrderMetrics:
    """The metrics of a trial; undefined for a part of its order, which other trials cannot be compared with."""
    R, tasks = matrix(trial, split, "latest"), len(trial.order)
    found = trial_metrics(summary, trial, split)
    if trial.status == "FINISHED" or (done := metrics.tasks_seen(R)) == tasks:
        return found
    reason = Undefined(f"{done} of {counted(tasks, 'task')} {by_number(done, 'was', 'were')} trained")
    return OrderMetrics(values=dict.fromkeys(found.values, reason))


def final_scores(summary: Summary, split: Split, route: Route) -> dict[str, dict[tuple[str, ...], dict[str, float]]]:
    """Settings label → order → task → final score, the mean over seeds; of finished trials that keep to constraints."""
    gathered: dict[str, dict[tuple[str, ...], dict[str, list[float]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    for trial in summary.trials:
        last = matrix(trial, split, route)[-1] if trial.order else np.array([])
        if not trial.may_win or not np.isfinite(last).all():
            continue
        for task, score in zip(trial.order, last, strict=True):
            gathered[settings_label(trial.settings)][trial.order][task].append(float(score))
    return {
        label: {
            order: {task: float(np.mean(scores)) for task, scores in tasks.items()} for order, tasks in orders.items()
        }
        for label, orders in gathered.items()
    }


def order_statistics(summary: Summary) -> tuple[OrderDisparity, ...]:
    """Disparity between orders, for every settings, split and route (the summary's `orders`).

    Only orders of the same tasks are comparable: the most frequent set of tasks of each settings is taken.
    """
    by_label = {settings_label(trial.settings): trial.settings for trial in summary.trials}
    statistics = []
    for split in SPLITS:
        for route in ROUTES:
            for label, orders in final_scores(summary, split, route).items():
                final = _by_task(orders)
                statistics.append(
                    OrderDisparity(
                        settings=by_label[label],
                        split=split,
                        route=route,
                        count=len(next(iter(final.values()))),
                        opd=metrics.opd(final),
                        aopd=_defined(metrics.aopd(final)),
                        mopd=_defined(metrics.mopd(final)),
                    )
                )
    return tuple(statistics)


def _defined(value: MetricValue) -> float | None:
    return None if isinstance(value, Undefined) else value


def task_rows(summary: Summary) -> list[TaskRow]:
    """One row a task, in the summary's order; references are means over seeds, on `test`."""
    finals = [score for orders in final_scores(summary, "test", "latest").values() for score in orders.values()]
    rows = []
    for name, task in summary.tasks.items():
        scores = [final[name] for final in finals if name in final]
        rows.append(
            TaskRow(
                name=name,
                modality=task.modality,
                samples=task.counts.get("train", 0),
                chance=task.chance,
                majority=task.majority,
                zero_shot=_reference(summary, "zero_shot", name),
                untrained=_reference(summary, "untrained", name),
                head_only=_reference(summary, "head_only", name),
                single_task=_reference(summary, "lone", name),
                mean=float(np.mean(scores)) if scores else None,
                low=min(scores, default=None),
                high=max(scores, default=None),
            )
        )
    return rows


def settings_label(settings: Mapping[str, JsonValue]) -> str:
    """`name=value` of the settings that differ between trials, sorted; empty where none does."""
    return ", ".join(
        f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in sorted(settings.items())
    )


def _row(summary: Summary, rank: int | None, trial: TrialRow, val: OrderMetrics, test: OrderMetrics) -> Row:
    (intransigence, why), (speed, why_not) = _intransigence(summary, test), _speed(trial)
    return Row(
        rank=rank,
        trial=trial.id,
        order=tuple(trial.order),
        seed=trial.seed,
        settings=settings_label(trial.settings),
        status=trial.status,
        infeasible=trial.infeasible,
        objective=goal_value(summary, trial, "val", val),
        val=val["latest/average_accuracy"],
        test=test["latest/average_accuracy"],
        test_own=test["own/average_accuracy"],
        relative=test["latest/relative_accuracy"],
        forgetting=test["latest/forgetting"],
        backward=test["latest/backward_transfer"],
        intransigence=intransigence,
        speed=speed,
        undefined={"intransigence": why, "speed": why_not},
    )


def _intransigence(summary: Summary, test: OrderMetrics) -> tuple[float | None, str]:
    """The value, to whichever reference the sweep has, or why there is none."""
    name = "latest/intransigence" if summary.joint else "latest/intransigence_to_lone"
    return test[name], test.undefined.get(name, "")


def _speed(trial: TrialRow) -> tuple[float | None, str]:
    """The value, or why there is none."""
    found = trial.metrics.get("train/learning_speed", Undefined("not recorded by this sweep"))
    return (None, found.reason) if isinstance(found, Undefined) else (found, "")


def _joint(summary: Summary, trial: TrialRow, split: Split) -> list[float] | None:
    """The score on each task of the order of the model trained on it and those before it; None where one lacks."""
    known = {(frozenset(row.tasks), row.seed): row.of(split) for row in summary.joint}
    order = trial.order
    found = [known.get((frozenset(order[: j + 1]), trial.seed), {}).get(task) for j, task in enumerate(order)]
    return None if None in found else [score for score in found if score is not None]


def _by_task(orders: Mapping[tuple[str, ...], Mapping[str, float]]) -> dict[str, list[float]]:
    """Task → its final score in each order, over the most frequent set of tasks."""
    groups: dict[frozenset[str], list[Mapping[str, float]]] = defaultdict(list)
    for order, scores in orders.items():
        groups[frozenset(order)].append(scores)
    largest = max(groups.values(), key=len)
    return {task: [scores[task] for scores in largest] for task in largest[0]}


def _reference(summary: Summary, kind: str, task: str) -> float | None:
    scores = summary.references.scores(kind, task, "test")
    return float(np.mean(list(scores.values()))) if scores else None
