"""Proposals of trials: the sampler, the space as OptunaSearch calls it, and the trials that can be foreseen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.config.order_space import all_orders
from atlas.config.space import Order, is_order_choice
from atlas.config.sweep import no_search
from atlas.runtime.errors import UserError
from atlas.search.points import check_points
from atlas.steps.walk import Walk

if TYPE_CHECKING:
    import optuna

    from atlas.search.trial_record import TrialRecord

REHEARSED = 200
"""The most trials that a sampler is asked for beforehand, to estimate the cost of all."""


@dataclass(frozen=True, kw_only=True)
class Proposals:
    """The walks of each trial that can be foreseen, of `count` trials in all.

    A trial that is not to be trained, since it misses a constraint, has no walks. `exact`: these are all the trials,
    whatever their results. Else they are the first ones that the sampler proposes while it knows no result.
    """

    trials: Sequence[Sequence[Walk]]
    count: int
    exact: bool

    @property
    def walks(self) -> list[Walk]:
        """The walks of all foreseen trials."""
        return [walk for trial in self.trials for walk in trial]

    def in_order(self, trials: Iterable[TrialRecord]) -> list[TrialRecord]:
        """The trials as they are foreseen, then all others as they come: which of several that run at once begins
        first is chance, by which no tie is to be broken and no sum rounded.
        """
        places = {_spelt(walks): place for place, walks in reversed([*enumerate(self.trials)])}
        return sorted(trials, key=lambda trial: places.get(_spelt(trial.walks), len(self.trials)))


def _spelt(walks: Sequence[Walk]) -> str:
    """What tells a trial's walks from another's: a learner of the user's own may have no hash."""
    return json.dumps([(walk.order, walk.seed, walk.learner.settings()) for walk in walks], sort_keys=True)


def foresee(
    experiment: Experiment, most: int = REHEARSED, *, judge: Callable[[Sequence[Walk]], bool] = lambda walks: True
) -> Proposals:
    """The trials of an experiment: all of them where they are known, else `most` that its sampler is asked for.

    `judge`: whether a trial may be trained, by its walks.

    Raises UserError for points that the sweep's space does not hold, and where its learner function fails.
    """
    check_points(experiment)
    count = experiment.trial_count()
    known = known_trials(experiment)
    if known is not None:
        return Proposals(trials=[walks if judge(walks) else [] for walks in known], count=count, exact=True)
    return Proposals(trials=_rehearsed(experiment, min(count, most), judge), count=count, exact=False)


def is_exact(experiment: Experiment) -> bool:
    """Whether the trials are known before any result: all orders, orders that were written out, or given points.

    Early stopping may prune any of them, and a sampler of the sweep's own may leave orders out.
    """
    if experiment.stops_trials:
        return False
    search, count = experiment.options.search, experiment.trial_count()
    if not experiment.sweep.searches_orders:
        return count <= len(experiment.points())
    return bool(search.written_orders()) or _takes_all_orders(experiment)


def make_sampler(experiment: Experiment) -> optuna.samplers.BaseSampler:
    """The sampler of `--sampler`, or the sweep's own; else all orders where all are tried, TPE over prefixes for some
    of them, the sampler of orders where seeds are taken as needed, and multivariate TPE for settings, none of which
    repeats one. These are seeded by the sweep's first seed.
    """
    from atlas.search.all_orders_sampler import AllOrdersSampler
    from atlas.search.prefix_sampler import PrefixSampler
    from atlas.search.samplers import named_sampler, order_sampler
    from atlas.search.settings_sampler import SettingsSampler

    search = experiment.options.search
    if search.sampler:
        return named_sampler(search.sampler, experiment)
    if experiment.sweep.sampler is not None:
        return experiment.sweep.sampler(experiment.options)
    if search.seeds_as_needed:
        return order_sampler(experiment)
    if _takes_all_orders(experiment):
        return AllOrdersSampler(search.space(), seed=search.seeds[0])
    if experiment.sweep.searches_orders:
        return PrefixSampler(search.tasks, seed=search.seeds[0], space=search.space())
    return SettingsSampler(seed=search.seeds[0])


def leaves_orders_out(experiment: Experiment) -> bool:
    """Whether the sweep searches some of all orders, so that a proposal may be passed over for another one."""
    search = experiment.options.search
    is_search = experiment.sweep.searches_orders and not search.written_orders()
    return is_search and experiment.trial_count() < search.space().count() * search.replicates


def points_of(experiment: Experiment) -> list[dict[str, Any]]:
    """The parameters of the first trials: the sweep's points, and written orders as the parameters that spell them."""
    written = experiment.options.search.written_orders()
    return _points(experiment, written if experiment.sweep.searches_orders else ())


def _points(experiment: Experiment, orders: Sequence[Order]) -> list[dict[str, Any]]:
    """The sweep's points, each with the parameters that spell one of the orders."""
    nothing: dict[str, Any] = {}
    params = map(experiment.options.search.space().params, orders)
    pairs = zip_longest(experiment.points(), params, fillvalue=nothing)
    return [{**point, **order} for point, order in pairs]


def _takes_all_orders(experiment: Experiment) -> bool:
    """Whether the sampler proposes each order once, in an order of its own: no point or written order precedes it."""
    sweep, search = experiment.sweep, experiment.options.search
    return (
        sweep.searches_orders
        and sweep.sampler is None
        and not search.sampler
        and not search.seeds_as_needed
        and not search.written_orders()
        and experiment.trial_count() == search.space().count()
        and not any(is_order_choice(name) for point in experiment.points() for name in point)
    )


def known_trials(experiment: Experiment) -> list[list[Walk]] | None:
    """The walks of all trials where they are known before any result; None where a sampler is asked for one of them.

    Trials that are `exact` in their orders or points may suggest another parameter besides.
    """
    if not is_exact(experiment):
        return None
    search = experiment.options.search
    if not experiment.sweep.searches_orders:
        return _given_trials(experiment, points_of(experiment))
    orders = search.written_orders() or all_orders(search.space(), search.seeds[0])
    points = _points(experiment, orders)
    if experiment.sweep.learner is not no_search:
        return _given_trials(experiment, points)
    first = _given_trials(experiment, points[:1])  # the others differ from it in their order alone
    return first and [[replace(walk, order=order) for walk in first[0]] for order in orders]


def _given_trials(experiment: Experiment, points: Sequence[dict[str, Any]]) -> list[list[Walk]] | None:
    """The walks of trials with these parameters; None where one suggests another besides."""
    from optuna.trial import FixedTrial

    trials: list[list[Walk]] = []
    try:
        for number, point in enumerate(points[: experiment.trial_count()]):
            trials.append(experiment.propose(FixedTrial(point, number)).walks())  # type: ignore[arg-type]
    except (ValueError, AttributeError):  # a parameter without a value; an error of the space's own comes again later
        return None
    return trials


def _rehearsed(experiment: Experiment, trials: int, judge: Callable[[Sequence[Walk]], bool]) -> list[Sequence[Walk]]:
    """The walks of the first trials, as the sampler draws them without any result, of those that may be trained."""
    from atlas.search.prefix_sampler import rehearse

    walks: list[Sequence[Walk]] = []
    points = points_of(experiment)[:trials]

    def ask(trial: optuna.Trial) -> bool:
        found = experiment.propose(trial).walks()
        allowed = judge(found)
        if allowed or trial.number < len(points):
            walks.append(found if allowed else [])
        return allowed or trial.number < len(points)

    rehearse(make_sampler(experiment), ask, trials, points=points)
    return walks


@dataclass(frozen=True)
class Space:
    """The sweep's space as OptunaSearch calls it."""

    experiment: Experiment

    def __call__(self, trial: optuna.Trial) -> dict[str, Any]:
        """A trial's configuration, as Tune's.

        An error of the sweep's space fails its trial alone: had it come in the first trials, no search had begun.
        """
        try:
            return self.experiment.propose(trial).to_tune()
        except UserError as error:
            return self.experiment.refused(str(error)).to_tune()
