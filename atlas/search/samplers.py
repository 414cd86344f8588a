"""The samplers that `--sampler` names, and those of a user's own file."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.runtime.errors import UserError
from atlas.runtime.user_code import is_address, own_failure, run_file

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler


def named_sampler(name: str, experiment: Experiment) -> BaseSampler:
    """The sampler of a name in `atlas.config.search.SAMPLERS`, or of `FILE.py:NAME`; seeded by the first seed.

    Raises UserError for a file without such a function, and for one that fails or returns no sampler.
    """
    from optuna.samplers import RandomSampler

    from atlas.search.recent_trials import RecentTPESampler

    search = experiment.options.search
    seed, space = search.seeds[0], search.space()
    if is_address(name):
        return _own_sampler(name, experiment)
    if name == "random":
        return RandomSampler(seed=seed)
    if name == "tpe":
        return RecentTPESampler(seed=seed)
    if name == "prefix":
        from atlas.search.prefix_sampler import PrefixSampler

        return PrefixSampler(search.tasks, seed=seed, space=space)
    return order_sampler(experiment)


def order_sampler(experiment: Experiment) -> BaseSampler:
    """The Gaussian process over the orders of the experiment's space, and the settings that are searched beside them.

    A step of a seed has one result: no order is tried again with the same settings, but with other seeds as needed.
    """
    from atlas.search.gaussian_process_sampler import GaussianProcessOrderSampler

    search = experiment.options.search
    space = search.space()
    return GaussianProcessOrderSampler(
        search.tasks,
        seed=search.seeds[0],
        noisy=search.seeds_as_needed,
        replicates=search.replicates,
        choices=space.choices if space.is_constrained else None,
        length=space.length,
    )


def _own_sampler(address: str, experiment: Experiment) -> BaseSampler:
    """The sampler that the function NAME(options) of a user's file returns."""
    from optuna.samplers import BaseSampler

    make: Callable[[Any], Any] = run_file(address, what="sampler", kind="function", fits=_is_function).value
    try:
        made = make(experiment.options)
    except (Exception, SystemExit) as error:  # the user's code may raise anything
        raise UserError(f"--sampler {address} fails: {own_failure(error)}.") from error
    if not isinstance(made, BaseSampler):
        raise UserError(f"--sampler {address} returned {made!r}; return a sampler of Optuna, as RandomSampler(seed=0).")
    return made


def _is_function(value: Any, module: str) -> bool:
    return callable(value) and getattr(value, "__module__", "") == module
