"""The report of a trial to Ray Tune: after each task of its orders, and once more after its probes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

OBJECTIVE = "objective"
TASKS_SEEN = "tasks_seen"
COMPLETE = "complete"
FINISHED = "finished"
LEARNT, RELATIVE = "learnt", "relative"
TASK_SCORES = "scores"
COSTS, FIGURES = "costs", "figures"
KEYS = "steps"  # in reports of earlier versions: the keys of the finished steps, a list a walk


@dataclass(frozen=True, kw_only=True)
class TrialReport:
    """The state of a trial: what samplers and schedulers see of it.

    `objective` is maximised; `tasks_seen` counts the finished tasks of each order; `finished` are the numbers of
    finished steps, one a walk: the first so many of the walk's; `figures` the mean metrics over walks. The last report
    of a trial is `complete`: a trial that ends without one was pruned by the scheduler. `learnt` is the relative
    accuracy (`relative_accuracy`) after each task so far: unlike the objective, whose meaning changes with the last
    report, it can be compared between all reports after as many tasks. `scores`, of a trial with one
    order: row i the validation scores of its first i + 1 tasks after the i-th, means over seeds, on route `latest`; in
    percent of each task alone where the goal is their mean, the relative accuracy.
    `costs`: `trained_parameters`, the most of a step, and `seconds` of training, the mean over walks; none of steps of
    which they are not known.
    """

    objective: float
    tasks_seen: int
    finished: list[int]
    figures: dict[str, float]
    complete: bool
    learnt: list[float] = field(default_factory=list)
    scores: list[list[float]] = field(default_factory=list)
    costs: dict[str, float] = field(default_factory=dict)

    def to_tune(self) -> dict[str, Any]:
        """The result that Tune takes; its keys are the field names, and `relative` the last of `learnt`.

        `figures` and `costs` are lists of pairs: of each number under a name of its own, Tune keeps and saves six
        statistics and the last fifteen values, a trial.
        """
        pairs = {COSTS: list(self.costs.items()), FIGURES: list(self.figures.items())}
        return {**asdict(self), **pairs, **({RELATIVE: self.learnt[-1]} if self.learnt else {})}


def numbers_from(result: Mapping[str, Any], name: str) -> dict[str, float]:
    """The `figures` or `costs` in a result; in those of earlier versions they were mappings, which Tune flattened."""
    if name in result:
        return dict(result[name])
    return {key.removeprefix(f"{name}/"): value for key, value in result.items() if key.startswith(f"{name}/")}


def learnt_from(result: Mapping[str, Any]) -> list[float]:
    """The relative accuracies in a result, one a task; none in those of earlier versions."""
    return list(result.get(LEARNT, ()))


def report_from(result: Mapping[str, Any]) -> TrialReport | None:
    """The report in a result that Tune hands on; None where it holds none."""
    if FINISHED not in result and KEYS not in result:
        return None
    return TrialReport(
        objective=result[OBJECTIVE],
        tasks_seen=result[TASKS_SEEN],
        finished=result[FINISHED] if FINISHED in result else [len(keys) for keys in result[KEYS]],
        figures=numbers_from(result, FIGURES),
        scores=result.get(TASK_SCORES, []),
        costs=numbers_from(result, COSTS),
        complete=result.get(COMPLETE, True),  # reports of earlier versions had none, and no trial was pruned
        learnt=learnt_from(result),
    )
