"""Forecast of an unfinished trial's objective, from the scores after every prefix that the sweep has trained."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from atlas.config.space import Order
from atlas.config.trial import Parameter, TrialConfig

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

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

    def learn(self, trial: str, config: TrialConfig, scores: Scores, *, stopped: bool = False) -> None:
        """Know the scores of a trial so far; of one with several orders, or without scores, nothing.

        `stopped`: an earlier run stopped it.
        """
        if stopped:
            self._given_up.append((config.orders[0], config.parameters))
        if len(config.orders) == 1 and scores and all(math.isfinite(score) for row in scores for score in row):
            rows = tuple(map(tuple, scores))
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
        from atlas.search.order_features import Observation, Point
        from atlas.search.order_model import OrderModel
        from atlas.search.order_statistics import OrderStatistics

        space = _space([other.settings for other in self._walked.values()])
        observations: list[Observation] = []
        values: defaultdict[Point, list[float]] = defaultdict(list)
        for other in self._walked.values():
            settings = space.numbers(other.settings)
            observations += [Observation(other.order[: len(row)], row, settings) for row in other.scores]
            if other.is_whole:
                values[Point(other.order, settings)].append(_mean(other))
        model = OrderModel(OrderStatistics.of(self.tasks, observations, values), noisy=self.noisy)
        best = model.best if self.noisy else max(max(some) for some in values.values())
        mean, deviation = model.predict([Point(one.order, space.numbers(one.settings))])
        return best, float(mean[0] + self.deviations * deviation[0])


def _mean(one: _Walked) -> float:
    return sum(one.scores[-1]) / len(one.scores[-1])


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
