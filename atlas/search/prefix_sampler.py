"""The sampler of orders: Optuna's TPE over the tree of prefixes, without repeating an order."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial

from atlas.config.order_space import OrderSpace
from atlas.config.space import Order, is_order_choice, prefix_name
from atlas.search.order_sampler import OrderSampler
from atlas.search.proposed_orders import ProposedOrders
from atlas.search.recent_trials import RecentTPESampler

PASSED_OVER = 30  # proposals at most, one after another


class PrefixSampler(OrderSampler):
    """TPE suggests the next task after each prefix; a prefix whose orders were all proposed is replaced at random.

    All orders of the tasks are therefore proposed before any is repeated.
    """

    def __init__(self, tasks: Order, *, seed: int, startup: int = 6, space: OrderSpace | None = None) -> None:
        self.space, self.seed = space or OrderSpace(tasks), seed
        self.inner = RecentTPESampler(seed=seed, n_startup_trials=startup)
        self._proposed: WeakKeyDictionary[Study, ProposedOrders] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        """Without the orders that were proposed, which are read from the study again."""
        return {name: value for name, value in vars(self).items() if name != "_proposed"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        if "space" not in state:  # of an earlier version
            self.space = OrderSpace(state["tasks"])
        self._proposed = WeakKeyDictionary()

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        chosen = self.inner.sample_independent(study, trial, param_name, param_distribution)
        if not is_order_choice(param_name) or not isinstance(param_distribution, CategoricalDistribution):
            return chosen
        free = self._open(study, trial, param_name, param_distribution)
        if not free or chosen in free:
            return chosen
        return random.Random(f"{self.seed}/{trial.number}/{param_name}").choice(free)

    def _open(self, study: Study, trial: FrozenTrial, name: str, distribution: CategoricalDistribution) -> list[str]:
        """The next tasks with an order below them that was not proposed yet."""
        prefix = _prefix(trial.params, self.space)
        if prefix_name(prefix) != name:
            return []
        proposed = self._proposed.setdefault(study, ProposedOrders(self.space))
        proposed.read(study, trial.number)
        return [str(task) for task in distribution.choices if proposed.left((*prefix, str(task)))]


def _prefix(params: dict[str, Any], space: OrderSpace) -> Order:
    """The tasks that a trial has chosen so far, with those that had no alternative."""
    prefix: Order = ()
    while choices := space.choices(prefix):
        chosen = params.get(prefix_name(prefix)) if len(choices) > 1 else choices[0]
        if chosen is None:
            break
        prefix = (*prefix, str(chosen))
    return prefix


def rehearse(
    sampler: BaseSampler, ask: Callable[[optuna.Trial], bool | None], trials: int, points: list[dict[str, Any]]
) -> None:
    """Call `ask` with `trials` trials of a study without results, `points` first: the proposals to expect.

    Where it answers False, the proposal is passed over for another one, PASSED_OVER times at most.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=sampler)
    for point in points:
        study.enqueue_trial(point)
    for _ in range(trials):
        for _ in range(1 + PASSED_OVER):
            if ask(study.ask()) is not False:
                break
