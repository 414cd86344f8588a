"""The sampler of all orders: the orders of a list that the seed shuffles, by the number of the trial."""

from __future__ import annotations

from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

from atlas.config.order_space import OrderSpace, all_orders
from atlas.config.space import is_order_choice, prefix_name
from atlas.search.order_sampler import OrderSampler
from atlas.search.recent_trials import RecentTPESampler


class AllOrdersSampler(OrderSampler):
    """Trial n takes the n-th of `all_orders`, whatever the results; other parameters are left to TPE.

    It has no state of its own, so that a restored study goes on where it stopped.
    """

    def __init__(self, space: OrderSpace, *, seed: int) -> None:
        self.space, self.seed = space, seed
        self.inner = RecentTPESampler(seed=seed)

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        if is_order_choice(param_name) and isinstance(param_distribution, CategoricalDistribution):
            orders = all_orders(self.space, self.seed)
            order = orders[trial.number % len(orders)]
            for place, task in enumerate(order):
                if param_name == prefix_name(order[:place]):
                    return task
        return self.inner.sample_independent(study, trial, param_name, param_distribution)
