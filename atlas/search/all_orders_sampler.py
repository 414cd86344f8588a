"""The sampler of all orders: the orders of a list that the seed shuffles, by the number of the trial."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler, TPESampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from atlas.config.space import Order, all_orders, is_order_choice, prefix_name


class AllOrdersSampler(BaseSampler):
    """Trial n takes the n-th of `all_orders`, whatever the results; other parameters are left to TPE.

    It has no state of its own, so that a restored study goes on where it stopped.
    """

    def __init__(self, tasks: Order, *, seed: int) -> None:
        self.tasks, self.seed = tasks, seed
        self.inner = TPESampler(seed=seed)

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if is_order_choice(param_name) and isinstance(param_distribution, CategoricalDistribution):
            orders = all_orders(self.tasks, self.seed)
            order = orders[trial.number % len(orders)]
            position = len(self.tasks) - len(param_distribution.choices)
            if param_name == prefix_name(order[:position]):
                return order[position]
        return self.inner.sample_independent(study, trial, param_name, param_distribution)

    def before_trial(self, study: Study, trial: FrozenTrial) -> None:
        self.inner.before_trial(study, trial)

    def after_trial(self, study: Study, trial: FrozenTrial, state: TrialState, values: Sequence[float] | None) -> None:
        self.inner.after_trial(study, trial, state, values)

    def reseed_rng(self) -> None:
        self.inner.reseed_rng()
