"""The Gaussian-process sampler of orders: an Optuna sampler that needs Optuna, NumPy and SciPy alone.

    tasks = ("a", "b", "c", "d")
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(tasks, seed=0))

The objective suggests an order task by task: `trial.suggest_categorical(prefix_name(prefix), tasks_left)`, without a
choice for the last. Where its value is the mean of the tasks' scores after the last, it may tell more, and then needs
fewer trials: `trial.set_user_attr(SCORES, rows)`, row k the scores of the first k tasks after the k-th, in the order's
order; or `trial.report(mean, step=k)`, their mean alone. Settings that every trial suggests beside the order are
modelled with it and proposed together; other parameters are left to TPE.
"""

from __future__ import annotations

import math
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.search_space import intersection_search_space
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

from .order_model import Observation, Order, OrderModel, Point, Settings
from .settings_space import SettingsSpace
from .told_scores import SCORES, scores_told

__all__ = ["SCORES", "GaussianProcessOrderSampler", "order_in", "prefix_name"]

Choices = Callable[[Order], Sequence[str]]
AFTER = "after "  # parameters of an order begin so
ENUMERATED = 5040  # the most orders that are all candidates: those of seven tasks
DRAWN = 300  # random candidates among more orders
STARTS = 6  # the best of them, and of the tried orders, from which local search climbs
CLIMBS = 30  # its rounds at most
ENDED_OR_NOT = (TrialState.RUNNING, TrialState.PRUNED)
FOLLOWED = (TrialState.RUNNING, TrialState.COMPLETE, TrialState.PRUNED)


def prefix_name(prefix: Sequence[str]) -> str:
    """The parameter that chooses the task after `prefix`."""
    return AFTER + (" > ".join(prefix) if prefix else "nothing")


def order_in(params: Mapping[str, Any], tasks: Order, choices: Choices | None = None) -> Order:
    """The order, or its prefix, that a trial's parameters spell. A task without an alternative needs no parameter."""
    order: Order = ()
    while len(order) < len(tasks):
        following = choices(order) if choices else [task for task in tasks if task not in order]
        chosen = following[0] if len(following) == 1 else params.get(prefix_name(order))
        if chosen not in following:
            break
        order = (*order, str(chosen))
    return order


class GaussianProcessOrderSampler(BaseSampler):
    """Proposes the order of the highest expected improvement; the first `startup` trials are random.

    Where trials tell the scores after prefixes, the first alone is. Such scores count as soon as they are told, those
    of running and pruned trials too. Trials that run count as if they ended at the model's mean, so that trials asked
    together differ. `noisy`: an order's value differs from trial to trial; promising orders are tried again until they
    are certain. Else none is tried twice while another is left. Up to seven tasks every order is a candidate; of more,
    random orders and a local search over swaps and moves. `choices(prefix)` gives the tasks that may come next
    (default: all that are left), one or more for every prefix that it leads to. Settings that all trials suggest
    are chosen for the best orders known and random ones, then an order for them; others are left to TPE.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        seed: int = 0,
        startup: int = 6,
        noisy: bool = True,
        choices: Choices | None = None,
    ) -> None:
        """Raises ValueError for tasks that repeat, fewer than two, or a startup below 1."""
        self.tasks, self.seed, self.startup, self.noisy = tuple(tasks), seed, startup, noisy
        if len(set(self.tasks)) != len(self.tasks) or len(self.tasks) < 2:
            raise ValueError(f"tasks={list(tasks)}; give two or more different tasks.")
        if startup < 1:
            raise ValueError(f"startup={startup}; give 1 or more random trials.")
        self.choices = choices
        self.inner = TPESampler(seed=seed)
        self._proposed: tuple[int, Order] = (-1, ())
        self._beside: tuple[int, dict[str, Any]] = (-1, {})  # the settings that were chosen last
        self._below: dict[Order, Sequence[Order]] = {}  # the orders of the prefix that was asked for last

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The settings that every trial so far has suggested. The order's parameters depend on one another's values."""
        return dict(self._settings(study).distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The settings of the highest expected improvement, over the best orders known and random ones."""
        space, draw = SettingsSpace(search_space), random.Random(f"{self.seed}/{trial.number}/settings")
        model = self._model(study, trial.number, space) if search_space else None
        if model is None:
            return {}
        best = [model.points[place].order for place in np.argsort(-model.beliefs)[:STARTS]]
        orders = list(dict.fromkeys((*best, *(self._drawn(draw, ()) for _ in range(STARTS)))))
        settings = space.candidates(draw)
        pairs = [(order, one) for one in settings for order in orders]
        points = [Point(order, space.numbers(one)) for order, one in pairs]
        gains = model.improvement(points)
        free = [place for place, point in enumerate(points) if self.noisy or point not in model.tried]
        chosen = pairs[max(free, key=lambda place: gains[place])][1] if free else draw.choice(settings)
        self._beside = trial.number, chosen
        return chosen

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The next task of the trial's order, or TPE's value of another parameter."""
        prefix = self._order(trial)
        if param_name != prefix_name(prefix):
            return self.inner.sample_independent(study, trial, param_name, param_distribution)
        number, order = self._proposed
        if number != trial.number or order[: len(prefix)] != prefix:
            order = self._propose(study, trial, prefix)
            self._proposed = (trial.number, order)
        return order[len(prefix)]

    def reseed_rng(self) -> None:
        """Reseed TPE; orders are drawn from the seed and the trial's number."""
        self.inner.reseed_rng()

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        """Tell TPE of the trial."""
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell TPE of the trial's end."""
        self.inner.after_trial(study, trial, state, values)

    def model(self, study: Study) -> OrderModel | None:
        """The model of the study so far; None before the first trial has finished."""
        space = self._settings(study)
        values = self._values(study, space)
        return OrderModel(self.tasks, self._observations(study, space), values, noisy=self.noisy) if values else None

    def _order(self, trial: FrozenTrial) -> Order:
        return order_in(trial.params, self.tasks, self.choices)

    def _settings(self, study: Study) -> SettingsSpace:
        """The parameters beside the order's that every finished trial suggested, and that have several values."""
        common = intersection_search_space(study.get_trials(deepcopy=False), include_pruned=True)
        return SettingsSpace(
            {name: one for name, one in common.items() if not name.startswith(AFTER) and not one.single()}
        )

    def _values(self, study: Study, space: SettingsSpace) -> dict[Point, list[float]]:
        """The values of finished trials by order and settings, negated where the study minimises."""
        values: defaultdict[Point, list[float]] = defaultdict(list)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            order = self._order(trial)
            if len(order) == len(self.tasks) and trial.value is not None and math.isfinite(trial.value):
                values[Point(order, space.numbers(trial.params))].append(_sign(study) * trial.value)
        return dict(values)

    def _observations(self, study: Study, space: SettingsSpace) -> list[Observation]:
        """The scores after prefixes, in the most detail in which every finished trial told them."""
        trials = study.get_trials(deepcopy=False, states=FOLLOWED)
        source = scores_told([trial for trial in trials if trial.state == TrialState.COMPLETE])
        if source is None:
            values = self._values(study, space)
            return [Observation(one.order, (value,), one.settings) for one, some in values.items() for value in some]
        sign, found = _sign(study), []
        for trial in trials:
            if not space.holds(trial.params):
                continue
            order, settings = self._order(trial), space.numbers(trial.params)
            for count, scores in source(trial).items():
                if 0 < count <= len(order) and all(map(math.isfinite, scores)):
                    found.append(Observation(order[:count], tuple(sign * score for score in scores), settings))
        return found

    def _known(self, study: Study, asking: int, space: SettingsSpace, *states: TrialState) -> list[Point]:
        """The whole orders of trials in these states, but for the one that asks."""
        trials = study.get_trials(deepcopy=False, states=states)
        known = [one for one in trials if one.number != asking and space.holds(one.params)]
        points = [Point(self._order(one), space.numbers(one.params)) for one in known]
        return [point for point in points if len(point.order) == len(self.tasks)]

    def _model(self, study: Study, asking: int, space: SettingsSpace) -> OrderModel | None:
        """The model, with the trials that run as if they had ended at its mean; None while trials are to be random."""
        values, observations = self._values(study, space), self._observations(study, space)
        told = any(len(one.prefix) < len(self.tasks) for one in observations)
        if len(values) < (1 if told else self.startup):
            return None
        model = OrderModel(self.tasks, observations, values, noisy=self.noisy)
        running = self._known(study, asking, space, TrialState.RUNNING)
        if not running:
            return model
        for point, value in zip(running, model.predict(running)[0], strict=True):
            prefixes = (Point(point.order[:count], point.settings) for count in range(1, len(point.order) + 1))
            observations += map(model.expected, prefixes)
            values[point] = [*values.get(point, ()), float(value)]
        return OrderModel(self.tasks, observations, values, noisy=self.noisy)

    def _propose(self, study: Study, trial: FrozenTrial, prefix: Order) -> Order:
        """A whole order that begins with `prefix`, for the settings that the trial has."""
        draw, space = random.Random(f"{self.seed}/{trial.number}/{prefix}"), self._settings(study)
        number, beside = self._beside
        params = {**beside, **trial.params} if number == trial.number else trial.params
        if not space.holds(params):
            space = SettingsSpace({})
        settings = space.numbers(params)
        tried = (*self._values(study, space), *self._known(study, trial.number, space, *ENDED_OR_NOT))
        taken = frozenset(point.order for point in tried if point.settings == settings)
        model = self._model(study, trial.number, space)
        if model is None:
            return self._untaken(draw, prefix, taken)
        return self._search(model, draw, Point(prefix, settings), frozenset() if self.noisy else taken)

    def _next(self, prefix: Order) -> Sequence[str]:
        return self.choices(prefix) if self.choices else [task for task in self.tasks if task not in prefix]

    def _orders(self, prefix: Order) -> Iterator[Order]:
        """Every order that begins with `prefix`."""
        following = self._next(prefix) if len(prefix) < len(self.tasks) else ()
        if not following:
            yield prefix
        for task in following:
            yield from self._orders((*prefix, task))

    def _all(self, prefix: Order) -> Sequence[Order]:
        """Every order that begins with `prefix`; none where they are more than are enumerated."""
        if not self.choices and math.factorial(len(self.tasks) - len(prefix)) > ENUMERATED:
            return ()
        if prefix not in self._below:
            found = list(islice(self._orders(prefix), ENUMERATED + 1))
            self._below = {prefix: found if len(found) <= ENUMERATED else ()}
        return self._below[prefix]

    def _drawn(self, draw: random.Random, prefix: Order) -> Order:
        while len(prefix) < len(self.tasks):
            prefix = (*prefix, draw.choice(self._next(prefix)))
        return prefix

    def _untaken(self, draw: random.Random, prefix: Order, taken: frozenset[Order]) -> Order:
        """A random order that is not taken; one that is where the others can hardly be found."""
        drawn = [self._drawn(draw, prefix) for _ in range(20)]
        rest = (order for order in islice(self._orders(prefix), ENUMERATED) if order not in taken)
        return next((order for order in drawn if order not in taken), next(rest, drawn[0]))

    def _allowed(self, order: Order) -> bool:
        return not self.choices or all(task in self.choices(order[:place]) for place, task in enumerate(order))

    def _search(self, model: OrderModel, draw: random.Random, begun: Point, taken: frozenset[Order]) -> Order:
        """The order of the highest expected improvement, of those not taken; a random one where all are."""
        prefix, settings = begun
        candidates = self._all(prefix)
        if candidates:
            left = [order for order in candidates if order not in taken]
            return _top(left, model, settings, 1)[0] if left else self._drawn(draw, prefix)
        tried = [model.points[place].order for place in np.argsort(-model.beliefs)[:STARTS]]
        best = _top([self._drawn(draw, prefix) for _ in range(DRAWN)], model, settings, STARTS)
        best += [order for order in tried if order[: len(prefix)] == prefix]
        found = [order for order in best if order not in taken] or best
        for _ in range(CLIMBS):
            around = {order for one in best for order in (one, *_neighbours(one, len(prefix))) if self._allowed(order)}
            free = sorted(around - taken) or sorted(around)
            climbed = _top(free, model, settings, STARTS)
            if climbed == found:
                break
            best = found = climbed
        return found[0]


def _sign(study: Study) -> float:
    return -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0


def _top(orders: Sequence[Order], model: OrderModel, settings: Settings, count: int) -> list[Order]:
    """The `count` orders of the highest expected improvement with these settings, best first."""
    gains = model.improvement([Point(order, settings) for order in orders])
    return [orders[place] for place in np.argsort(-gains, kind="stable")[:count]]


def _neighbours(order: Order, fixed: int) -> list[Order]:
    """The orders one move of a task away, or one swap; the first `fixed` tasks stay."""
    found: list[Order] = []
    for one in range(fixed, len(order)):
        rest = (*order[:one], *order[one + 1 :])
        found += [(*rest[:to], order[one], *rest[to:]) for to in range(fixed, len(order)) if to != one]
        for other in range(one + 2, len(order)):
            swapped = list(order)
            swapped[one], swapped[other] = order[other], order[one]
            found.append(tuple(swapped))
    return found
