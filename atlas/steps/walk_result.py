"""Results of a walk so far: its accuracy matrices, and the figures of merit that trials are compared by."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from atlas.metrics import METRICS, MetricValue, OrderScores, order_metrics
from atlas.metrics.value import mean, tasks_seen
from atlas.statistics import over_orders
from atlas.steps.graph import WalkGraph
from atlas.steps.learning_speed import learning_speeds
from atlas.steps.probe import Probe
from atlas.steps.step import Step
from atlas.steps.walk import Walk
from atlas.storage.score_names import ROUTES, SPLITS, Route, Split
from atlas.storage.step_result import SplitScores

if TYPE_CHECKING:
    from atlas.storage.step_result import StepResult

Matrix = list[list[float]]
AVERAGE, RELATIVE, DOWNSTREAM = "latest/average_accuracy", "latest/relative_accuracy", "downstream/mean"
NAN = float("nan")


@dataclass(kw_only=True)
class WalkResult:
    """One walk, the graph that has its steps, and the results of the finished ones, by key.

    `zero_shot`: the scores of the bare backbone by the readout that the walk trains, where it has some.
    """

    walk: Walk
    graph: WalkGraph
    results: dict[str, StepResult] = field(default_factory=dict)
    zero_shot: SplitScores = field(default_factory=SplitScores)

    @cached_property
    def steps(self) -> list[list[Step]]:
        """For each task of the order its steps, one a stage."""
        return self.graph.steps(self.walk)

    @cached_property
    def probe_steps(self) -> dict[Probe, list[Step]]:
        """For each probe of the walk its steps."""
        return self.graph.probe_steps(self.walk)

    @cached_property
    def evaluations(self) -> list[Step | None]:
        """The evaluations beyond what is learnt, of the bare backbone and after each task; None where there is none."""
        return self.graph.evaluations(self.walk)

    def every_step(self) -> Iterator[Step]:
        """All steps of the walk, its probes and its evaluations, each after the steps that it builds on."""
        return self.graph.every_step(self.walk)

    def add(self, step: Step, result: StepResult) -> None:
        """Add the result of a finished step."""
        self.results[step.key] = result

    @property
    def finished(self) -> list[Step]:
        """The steps finished so far, in order, those of probes last."""
        return [step for step in self.every_step() if step.key in self.results]

    @property
    def is_complete(self) -> bool:
        """Whether every task of the order is trained."""
        return all(step.key in self.results for stages in self.steps for step in stages)

    def probe_scores(self, split: Split) -> dict[Probe, float]:
        """Score of each finished probe on its task, in percent."""
        last = {probe: steps[-1] for probe, steps in self.probe_steps.items() if steps[-1].key in self.results}
        return {probe: self.results[step.key].scores.own.of(split)[step.task] for probe, step in last.items()}

    @property
    def learning_speeds(self) -> dict[str, MetricValue]:
        """Learning speed of the tasks trained so far, by `<split>/learning_speed`."""
        last = (stages[-1] for stages in self.steps)
        return learning_speeds({step.task: self.results[step.key] for step in last if step.key in self.results})

    def matrix(self, split: Split, route: Route) -> Matrix:
        """R [T, T] in percent: row i after the i-th task of the order, column j the order's j-th; NaN where unknown.

        On route `latest` tasks to come have the scores of evaluations, as all have on route `free`.
        """
        return [self._row(number, split, route) for number in range(len(self.steps))]

    def free_before(self, split: Split) -> list[float]:
        """The row R[0, ·] of the bare backbone on route `free` [T]; NaN where unknown."""
        scores = self._evaluated(0, split, "free")
        return [scores.get(task, NAN) for task in self.walk.order]

    def _evaluated(self, row: int, split: Split, route: Route) -> dict[str, float]:
        """The scores of the evaluation of a row, counted from 1, that of the bare backbone 0."""
        step = self.evaluations[row]
        return self.results[step.key].scores.of(route).of(split) if step and step.key in self.results else {}

    def _row(self, number: int, split: Split, route: Route) -> list[float]:
        """A row of R; a learner of another lineage than `sequence` never changes the scores of earlier tasks."""
        first = number if self.walk.learner.lineage == "sequence" else 0
        scores = dict(self._evaluated(number + 1, split, route))
        for stages in self.steps[first : number + 1]:
            if stages[-1].key not in self.results:
                return [NAN] * len(self.walk.order)
            scores |= self.results[stages[-1].key].scores.of(route).of(split)
        return [scores.get(task, NAN) for task in self.walk.order]

    def figure(self, name: str, single_task: SplitScores) -> float | None:
        """A figure on the validation split, by `<route>/<metric>` or `downstream/mean`; None where it has no value."""
        if name == DOWNSTREAM:
            return self._downstream_mean("val")
        route, _, metric = name.partition("/")
        if metric not in METRICS:
            return None
        R = np.asarray(self.matrix("val", next((one for one in ROUTES if one == route), "latest")), dtype=float)
        untrained = self.free_before("val") if route == "free" else self._alone("val", self.zero_shot)
        scores = OrderScores(R=R, single_task=self._alone("val", single_task), untrained=untrained)
        value = METRICS[metric].compute(scores)
        return value if isinstance(value, float) else None

    def metrics(self, single_task: SplitScores) -> dict[str, float]:
        """`<split>/<route>/<figure>` of the tasks seen so far, where it is defined.

        `single_task` scores each task trained alone.
        """
        figures: dict[str, float] = {}
        for split in SPLITS:
            latest, own, free = (self.matrix(split, route) for route in ROUTES)
            found = order_metrics(
                latest,
                own,
                self._alone(split, single_task),
                untrained=self._alone(split, self.zero_shot),
                free=free if self.is_free else None,
                free_untrained=self.free_before(split) if self.is_free else None,
            )
            figures |= {f"{split}/{name}": value for name, value in found.shown("tracking").defined.items()}
            probed = self.probe_scores(split)
            figures |= {f"{split}/downstream/{probe.label}": value for probe, value in probed.items()}
            if (downstream := self._downstream_mean(split)) is not None:
                figures[f"{split}/{DOWNSTREAM}"] = downstream
        return figures | {name: value for name, value in self.learning_speeds.items() if isinstance(value, float)}

    def progress(self, single_task: SplitScores) -> float:
        """100 · 1/n Σ_j S_j / L_j over the tasks seen so far, in percent, on the validation split, route `latest`.

        L_j is the score of task j trained alone. As the relative accuracy, but defined for every trial: where L_j is 0
        or missing, the task counts 100 + S_j, as good as alone and better by what it scores. 0 before the first task.
        """
        R = np.asarray(self.matrix("val", "latest"), dtype=float)
        last = R[seen - 1, :seen] if (seen := tasks_seen(R)) else ()
        shares = [
            relative_score(score, alone) for score, alone in zip(last, self._alone("val", single_task), strict=False)
        ]
        return mean(shares) if shares else 0.0

    @property
    def is_free(self) -> bool:
        """Whether route `free` is scored."""
        return any(step.label_space for step in self.evaluations if step is not None)

    def _alone(self, split: Split, single_task: SplitScores) -> list[float | None]:
        """The scores of the order's tasks, each trained alone."""
        return [single_task.of(split).get(task) for task in self.walk.order]

    def _downstream_mean(self, split: Split) -> float | None:
        """The mean score of the probes; None until all of them are finished."""
        probed = self.probe_scores(split)
        return sum(probed.values()) / len(probed) if probed and len(probed) == len(self.walk.probes) else None


def relative_score(score: float, alone: float | None) -> float:
    """A score in percent of that of the task trained alone; 100 more than it is where that is 0 or not known."""
    return 100 * score / alone if alone else 100 + score


def objective(results: Sequence[WalkResult], single_task: SplitScores, *, aim: str, goal: str = AVERAGE) -> float:
    """The objective of a trial, to be maximised, on the validation split.

    A finished trial's is the `goal`: the average accuracy on route `latest`, or the mean of its downstream scores.
    Before, and where the goal has no value, it is `WalkResult.progress`, since raw averages over different tasks are
    not comparable. The mean over seeds; over orders what the `aim` says (`over_orders`): mean, worst or quantile.
    """
    figures = [one.figure(goal, single_task) if one.is_complete else None for one in results]
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(results):
        return relative_accuracy(results, single_task, aim=aim)
    return _over_orders(results, known, aim=aim)


def relative_accuracy(results: Sequence[WalkResult], single_task: SplitScores, *, aim: str) -> float:
    """`WalkResult.progress` of a trial: of one meaning from its first task to its last, over orders as `objective`."""
    return _over_orders(results, [one.progress(single_task) for one in results], aim=aim)


def _over_orders(results: Sequence[WalkResult], values: Sequence[float], *, aim: str) -> float:
    """The mean over seeds, then over orders what the `aim` says."""
    by_order: dict[tuple[str, ...], list[float]] = {}
    for one, value in zip(results, values, strict=True):
        by_order.setdefault(one.walk.order, []).append(value)
    return over_orders([sum(found) / len(found) for found in by_order.values()], aim)


def mean_metrics(results: Sequence[WalkResult], single_task: SplitScores) -> dict[str, float]:
    """The means over a trial's walks of the figures that are defined for all of them."""
    figures = [result.metrics(single_task) for result in results]
    names = [name for name in figures[0] if all(math.isfinite(figure.get(name, NAN)) for figure in figures)]
    return {name: sum(figure[name] for figure in figures) / len(figures) for name in names}
