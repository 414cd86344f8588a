"""The Gaussian-process sampler of orders: an Optuna sampler that needs Optuna, NumPy and scikit-learn alone.

    tasks = ("a", "b", "c", "d")
    study = optuna.create_study(direction="maximize", sampler=GaussianProcessOrderSampler(tasks, seed=0))

The objective suggests an order task by task: `trial.suggest_categorical(prefix_name(prefix), tasks_left)`, without a
choice for the last. Other parameters are left to TPE.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study, StudyDirection
from optuna.trial import FrozenTrial, TrialState

Order = tuple[str, ...]
Matrix = NDArray[np.float64]
ENUMERATED = 720  # the most orders that are all candidates: those of six tasks
DRAWN = 400  # random candidates of a longer order
CLIMBS = 6  # rounds of local search, each over the neighbours of the best orders
LENGTHS = (1.0, 2.0, 4.0)  # length scales that the likelihood chooses from
NOISES = (1e-4, 0.01, 0.1, 0.5)  # variances of one trial's noise, relative to the variance of the values
FITTED = 200  # the newest orders that the likelihood looks at; the model itself takes all


def prefix_name(prefix: Sequence[str]) -> str:
    """The parameter that chooses the task after `prefix`."""
    return "after " + (" > ".join(prefix) if prefix else "nothing")


def order_in(params: Mapping[str, Any], tasks: Order) -> Order:
    """The order, or its prefix, that a trial's parameters spell. The last task of an order has no parameter."""
    order: list[str] = []
    while (chosen := params.get(prefix_name(order))) is not None:
        order.append(chosen)
    left = [task for task in tasks if task not in order]
    return (*order, *left) if len(left) == 1 else tuple(order)


class OrderModel:
    """A Gaussian process over precedence, position and neighbour features of orders.

    An order that was tried n times counts with its mean and an n-th of the noise. The kernel's length scale and the
    noise are those of the highest likelihood on a small grid; replicates tell the noise apart from the landscape.
    """

    def __init__(self, tasks: Order, values: Mapping[Order, Sequence[float]]) -> None:
        """Fit the values, of which higher ones are better, by order. `values` must not be empty."""
        self.tasks = tasks
        self.orders = list(values)
        means = np.array([np.mean(values[order]) for order in self.orders])
        counts = np.array([len(values[order]) for order in self.orders], dtype=float)
        self._middle, self._spread = float(means.mean()), float(means.std()) or 1.0
        scaled = (means - self._middle) / self._spread
        features = self.features(self.orders)
        within = np.array([np.var(values[order]) for order in self.orders]) * counts / self._spread**2
        self._process = self._best(features, scaled, counts, within).fit(features, scaled)
        self.best = float(self.predict(self.orders)[0].max())

    def features(self, orders: Sequence[Order]) -> Matrix:
        """[N, 3 T²]: for each pair of tasks, before, next to each other; for each task, its position."""
        count = len(self.tasks)
        number = {task: place for place, task in enumerate(self.tasks)}
        rows = np.array([[number[task] for task in order] for order in orders])
        places = np.argsort(rows, axis=1)
        before = (places[:, :, None] < places[:, None, :]).astype(float)
        gap = places[:, None, :] - places[:, :, None]
        position = np.eye(count)[places]
        scale = np.sqrt([count * (count - 1) / 2, count, max(1, count - 1)])
        groups = (before / scale[0], position / scale[1], (gap == 1) / scale[2])
        return np.concatenate([group.reshape(len(rows), -1) for group in groups], axis=1)

    def predict(self, orders: Sequence[Order]) -> tuple[Matrix, Matrix]:
        """Mean and standard deviation of the orders' true values."""
        mean, deviation = self._process.predict(self.features(orders), return_std=True)
        return mean * self._spread + self._middle, deviation * self._spread

    def improvement(self, orders: Sequence[Order]) -> Matrix:
        """The expected improvement of each order over the best mean of those tried."""
        from scipy.stats import norm

        mean, deviation = self.predict(orders)
        deviation = np.maximum(deviation, 1e-12)
        ahead = (mean - self.best) / deviation
        gain: Matrix = (mean - self.best) * norm.cdf(ahead) + deviation * norm.pdf(ahead)
        return gain

    @property
    def recommended(self) -> Order:
        """The order of the highest mean, of those tried."""
        return self.orders[int(np.argmax(self.predict(self.orders)[0]))]

    def _best(self, features: Matrix, scaled: Matrix, counts: Matrix, within: Matrix) -> Any:
        """The process of the highest likelihood of means and of replicates, whose squares sum to `within`."""
        newest = slice(-FITTED, None)
        repeats, squares = float((counts - 1).sum()), float(within.sum())

        def likelihood(choice: tuple[float, float]) -> float:
            fitted = _process(*choice, counts[newest]).fit(features[newest], scaled[newest])
            replicates = -(repeats * np.log(choice[1]) + squares / choice[1]) / 2
            return float(fitted.log_marginal_likelihood_value_ + replicates)

        return _process(*max(product(LENGTHS, NOISES), key=likelihood), counts)


def _process(length: float, noise: float, counts: Matrix) -> Any:
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    return GaussianProcessRegressor(RBF(length), alpha=noise / counts + 1e-8, optimizer=None)


class GaussianProcessOrderSampler(BaseSampler):
    """Proposes the order of the highest expected improvement; the first `startup` trials are random.

    Running trials count as if they had ended at the model's mean, so that trials asked together differ. Trials that
    were pruned or failed are left out. Up to six tasks every order is a candidate; of more, random orders and a local
    search over swaps and moves. Parameters that are no part of the order are left to TPE.
    """

    def __init__(self, tasks: Sequence[str], *, seed: int = 0, startup: int = 6) -> None:
        """Raises ValueError for tasks that repeat, fewer than two, or a startup below 1."""
        self.tasks, self.seed, self.startup = tuple(tasks), seed, startup
        if len(set(self.tasks)) != len(self.tasks) or len(self.tasks) < 2:
            raise ValueError(f"tasks={list(tasks)}; give two or more different tasks.")
        if startup < 1:
            raise ValueError(f"startup={startup}; give 1 or more random trials.")
        self.inner = TPESampler(seed=seed)
        self._proposed: tuple[int, Order] = (-1, ())

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """No parameter is sampled with others: the order's depend on one another's values."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Nothing."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """The next task of the trial's order, or TPE's value of another parameter."""
        prefix = order_in(trial.params, self.tasks)
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

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell TPE of the trial."""
        self.inner.after_trial(study, trial, state, values)

    def model(self, study: Study) -> OrderModel | None:
        """The model of the study's finished trials; None before the first."""
        values = self._values(study)
        return OrderModel(self.tasks, values) if values else None

    def _values(self, study: Study) -> dict[Order, list[float]]:
        """The values of finished trials by order, negated where the study minimises."""
        sign = -1.0 if study.direction == StudyDirection.MINIMIZE else 1.0
        values: defaultdict[Order, list[float]] = defaultdict(list)
        for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            order = order_in(trial.params, self.tasks)
            if len(order) == len(self.tasks) and trial.value is not None and np.isfinite(trial.value):
                values[order].append(sign * trial.value)
        return dict(values)

    def _running(self, study: Study, asking: int) -> list[Order]:
        trials = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
        orders = [order_in(one.params, self.tasks) for one in trials if one.number != asking]
        return [order for order in orders if len(order) == len(self.tasks)]

    def _propose(self, study: Study, trial: FrozenTrial, prefix: Order) -> Order:
        """A whole order that begins with `prefix`."""
        draw = random.Random(f"{self.seed}/{trial.number}/{prefix}")
        model = self.model(study)
        if model is None or len(model.orders) < self.startup:
            return self._drawn(draw, prefix)
        if running := self._running(study, trial.number):
            values = self._values(study)
            for order, mean in zip(running, model.predict(running)[0], strict=True):
                values.setdefault(order, []).append(float(mean))
            model = OrderModel(self.tasks, values)
        return self._search(model, draw, prefix)

    def _drawn(self, draw: random.Random, prefix: Order) -> Order:
        left = [task for task in self.tasks if task not in prefix]
        return (*prefix, *draw.sample(left, len(left)))

    def _search(self, model: OrderModel, draw: random.Random, prefix: Order) -> Order:
        """The candidate of the highest expected improvement."""
        left = [task for task in self.tasks if task not in prefix]
        if np.prod(np.arange(1.0, len(left) + 1)) <= ENUMERATED:
            return _top([(*prefix, *rest) for rest in permutations(left)], model, 1)[0]
        means = model.predict(model.orders)[0]
        tried = [model.orders[place] for place in np.argsort(-means)[:5]]
        best = [order for order in tried if order[: len(prefix)] == prefix]
        best += _top([self._drawn(draw, prefix) for _ in range(DRAWN)], model, 5)
        for _ in range(CLIMBS):
            around = {order for one in best for order in (one, *_neighbours(one, len(prefix)))}
            climbed = _top(sorted(around), model, 5)
            if climbed == best:
                break
            best = climbed
        return best[0]


def _top(orders: Sequence[Order], model: OrderModel, count: int) -> list[Order]:
    """The `count` orders of the highest expected improvement, best first."""
    gains = model.improvement(orders)
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
