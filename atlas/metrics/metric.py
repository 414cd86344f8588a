"""A metric of one order: its function of the accuracy matrix, with its unit, direction and where it is shown."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from atlas.metrics.value import MetricValue, tasks_seen

Route = Literal["latest", "own", "free"]
Shown = Literal["leaderboard", "tracking", "table"]
ROUTES: tuple[Route, ...] = ("latest", "own", "free")


@dataclass(frozen=True, kw_only=True)
class OrderScores:
    """The scores of one order on one split and route, in percent: what a metric may look at.

    R: the accuracy matrix [T, T], NaN where not evaluated. The others have one value a task, in the order of the
    columns of R, or are None where the sweep has no such reference: `single_task` (an adapter trained on the task
    alone), `joint` (a model trained on the tasks up to this one together), `untrained` (the bare backbone before any
    training: zero-shot where its readout allows it, else with a head as it is initialised) and `chance` (guessing).
    """

    R: NDArray[np.float64]
    single_task: Sequence[float | None] | None = None
    joint: Sequence[float] | None = None
    untrained: Sequence[float | None] | None = None
    chance: Sequence[float] | None = None

    @property
    def seen(self) -> int:
        """The number of tasks trained and evaluated so far."""
        return tasks_seen(self.R)

    @property
    def untrained_scores(self) -> list[float] | None:
        """`untrained` where it has a score of every task, else None."""
        found = [score for score in self.untrained or () if score is not None]
        return found if len(found) == len(self.R) else None


def of_matrix(function: Callable[[ArrayLike], MetricValue]) -> Callable[[OrderScores], MetricValue]:
    """A metric of the accuracy matrix alone, as a metric of an order's scores."""
    return lambda scores: function(scores.R)


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One entry of the registry.

    formula: the documented function; its docstring's first paragraph is the metric's definition. compute: the same,
    taken from an order's scores. unit: of its value. better: the direction of improvement. title: a table's heading.
    routes: those on which it is reported. across_tasks: whether orders of different tasks can be compared by it, since
    each task's score is held against another of the same task. shown: the leaderboard, the tracking sink (MLflow), the
    page's table of all metrics; `summary.json` has every metric.
    """

    formula: Callable[..., MetricValue]
    compute: Callable[[OrderScores], MetricValue]
    title: str
    unit: Literal["%", "points"]
    better: Literal["higher", "lower"]
    routes: tuple[Route, ...] = ("latest",)
    across_tasks: bool = False
    shown: frozenset[Shown] = field(default_factory=lambda: frozenset[Shown]({"table"}))

    @property
    def name(self) -> str:
        """The name of the function, by which summary.json, tracking sinks and the ledger know the metric."""
        return self.formula.__name__

    @property
    def definition(self) -> str:
        """The formula and its source: the first paragraph of the function's docstring."""
        return " ".join((inspect.getdoc(self.formula) or "").partition("\n\n")[0].split())
