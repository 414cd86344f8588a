"""What trials are proposed: the sampler, the space as OptunaSearch calls it, and the trials known beforehand."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.config.space import order_count, prefix_name
from atlas.search.trainable import walks_of
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    import optuna


def make_sampler(experiment: Experiment) -> optuna.samplers.BaseSampler:
    """TPE over prefixes for orders; multivariate TPE for settings. Seeded by the sweep's first seed."""
    from optuna.samplers import TPESampler

    from atlas.search.prefix_sampler import PrefixSampler

    search = experiment.options.search
    if experiment.sweep.searches_orders:
        return PrefixSampler(search.tasks, seed=search.seeds[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `group` is called experimental; without it conditional settings draw alone
        return TPESampler(seed=search.seeds[0], multivariate=True, group=True, n_startup_trials=4)


def rehearsed(experiment: Experiment) -> list[list[Walk]]:
    """The walks of each trial as the sampler would draw them without any result: exact where all orders are tried."""
    from atlas.search.prefix_sampler import rehearse

    trials: list[list[Walk]] = []
    written = points_of(experiment)

    def ask(trial: optuna.Trial) -> None:
        trials.append(walks_of(experiment.propose(trial)))

    rehearse(make_sampler(experiment), ask, experiment.trial_count(), points=written)
    return trials


def is_exact(experiment: Experiment) -> bool:
    """Whether the trials are known before any result: all orders, orders that were written out, or given points."""
    search, count = experiment.options.search, experiment.trial_count()
    if not experiment.sweep.searches_orders:
        return count <= len(experiment.sweep.points)
    return bool(search.written_orders()) or count == order_count(search.tasks)


@dataclass(frozen=True)
class Space:
    """The sweep's space as OptunaSearch calls it. It pickles whatever functions the sweep is made of."""

    experiment: Experiment

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """A trial's configuration."""
        return self.experiment.propose(trial)

    def __reduce__(self) -> tuple[Any, ...]:
        """OptunaSearch saves itself with plain pickle, which knows no functions of a script."""
        from ray import cloudpickle

        return _space_from, (cloudpickle.dumps(self.experiment),)


def _space_from(pickled: bytes) -> Space:
    from ray import cloudpickle

    return Space(cloudpickle.loads(pickled))


def points_of(experiment: Experiment) -> list[dict[str, Any]]:
    """What the first trials are to take: the sweep's own, and orders written out, as the parameters that spell them."""
    sweep, written = experiment.sweep, experiment.options.search.written_orders()
    if not sweep.searches_orders:
        return [dict(point) for point in sweep.points]
    spelt = [{prefix_name(order[:i]): task for i, task in enumerate(order[:-1])} for order in written]
    nothing: dict[str, Any] = {}
    return [{**point, **order} for point, order in zip_longest(sweep.points, spelt, fillvalue=nothing)]
