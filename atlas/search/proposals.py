"""What trials are proposed: the sampler, the space as OptunaSearch calls it, and the trials known beforehand."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from atlas.config.options import Options
from atlas.config.space import order_count, prefix_name
from atlas.config.sweep import Sweep
from atlas.learners import Precision
from atlas.search.trainable import walks_of
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    import optuna


def make_sampler(sweep: Sweep, options: Options) -> optuna.samplers.BaseSampler:
    """TPE over prefixes for orders; multivariate TPE for settings. Seeded by the sweep's first seed."""
    from optuna.samplers import TPESampler

    from atlas.search.prefix_sampler import PrefixSampler

    if sweep.searches_orders:
        return PrefixSampler(options.search.tasks, seed=options.search.seeds[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # `group` is called experimental; without it conditional settings draw alone
        return TPESampler(seed=options.search.seeds[0], multivariate=True, group=True, n_startup_trials=4)


def rehearsed(sweep: Sweep, options: Options, precision: Precision) -> list[list[Walk]]:
    """The walks of each trial as the sampler would draw them without any result: exact where all orders are tried."""
    from atlas.search.prefix_sampler import rehearse

    trials: list[list[Walk]] = []
    written = points_of(sweep, options)

    def ask(trial: optuna.Trial) -> None:
        trials.append(walks_of(sweep.propose(trial, options, precision)))

    rehearse(make_sampler(sweep, options), ask, sweep.trial_count(options), points=written)
    return trials


def is_exact(sweep: Sweep, options: Options) -> bool:
    """Whether the trials are known before any result: all orders, orders that were written out, or given points."""
    if not sweep.searches_orders:
        return sweep.trial_count(options) <= len(sweep.points)
    return bool(options.search.written_orders()) or sweep.trial_count(options) == order_count(options.search.tasks)


@dataclass(frozen=True)
class Space:
    """The sweep's space as OptunaSearch calls it. It pickles whatever functions the sweep is made of."""

    sweep: Sweep
    options: Options
    precision: Precision

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """A trial's configuration."""
        return self.sweep.propose(trial, self.options, self.precision)

    def __reduce__(self) -> tuple[Any, ...]:
        """OptunaSearch saves itself with plain pickle, which knows no functions of a script."""
        from ray import cloudpickle

        return _space_from, (cloudpickle.dumps((self.sweep, self.options, self.precision)),)


def _space_from(pickled: bytes) -> Space:
    from ray import cloudpickle

    return Space(*cloudpickle.loads(pickled))


def points_of(sweep: Sweep, options: Options) -> list[dict[str, Any]]:
    """What the first trials are to take: the sweep's own, and orders written out, as the parameters that spell them."""
    if not sweep.searches_orders:
        return [dict(point) for point in sweep.points]
    spelt = [
        {prefix_name(order[:i]): task for i, task in enumerate(order[:-1])} for order in options.search.written_orders()
    ]
    nothing: dict[str, Any] = {}
    return [{**point, **order} for point, order in zip_longest(sweep.points, spelt, fillvalue=nothing)]
