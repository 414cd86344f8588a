"""The cost of steps, learnt from those that were trained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from atlas.steps.step import Step


@dataclass
class StepCosts:
    """Mean seconds of training by what a step has in common with others, the likest first."""

    _seconds: dict[Hashable, float] = field(default_factory=lambda: defaultdict(float))
    _counts: dict[Hashable, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, step: Step, seconds: float) -> None:
        """Take note of a step that was trained."""
        for sort in _sorts(step):
            self._seconds[sort] += seconds
            self._counts[sort] += 1

    def estimate(self, step: Step) -> float | None:
        """The mean of the steps that are likest; None before any was trained."""
        known = (sort for sort in _sorts(step) if sort in self._counts)
        return next((self._seconds[sort] / self._counts[sort] for sort in known), None)


def _sorts(step: Step) -> Iterator[Hashable]:
    """The sorts that the step is of: by stage, task and position; by stage and task; by stage; any."""
    kind, task = step.stage.kind, step.task
    yield kind, task, len(step.order)
    yield kind, task
    yield kind
    yield ()
