"""Record of a study of orders: what its trials have told, each of them read once, when it has ended.

It needs Optuna and NumPy alone.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from optuna.distributions import BaseDistribution
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .order_choices import AFTER, REPLICATE, Choices, order_in
from .order_features import Observation, Order, Point, Settings
from .order_statistics import OrderStatistics
from .settings_space import SettingsSpace, misses_constraint
from .told_scores import WAYS, Told, by_task, ways_of_all

ENDED = (TrialState.COMPLETE, TrialState.PRUNED)


class StudyRecord:
    """The orders, settings, scores and values of a study's trials.

    `space`: the settings beside the order that every ended trial suggested, and that have several values; none where
    the record is `plain`. Scores after prefixes are taken in the most detail in which every finished trial told them.
    Where either changes with a trial, all are read again. `running` are the trials that run.
    """

    def __init__(
        self,
        tasks: Order,
        choices: Choices | None = None,
        *,
        length: int | None = None,
        noisy: bool = True,
        plain: bool = False,
    ) -> None:
        self.tasks, self.choices, self.noisy, self.plain = tasks, choices, noisy, plain
        self.length = length or len(tasks)
        self.space = SettingsSpace({})
        self.running: list[FrozenTrial] = []
        self._common: dict[str, BaseDistribution] | None = None
        self._ways: tuple[Told, ...] = WAYS
        self._open: list[int] = []  # places of trials that have not ended
        self._read, self._sign = 0, 1.0
        self._clear()

    def read(self, study: Study) -> None:
        """Read the trials that have ended since, and those that run."""
        trials, self._sign = study.get_trials(deepcopy=False), _sign(study)
        places = [*self._open, *range(self._read, len(trials))]
        self._open, self._read = [place for place in places if not trials[place].state.is_finished()], len(trials)
        self.running = [trials[place] for place in self._open if trials[place].state == TrialState.RUNNING]
        ended = [trials[place] for place in places if trials[place].state in ENDED]
        if self._narrows(ended):
            self._clear()
            ended = [one for one in trials if one.state in ENDED]
        self._add(ended)

    @property
    def finished(self) -> int:
        """The number of finished trials with a whole order and a value, that keep to the constraints."""
        return int(sum(self.statistics.counts))

    def others(self, asking: int) -> list[FrozenTrial]:
        """The trials that run beside the one that asks."""
        return [one for one in self.running if one.number != asking]

    def point(self, trial: FrozenTrial) -> Point | None:
        """The order, or the prefix of one, that a trial has so far; None while its settings are not all known."""
        if not self.space.holds(trial.params):
            return None
        return Point(order_in(trial.params, self.tasks, self.choices, self.length), self.space.numbers(trial.params))

    def whole(self, trials: Sequence[FrozenTrial]) -> list[Point]:
        """The points of those of the trials that have a whole order."""
        points = map(self.point, trials)
        return [point for point in points if point is not None and len(point.order) == self.length]

    def with_told(self, running: Sequence[FrozenTrial]) -> OrderStatistics:
        """The statistics of ended trials, and of what running ones have told so far: a branch."""
        found = self.statistics.branch()
        found.add(one for trial in running if (point := self.point(trial)) for one in self._told(trial, point))
        return found

    def _clear(self) -> None:
        way = self._ways[0] if self._ways else None
        distributions = {} if self.plain or not self._common else dict(sorted(self._common.items()))
        self.space = SettingsSpace({name: one for name, one in distributions.items() if not one.single()})
        self.statistics = OrderStatistics(self.tasks, way is by_task, self.space.width, self.noisy, self.length)
        self.tried: Counter[Point] = Counter()
        self.pruned: set[Point] = set()
        self.infeasible: dict[Settings, bool] = {}  # whether all ended trials with these settings missed a constraint
        self.replicates: dict[Point, Counter[Any]] = {}

    def _narrows(self, ended: Sequence[FrozenTrial]) -> bool:
        """Whether these trials leave less in common to all: settings, or a way of telling scores."""
        before, ways = self._common, self._ways
        for trial in ended:
            own = {name: one for name, one in trial.distributions.items() if not name.startswith(AFTER)}
            common = own if self._common is None else self._common
            self._common = {name: one for name, one in common.items() if own.get(name) == one}
        self._ways = ways_of_all([one for one in ended if one.state == TrialState.COMPLETE], ways)
        return self._common != before or self._ways != ways

    def _add(self, ended: Sequence[FrozenTrial]) -> None:
        """Add trials that have ended."""
        observations: list[Observation] = []
        for trial in ended:
            point = self.point(trial)
            if point is None:
                continue
            missed = misses_constraint(trial)
            self.infeasible[point.settings] = self.infeasible.get(point.settings, True) and missed
            observations += self._told(trial, point)
            if len(point.order) == self.length:
                self._add_whole(trial, point, missed=missed)
        self.statistics.add(observations)

    def _add_whole(self, trial: FrozenTrial, point: Point, *, missed: bool) -> None:
        """Add a trial with a whole order, and its value."""
        self.tried[point] += 1
        if trial.state == TrialState.PRUNED:
            self.pruned.add(point)
        elif not missed and trial.value is not None and math.isfinite(trial.value):
            self.statistics.add_values([(point, self._sign * trial.value)])
        if REPLICATE in trial.params:
            self.replicates.setdefault(point, Counter())[trial.params[REPLICATE]] += 1

    def _told(self, trial: FrozenTrial, point: Point) -> Iterator[Observation]:
        """The scores after prefixes; the value of a whole order where trials told no scores."""
        if not self._ways:
            told = _value(trial, self.length) if len(point.order) == self.length else {}
        else:
            told = self._ways[0](trial)
        for count, scores in told.items():
            if 0 < count <= len(point.order) and all(map(math.isfinite, scores)):
                signed = tuple(self._sign * score for score in scores)
                yield Observation(point.order[:count], signed, point.settings)


def _value(trial: FrozenTrial, tasks: int) -> dict[int, tuple[float, ...]]:
    """The value of a finished trial that keeps to the constraints, as the score after all tasks."""
    if trial.state != TrialState.COMPLETE or misses_constraint(trial) or trial.value is None:
        return {}
    return {tasks: (trial.value,)}


def _sign(study: Study) -> float:
    return -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0
