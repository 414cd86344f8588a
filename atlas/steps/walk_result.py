"""What a walk has brought so far: its accuracy matrices and the figures of merit that trials are compared by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from atlas.metrics import MetricValue, order_metrics
from atlas.steps.learning_speed import speeds
from atlas.steps.probe import Probe
from atlas.steps.step import Step, StepInputs
from atlas.steps.walk import Walk

Matrix = list[list[float]]
ROUTES = ("latest", "own")
SPLITS = ("val", "test")
AVERAGE, DOWNSTREAM = "latest/average_accuracy", "downstream/mean"
NAN = float("nan")


@dataclass(kw_only=True)
class WalkResult:
    """One walk and the facts of the steps it has taken."""

    walk: Walk
    step_inputs: StepInputs
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    @cached_property
    def steps(self) -> list[list[Step]]:
        """For each task of the order the steps by which it is learnt."""
        return self.walk.steps(self.step_inputs)

    @cached_property
    def probe_steps(self) -> dict[Probe, list[Step]]:
        """For each probe of the walk the steps by which it is learnt."""
        return self.walk.probe_steps(self.step_inputs)

    def add(self, step: Step, facts: dict[str, Any]) -> None:
        """Take the facts of a step in."""
        self.facts[step.key] = facts

    @property
    def taken(self) -> list[Step]:
        """The steps taken so far, in order, those of probes last."""
        return [step for step in self.walk.every_step(self.step_inputs) if step.key in self.facts]

    @property
    def is_whole(self) -> bool:
        """Whether every task of the order is learnt."""
        return all(step.key in self.facts for stages in self.steps for step in stages)

    def probed(self, split: str) -> dict[Probe, float]:
        """What each probe scores on its task, in percent, of those that are learnt."""
        last = {probe: steps[-1] for probe, steps in self.probe_steps.items() if steps[-1].key in self.facts}
        return {probe: self.facts[step.key]["scores"]["own"][split][step.task] for probe, step in last.items()}

    @property
    def speeds(self) -> dict[str, MetricValue]:
        """How fast the tasks learnt so far were learnt, by `<split>/learning_speed`."""
        last = (stages[-1] for stages in self.steps)
        return speeds({step.task: self.facts[step.key] for step in last if step.key in self.facts})

    def matrix(self, split: str, route: str) -> Matrix:
        """R [T, T] in percent: row i after the i-th task of the order, column j the order's j-th; NaN where unknown."""
        return [self._row(number, split, route) for number in range(len(self.steps))]

    def _row(self, number: int, split: str, route: str) -> list[float]:
        """A learner that builds on nothing changes no earlier task, so that its scores are those of each alone."""
        first = number if self.walk.learner.lineage == "sequence" else 0
        scores: dict[str, float] = {}
        for stages in self.steps[first : number + 1]:
            if stages[-1].key not in self.facts:
                return [NAN] * len(self.walk.order)
            scores |= self.facts[stages[-1].key]["scores"][route][split]
        return [scores.get(task, NAN) for task in self.walk.order]

    def metrics(self, lone: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
        """`<split>/<route>/<figure>` of the tasks seen so far, those that are defined.

        `lone[split][task]` scores each task learnt alone.
        """
        figures: dict[str, float] = {}
        for split in SPLITS:
            latest, own = (self.matrix(split, route) for route in ROUTES)
            found = order_metrics(latest, own, [lone[split].get(task) for task in self.walk.order])
            figures |= {f"{split}/{name}": value for name, value in found.shown("tracking").defined.items()}
            probed = self.probed(split)
            figures |= {f"{split}/downstream/{probe.label}": value for probe, value in probed.items()}
            if probed and len(probed) == len(self.walk.probes):
                figures[f"{split}/{DOWNSTREAM}"] = sum(probed.values()) / len(probed)
        return figures | {name: value for name, value in self.speeds.items() if isinstance(value, float)}


def objective(
    outcomes: Sequence[WalkResult], lone: Mapping[str, Mapping[str, float]], *, aim: str, goal: str = AVERAGE
) -> float:
    """What a trial is judged by, on the validation split.

    Once it is over the `goal`: the average accuracy on route `latest`, or the mean of its downstream scores. Before,
    the relative accuracy, since raw averages over different tasks are not comparable. Of several orders the `mean`, or
    the `worst`; of several seeds the mean.
    """
    figures = [outcome.metrics(lone) for outcome in outcomes]
    done = all(outcome.is_whole for outcome in outcomes) and all(f"val/{goal}" in figure for figure in figures)
    name = f"val/{goal}" if done else "val/latest/relative_accuracy"
    by_order: dict[tuple[str, ...], list[float]] = {}
    for outcome, figure in zip(outcomes, figures, strict=True):
        by_order.setdefault(outcome.walk.order, []).append(figure[name])
    values = [sum(scores) / len(scores) for scores in by_order.values()]
    return min(values) if aim == "worst" else sum(values) / len(values)


def mean_metrics(outcomes: Sequence[WalkResult], lone: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """The means over a trial's walks, of the figures that are defined for all of them."""
    figures = [outcome.metrics(lone) for outcome in outcomes]
    names = [name for name in figures[0] if all(math.isfinite(figure.get(name, NAN)) for figure in figures)]
    return {name: sum(figure[name] for figure in figures) / len(figures) for name in names}
