"""Forecast of an unfinished trial's objective, from the scores after every prefix that the sweep has trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.config.space import Order
from atlas.config.trial import Parameter, TrialConfig

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

    from atlas.search.order_statistics import OrderStatistics
    from atlas.search.settings_space import SettingsSpace

Scores = Sequence[Sequence[float]]  # row i: the scores of an order's first i + 1 tasks after the i-th
LEAST = 3  # finished trials, before any is forecast
DEVIATIONS = 2.0  # of the forecast, that a trial's upper bound is above its mean
NOTHING: Mapping[str, Parameter] = {}


@dataclass(frozen=True)
class _Walked:
    """The scores of an order with settings, whole or so far."""

    order: Order
    settings: Mapping[str, Parameter]
    scores: tuple[tuple[float, ...], ...]

    @property
    def is_whole(self) -> bool:
        return len(self.scores) == len(self.order)

    @property
    def value(self) -> float:
        """The mean score so far."""
        return sum(self.scores[-1]) / len(self.scores[-1])


@dataclass
class _Known:
    """What the model of orders knows of trials whose settings are of `space`; `rows` of each trial are counted in."""

    space: SettingsSpace
    statistics: OrderStatistics
    rows: dict[str, int] = field(default_factory=dict)

    def add(self, walked: Mapping[str, _Walked]) -> None:
        """Add the scores that are new, and the values of the orders that have become whole."""
        from atlas.search.order_features import Observation, Point

        observations: list[Observation] = []
        values: list[tuple[Point, float]] = []
        for trial, one in walked.items():
            if new := one.scores[self.rows.get(trial, 0) :]:
                settings = self.space.numbers(one.settings)
                observations += [Observation(one.order[: len(row)], row, settings) for row in new]
                values += [(Point(one.order, settings), one.value)] if one.is_whole else []
                self.rows[trial] = len(one.scores)
        self.statistics.add(observations)
        self.statistics.add_values(values)


@dataclass
class Forecast:
    """Gives up orders whose objective, the mean score after the last task, is not expected to become the best.

    An order is given up where the mean of its forecast (`OrderModel`) and so many standard `deviations` are below the
    best objective known. Others that begin alike are not. `noisy`: trials of an order differ, so that the best known is
    the best that the model believes.
    """

    tasks: Order
    deviations: float = DEVIATIONS
    noisy: bool = False
    _walked: dict[str, _Walked] = field(default_factory=dict)
    _given_up: list[tuple[Order, Mapping[str, Parameter]]] = field(default_factory=list)
    _kept: _Known | None = field(default=None, compare=False)

    def learn(self, trial: str, config: TrialConfig, scores: Scores, *, stopped: bool = False) -> None:
        """Know the scores of a trial so far; of one with several orders, or without scores, nothing.

        `stopped`: an earlier run stopped it.
        """
        if stopped:
            self._given_up.append((config.orders[0], config.parameters))
        if len(config.orders) == 1 and scores and all(math.isfinite(score) for row in scores for score in row):
            rows, before = tuple(map(tuple, scores)), self._walked.get(trial)
            if before is not None and rows[: len(before.scores)] != before.scores:
                self._kept = None  # what is counted in cannot be taken out
            self._walked[trial] = _Walked(config.orders[0], dict(config.parameters), rows)

    def reason(self, trial: str) -> str:
        """Why the trial is to be given up; empty where it is not."""
        one, whole = self._walked.get(trial), [one for one in self._walked.values() if one.is_whole]
        if one is None or one.is_whole or len(whole) < LEAST:
            return ""
        best, upper = self._outlook(one)
        if upper >= best:
            return ""
        self._given_up.append((one.order, one.settings))
        return f"expected to end at {upper:.1f} % at most, and {best:.1f} % is known"

    def has_given_up(self, config: TrialConfig) -> bool:
        """Whether the order was given up, with the same settings."""
        return (config.orders[0], config.parameters) in self._given_up

    def _outlook(self, one: _Walked) -> tuple[float, float]:
        """The best that is known, and the upper bound of what the trial is expected to end at."""
        from atlas.search.order_features import Point
        from atlas.search.order_model import OrderModel

        known = self._known()
        model = OrderModel(known.statistics, noisy=self.noisy)
        best = model.best if self.noisy else max(other.value for other in self._walked.values() if other.is_whole)
        mean, deviation = model.predict([Point(one.order, known.space.numbers(one.settings))])
        return best, float(mean[0] + self.deviations * deviation[0])

    def _known(self) -> _Known:
        """What is known of all trials: of those kept the new scores are added, unless their settings have changed."""
        from atlas.search.order_statistics import OrderStatistics

        space = _space([one.settings for one in self._walked.values()])
        if self._kept is None or self._kept.space != space:
            self._kept = _Known(space, OrderStatistics(self.tasks, settings=space.width))
        self._kept.add(self._walked)
        return self._kept


def _space(settings: Sequence[Mapping[str, Parameter]]) -> SettingsSpace:
    """The parameters that all trials have, over the values that they took."""
    from atlas.search.settings_space import SettingsSpace

    common = set.intersection(*(set(one) for one in settings))
    values = {name: list(dict.fromkeys(one[name] for one in settings)) for name in sorted(common)}
    return SettingsSpace({name: _distribution(some) for name, some in values.items() if len(some) > 1})


def _distribution(values: Sequence[Parameter]) -> BaseDistribution:
    from optuna.distributions import CategoricalDistribution, FloatDistribution

    numbers = [float(one) for one in values if isinstance(one, int | float) and not isinstance(one, bool)]
    if len(numbers) < len(values):
        return CategoricalDistribution(values)
    return FloatDistribution(min(numbers), max(numbers), log=min(numbers) > 0)
