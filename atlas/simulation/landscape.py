"""Landscapes: the scores and the duration of every step, known without training any."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from atlas.runtime.errors import UserError
from atlas.steps.step import Step
from atlas.storage.step_result import Scores, SplitScores, StepCost, StepResult

Matrix = NDArray[np.float64]


class Landscape(Protocol):
    """A world in which steps are not trained but looked up."""

    def result(self, step: Step) -> StepResult:
        """The result of a step; `cost.seconds` is how long a fleet takes for it, in virtual seconds."""


@dataclass(frozen=True, kw_only=True)
class SyntheticLandscape:
    """Scores in percent from effects of task pairs, positions and neighbours, drawn from `seed`.

    For an order o, the score of task j at position i when it is trained, and after later tasks:

        own_j    = base_j + Σ_{a before j} transfer[a, j] / i + place[j, i] + neighbour[o_{i−1}, j]
        latest_j = own_j − Σ_{b after j} forgetting[j, b] · 0.8^(number of tasks between j and b)

    clipped to [0, 100]. A task to come scores base_j. `noise` is the standard deviation, in points, of what a seed adds
    to a step's scores; `effect` gives points for a step's settings. A stage, or an evaluation, takes `seconds`.
    """

    tasks: Sequence[str]
    seed: int = 0
    noise: float = 0.0
    seconds: float = 10.0
    effect: Callable[[Step], float] = field(default=lambda step: 0.0)

    @cached_property
    def _effects(self) -> Mapping[str, Matrix]:
        draw, count = np.random.default_rng(self.seed), len(self.tasks)
        return {
            "base": draw.uniform(60, 95, count),
            "transfer": draw.normal(1.0, 3.0, (count, count)),
            "place": draw.normal(0.0, 1.0, (count, count)),
            "neighbour": draw.normal(0.0, 1.5, (count, count)),
            "forgetting": draw.gamma(1.2, 2.5, (count, count)),
        }

    def result(self, step: Step) -> StepResult:
        """Scores of the tasks that the step is scored on. Raises UserError for a task of another landscape."""
        order = step.order
        if step.stage.evaluates:
            return self._evaluated(step)
        latest = {task: self._latest(order, order.index(task), step) for task in step.scored}
        own = {task: self._own(order, order.index(task), step) for task in step.scored}
        return StepResult(
            title=step.title,
            order=order,
            scores=Scores(latest=_both(latest), own=_both(own)),
            updates=1,
            records=1,
            cost=StepCost(seconds=self.seconds, learning=self.seconds),
        )

    def _evaluated(self, step: Step) -> StepResult:
        """The scores of an evaluation, which takes as long as a stage."""
        order, base = step.order, self._effects["base"]
        known = {
            task: self._latest(order, order.index(task), step) if task in order else float(base[self._number(task)])
            for task in step.learns
        }
        latest = _both({task: known[task] for task in step.scored})
        scores = Scores(latest=latest, free=_both({task: known[task] for task in step.label_space}))
        cost = StepCost(seconds=self.seconds, learning=0.0)
        return StepResult(title=step.title, order=order, scores=scores, cost=cost)

    def scores(self, prefix: Sequence[str]) -> list[float]:
        """The score of each task of a prefix after its last, without noise and settings."""
        return [self._clip(self._trained(prefix, i) - self._lost(prefix, i)) for i in range(len(prefix))]

    def final(self, order: Sequence[str]) -> float:
        """The mean score after the whole order, without noise and settings: the true value of the order."""
        return sum(self.scores(order)) / len(order)

    def finals(self, orders: NDArray[np.intp]) -> Matrix:
        """`final` of many orders [N, T], rows of the tasks' numbers."""
        effects, count = self._effects, orders.shape[1]
        total = np.zeros(len(orders))
        for place, task in enumerate(orders.T):
            value = effects["base"][task] + effects["place"][task, place]
            if place:
                before = orders[:, :place]
                value += effects["transfer"][before, task[:, None]].sum(axis=1) / place
                value += effects["neighbour"][before[:, -1], task]
            for between, later in enumerate(orders.T[place + 1 :]):
                value -= effects["forgetting"][task, later] * 0.8**between
            total += np.clip(value, 0.0, 100.0)
        return total / count

    def _own(self, order: Sequence[str], place: int, step: Step) -> float:
        return self._clip(self._trained(order, place) + self.effect(step) + self._drawn(order[: place + 1], step.seed))

    def _latest(self, order: Sequence[str], place: int, step: Step) -> float:
        gained = self._trained(order, place) + self.effect(step) + self._drawn(order, step.seed)
        return self._clip(gained - self._lost(order, place))

    def _trained(self, order: Sequence[str], place: int) -> float:
        rows, effects = [self._number(task) for task in order], self._effects
        task, before = rows[place], rows[:place]
        value = effects["base"][task] + effects["place"][task, place]
        if before:
            value += effects["transfer"][before, task].sum() / place + effects["neighbour"][before[-1], task]
        return float(value)

    def _lost(self, order: Sequence[str], place: int) -> float:
        rows, forgetting = [self._number(task) for task in order], self._effects["forgetting"]
        later = rows[place + 1 :]
        return float(sum(forgetting[rows[place], one] * 0.8**between for between, one in enumerate(later)))

    def _drawn(self, order: Sequence[str], seed: int) -> float:
        return random.Random(f"{self.seed}/{seed}/{order}").gauss(0.0, self.noise) if self.noise else 0.0

    def _number(self, task: str) -> int:
        if task not in self.tasks:
            raise UserError(f"the landscape has no task {task!r}; it has {', '.join(self.tasks)}.")
        return list(self.tasks).index(task)

    @staticmethod
    def _clip(score: float) -> float:
        return min(100.0, max(0.0, score))


@dataclass(frozen=True, kw_only=True)
class RecordedLandscape:
    """The steps that a real sweep has trained, by key: their results, and how long each took."""

    results: Mapping[str, StepResult]

    def result(self, step: Step) -> StepResult:
        """The recorded result. Raises UserError for a step that was not recorded."""
        if step.key not in self.results:
            raise UserError(f"the step {step.title} [{step.key[:12]}] was not recorded; record a sweep that trains it.")
        return self.results[step.key]


def _both(scores: Mapping[str, float]) -> SplitScores:
    """The same scores on both splits."""
    return SplitScores(val=dict(scores), test=dict(scores))
