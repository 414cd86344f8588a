"""The Gaussian-process sampler of orders: an Optuna sampler that needs Optuna, NumPy and SciPy alone.

    tasks = ("a", "b", "c", "d")
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(tasks, seed=0))

The objective suggests an order task by task: `trial.suggest_categorical(prefix_name(prefix), tasks_left)`, without a
choice for the last. Where its value is the mean of the tasks' scores after the last, it may tell more, and then needs
fewer trials: `trial.set_user_attr(SCORES, rows)`, row k the scores of the first k tasks after the k-th, in the order's
order; or `trial.report(mean, step=k)`, their mean alone. Settings that every trial suggests beside the order are
modelled with it and proposed together; other parameters are left to TPE. Where a trial has noise, an order is tried
again while it may be the best: `trial.suggest_int(REPLICATE, 0, seeds - 1)` gives a seed that it was not tried with.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from optuna.distributions import BaseDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from .order_choices import REPLICATE, Choices, neighbours, next_replicate, order_in, prefix_name
from .order_features import Order, Point, Settings
from .order_model import OrderModel
from .recent_trials import RecentTPESampler
from .study_record import StudyRecord
from .told_scores import SCORES

__all__ = ["REPLICATE", "SCORES", "GaussianProcessOrderSampler", "order_in", "prefix_name"]

ENUMERATED = 5040  # the most orders that are all candidates: those of seven tasks
DRAWN = 300  # random candidates among more orders
STARTS = 6  # the best of them, and of the tried orders, from which local search climbs
CLIMBS = 30  # its rounds at most
IsOrder = Callable[[Order], bool]


class GaussianProcessOrderSampler(BaseSampler):
    """Proposes the order of the highest expected improvement; the first `startup` trials are random.

    Where trials tell the scores after prefixes, the first alone is. Such scores count as soon as they are told, those
    of running and pruned trials too. Trials that run count as if they ended at the model's mean, so that trials asked
    together differ. `noisy`: an order's value differs from trial to trial; promising orders are tried again until they
    are certain, each `replicates` times at most (None: any number). Else none is tried twice while another is left, and
    in no case one that was pruned. Up to seven tasks every order is a candidate; of more, random orders and a local
    search over swaps and moves. `choices(prefix)` gives the tasks that may come next (default: all that are left), one
    or more for every prefix that it leads to. An order takes `length` of the tasks (default: all): which of them is
    searched with the order. Settings that all trials suggest are chosen for the best orders known
    and random ones, then an order for them; others are left to TPE. Trials that miss a constraint
    (`trial.set_constraint`, a value above 0) are never the best known; settings that had no others are tried last.
    """

    def __init__(
        self,
        tasks: Sequence[str],
        *,
        seed: int = 0,
        startup: int = 6,
        noisy: bool = True,
        replicates: int | None = None,
        choices: Choices | None = None,
        length: int | None = None,
    ) -> None:
        """Raises ValueError for tasks that repeat, fewer than two, a startup or replicates below 1, or a length that no
        order of the tasks has.
        """
        self.tasks, self.seed, self.startup, self.noisy = tuple(tasks), seed, startup, noisy
        if len(set(self.tasks)) != len(self.tasks) or len(self.tasks) < 2:
            raise ValueError(f"tasks={list(tasks)}; give two or more different tasks.")
        if startup < 1:
            raise ValueError(f"startup={startup}; give 1 or more random trials.")
        if replicates is not None and replicates < 1:
            raise ValueError(f"replicates={replicates}; give 1 or more trials of an order, or None.")
        if length is not None and not 1 <= length <= len(self.tasks):
            raise ValueError(f"length={length} of tasks={list(tasks)}; give 1 to {len(self.tasks)}, or None.")
        self.length = length or len(self.tasks)
        self.most = (replicates or math.inf) if noisy else 1
        self.choices = choices
        self.inner = RecentTPESampler(seed=seed)
        self._proposed: tuple[int, Order] = (-1, ())
        self._beside: tuple[int, dict[str, Any]] = (-1, {})  # the settings that were chosen last
        self._below: dict[Order, Sequence[Order]] = {}  # the orders of the prefix that was asked for last
        self._records: WeakKeyDictionary[Study, dict[bool, StudyRecord]] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Without what it knows of studies, which it reads again."""
        return {name: value for name, value in vars(self).items() if name != "_records"}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        vars(self).update(state)
        self._records = WeakKeyDictionary()

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """The settings that every trial so far has suggested. The order's parameters depend on one another's values."""
        return dict(self._record(study).space.distributions)

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """The settings of the highest expected improvement, over the best orders known and random ones."""
        record, draw = self._record(study), random.Random(f"{self.seed}/{trial.number}/settings")
        space = record.space
        model = self._model(record, trial.number) if search_space and space.distributions == search_space else None
        if model is None:
            return {}
        best = [model.points[place].order for place in np.argsort(-model.beliefs)[:STARTS]]
        orders = list(dict.fromkeys((*best, *(self._drawn(draw, ()) for _ in range(STARTS)))))
        settings = space.hopeful(space.candidates(draw), record.infeasible)
        pairs = [(order, one) for one in settings for order in orders]
        points = [Point(order, space.numbers(one)) for order, one in pairs]
        gains = model.improvement(points)
        taken = self._taken(record, trial.number)
        free = [place for place, point in enumerate(points) if not taken(point)]
        chosen = pairs[max(free, key=lambda place: gains[place])][1] if free else draw.choice(settings)
        self._beside = trial.number, chosen
        return chosen

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The next task of the trial's order, or TPE's value of another parameter."""
        prefix = self._order(trial)
        if param_name == REPLICATE and isinstance(param_distribution, IntDistribution):
            return self._replicate(study, trial, param_distribution)
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
        record = self._record(study)
        return OrderModel(record.with_told(record.running), noisy=self.noisy) if record.finished else None

    def _order(self, trial: FrozenTrial) -> Order:
        return order_in(trial.params, self.tasks, self.choices, self.length)

    def _record(self, study: Study, *, plain: bool = False) -> StudyRecord:
        """What is known of the study; `plain`: without settings."""
        records = self._records.setdefault(study, {})
        if plain not in records:
            records[plain] = StudyRecord(self.tasks, self.choices, length=self.length, noisy=self.noisy, plain=plain)
        records[plain].read(study)
        return records[plain]

    def _taken(self, record: StudyRecord, asking: int) -> Callable[[Point], bool]:
        """Whether an order is not tried again while others are left: it was often enough, or pruned."""
        running = Counter(record.whole(record.others(asking)))
        return lambda point: point in record.pruned or record.tried[point] + running[point] >= self.most

    def _replicate(self, study: Study, trial: FrozenTrial, numbers: IntDistribution) -> int:
        """A replicate's number that no trial of the same order and settings has, while there is one."""
        record = self._record(study)
        point, taken = record.point(trial), Counter[Any]()
        if point is not None:
            alike = (one for one in record.others(trial.number) if record.point(one) == point)
            taken = Counter(one.params.get(REPLICATE) for one in alike) + record.replicates.get(point, Counter())
        return next_replicate(taken, range(numbers.low, numbers.high + 1))

    def _model(self, record: StudyRecord, asking: int) -> OrderModel | None:
        """The model, with the trials that run as if they had ended at its mean; None while trials are to be random."""
        others = record.others(asking)
        known = record.with_told(others)
        if record.finished < (1 if known.knows_prefixes else self.startup):
            return None
        model, running = OrderModel(known, noisy=self.noisy), record.whole(others)
        if not running:
            return model
        values = zip(running, map(float, model.predict(running)[0]), strict=True)
        for count in range(1, self.length + 1):
            known.add(model.expected([Point(order[:count], settings) for order, settings in running]))
        known.add_values(values)
        return OrderModel(known, noisy=self.noisy)

    def _propose(self, study: Study, trial: FrozenTrial, prefix: Order) -> Order:
        """A whole order that begins with `prefix`, for the settings that the trial has."""
        draw, record = random.Random(f"{self.seed}/{trial.number}/{prefix}"), self._record(study)
        number, beside = self._beside
        params = {**beside, **trial.params} if number == trial.number else trial.params
        if not record.space.holds(params):
            record = self._record(study, plain=True)
        settings, taken = record.space.numbers(params), self._taken(record, trial.number)

        def is_taken(order: Order) -> bool:
            return taken(Point(order, settings))

        model = self._model(record, trial.number)
        if model is not None:
            return self._search(model, draw, Point(prefix, settings), is_taken)
        running = set(record.whole(record.others(trial.number)))

        def is_tried(order: Order) -> bool:
            return record.tried[Point(order, settings)] > 0 or Point(order, settings) in running

        return self._untaken(draw, prefix, is_tried, is_taken)

    def _next(self, prefix: Order) -> Sequence[str]:
        return self.choices(prefix) if self.choices else [task for task in self.tasks if task not in prefix]

    def _orders(self, prefix: Order) -> Iterator[Order]:
        """Every order that begins with `prefix`."""
        following = self._next(prefix) if len(prefix) < self.length else ()
        if not following:
            yield prefix
        for task in following:
            yield from self._orders((*prefix, task))

    def _all(self, prefix: Order) -> Sequence[Order]:
        """Every order that begins with `prefix`; none where they are more than are enumerated."""
        placed = len(prefix)
        if not self.choices and math.perm(len(self.tasks) - placed, self.length - placed) > ENUMERATED:
            return ()
        if prefix not in self._below:
            found = list(islice(self._orders(prefix), ENUMERATED + 1))
            self._below = {prefix: found if len(found) <= ENUMERATED else ()}
        return self._below[prefix]

    def _drawn(self, draw: random.Random, prefix: Order) -> Order:
        while len(prefix) < self.length:
            prefix = (*prefix, draw.choice(self._next(prefix)))
        return prefix

    def _around(self, order: Order, fixed: int) -> list[Order]:
        """The orders near one, of other tasks too, whose first `fixed` tasks stay."""
        return neighbours(order, fixed, self.choices, [task for task in self.tasks if task not in order])

    def _untaken(self, draw: random.Random, prefix: Order, is_tried: IsOrder, is_taken: IsOrder) -> Order:
        """A random order that was not tried, or at least is not taken; another where these can hardly be found."""
        drawn = [self._drawn(draw, prefix) for _ in range(20)]
        rest = [*drawn, *islice(self._orders(prefix), ENUMERATED)]
        untried = next((order for order in rest if not is_tried(order)), None)
        return untried or next((order for order in rest if not is_taken(order)), drawn[0])

    def _search(self, model: OrderModel, draw: random.Random, begun: Point, is_taken: IsOrder) -> Order:
        """The order of the highest expected improvement, of those not taken; a random one where all are."""
        prefix, settings = begun
        candidates = self._all(prefix)
        if candidates:
            left = [order for order in candidates if not is_taken(order)]
            return _top(left, model, settings, 1)[0] if left else self._drawn(draw, prefix)
        tried = [model.points[place].order for place in np.argsort(-model.beliefs)[:STARTS]]
        best = _top([self._drawn(draw, prefix) for _ in range(DRAWN)], model, settings, STARTS)
        best += [order for order in tried if order[: len(prefix)] == prefix]
        found = [order for order in best if not is_taken(order)] or best
        for _ in range(CLIMBS):
            around = {order for one in best for order in (one, *self._around(one, len(prefix)))}
            free = sorted(order for order in around if not is_taken(order)) or sorted(around)
            climbed = _top(free, model, settings, STARTS)
            if climbed == found:
                break
            best = found = climbed
        return found[0]


def _top(orders: Sequence[Order], model: OrderModel, settings: Settings, count: int) -> list[Order]:
    """The `count` orders of the highest expected improvement with these settings, best first."""
    gains = model.improvement([Point(order, settings) for order in orders])
    return [orders[place] for place in np.argsort(-gains, kind="stable")[:count]]
