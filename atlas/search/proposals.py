"""Proposals of trials: the sampler, the space as OptunaSearch calls it, and the trials known beforehand."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.config.space import order_count, prefix_name
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    import optuna


def make_sampler(experiment: Experiment) -> optuna.samplers.BaseSampler:
    """The sweep's own sampler; else TPE over prefixes for orders and multivariate TPE for settings.

    These are seeded by the sweep's first seed.
    """
    from optuna.samplers import TPESampler

    from atlas.search.prefix_sampler import PrefixSampler

    if experiment.sweep.sampler is not None:
        return experiment.sweep.sampler(experiment.options)
    search = experiment.options.search
    if experiment.sweep.searches_orders:
        return PrefixSampler(search.tasks, seed=search.seeds[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `group` is called experimental; without it conditional settings draw alone
        return TPESampler(seed=search.seeds[0], multivariate=True, group=True, n_startup_trials=4)


def rehearsed(experiment: Experiment) -> list[list[Walk]]:
    """The walks of each trial, as the sampler draws them without any result; final where `is_exact`."""
    from atlas.search.prefix_sampler import rehearse

    trials: list[list[Walk]] = []
    written = points_of(experiment)

    def ask(trial: optuna.Trial) -> None:
        trials.append(experiment.propose(trial).walks())

    rehearse(make_sampler(experiment), ask, experiment.trial_count(), points=written)
    return trials


def is_exact(experiment: Experiment) -> bool:
    """Whether the trials are known before any result: all orders, orders that were written out, or given points.

    A scheduler may prune any of them, and a sampler of the sweep's own may leave orders out.
    """
    if experiment.sweep.scheduler is not None:
        return False
    search, count = experiment.options.search, experiment.trial_count()
    if not experiment.sweep.searches_orders:
        return count <= len(experiment.sweep.points)
    if search.written_orders():
        return True
    return experiment.sweep.sampler is None and count == order_count(search.tasks)


@dataclass(frozen=True)
class Space:
    """The sweep's space as OptunaSearch calls it. It pickles the functions of the sweep, lambdas included."""

    experiment: Experiment

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """A trial's configuration, as Tune's."""
        return self.experiment.propose(trial).to_tune()

    def __reduce__(self) -> tuple[Any, ...]:
        """OptunaSearch saves itself with plain pickle, which cannot pickle the functions of a script."""
        from ray import cloudpickle

        return _space_from, (cloudpickle.dumps(self.experiment),)


def _space_from(pickled: bytes) -> Space:
    from ray import cloudpickle

    return Space(cloudpickle.loads(pickled))


def points_of(experiment: Experiment) -> list[dict[str, Any]]:
    """The parameters of the first trials: the sweep's points, and written orders as the parameters that spell them."""
    sweep, written = experiment.sweep, experiment.options.search.written_orders()
    if not sweep.searches_orders:
        return [dict(point) for point in sweep.points]
    spelt = [{prefix_name(order[:i]): task for i, task in enumerate(order[:-1])} for order in written]
    nothing: dict[str, Any] = {}
    return [{**point, **order} for point, order in zip_longest(sweep.points, spelt, fillvalue=nothing)]
