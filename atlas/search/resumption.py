"""What a resumed search knows of its trials: those that finished as Optuna keeps them, and the points still to try."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState, create_trial
from optuna.trial import Trial as OptunaTrial

from atlas.config.experiment import Experiment
from atlas.config.order_space import OrderSpace, all_orders
from atlas.config.replicates import REPLICATE
from atlas.config.search import SearchOptions
from atlas.config.space import Order, is_order_choice, prefix_name
from atlas.config.trial import ORDERS, trial_config_from
from atlas.runtime.errors import UserError
from atlas.search.all_orders_sampler import AllOrdersSampler
from atlas.search.early_stopping import PrefixStopper
from atlas.search.feasibility import Feasibility
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.history import SearchHistory, identity, spelt, suggested_parameters
from atlas.search.optuna_search import BegunTrial, PruningOptunaSearch
from atlas.search.order_queue import OrderQueue
from atlas.search.points import holds
from atlas.search.prefix_sampler import PrefixSampler, rehearse
from atlas.search.proposals import known_trials, make_sampler, points_of
from atlas.search.sampled_space import sample_space
from atlas.search.trial_report import report_from

if TYPE_CHECKING:
    from ray.tune.experiment import Trial

Parameters = Mapping[str, Any]
Distributions = Mapping[str, BaseDistribution]


def resume_search(
    search: PruningOptunaSearch, experiment: Experiment, history: SearchHistory, feasibility: Feasibility
) -> None:
    """Let the search go on after the trials of its history, which are judged again.

    A value that the space of the experiment does not hold any more is left out of what the sampler knows of a finished
    trial, and drawn anew for one that is begun again.
    """
    space = sample_space(experiment).distributions
    finished = [_frozen(trial, space, experiment, feasibility) for trial in history.finished]
    begun = [
        BegunTrial(id=identity(trial), parameters=_held(_parameters(trial), space), config=spelt(trial.config))
        for trial in history.begun
    ]
    search.resume(finished, begun, points_left(points_of(experiment), [_parameters(trial) for trial in history.trials]))


def know_history(stopper: PrefixStopper, orders: OrderQueue, history: SearchHistory) -> None:
    """Let the stopper know the trials of the history, and the prefixes that ended with them; the queue what began."""
    ended = {identity(trial) for trial in history.finished}
    for trial in history.trials:
        for order in trial.config.get(ORDERS, ()):
            orders.know(tuple(order))
        orders.know_point(_parameters(trial))
        report = report_from(trial.last_result or {})
        if report is not None:
            stopped = identity(trial) in ended and not report.complete
            config = trial_config_from(trial.config)
            stopper.restore(identity(trial), config, report.learnt, stopped=stopped, scores=report.scores)


def sampler_after(experiment: Experiment, history: SearchHistory) -> BaseSampler:
    """The sampler of the experiment, as far on in its random numbers as one that has proposed those trials.

    Where the trials are known, none depends on it, and it is asked for nothing.
    """
    sampler, space = make_sampler(experiment), experiment.options.search.space()
    if isinstance(sampler, AllOrdersSampler):  # which counts trials, and has no random numbers
        known = {space.order_of(_parameters(trial)) for trial in history.trials}
        first = all_orders(space, sampler.seed)[: len(history.trials)]
        return sampler if known == set(first) else PrefixSampler(space.tasks, seed=sampler.seed, space=space)
    if known_trials(experiment) is not None:
        return sampler

    def ask(trial: OptunaTrial) -> None:
        with suppress(UserError):  # a space that refuses some values
            experiment.propose(trial)

    rehearse(sampler, ask, len(history.trials), points=[])
    return sampler


def points_left(points: Iterable[Parameters], tried: Iterable[Parameters]) -> list[Parameters]:
    """The points that none of the trials with these parameters has tried; a trial counts for one point."""
    trials, left = list(tried), []
    for point in points:
        found = next((trial for trial in trials if point.items() <= trial.items()), None)
        if found is None:
            left.append(point)
        else:
            trials.remove(found)
    return left


def _frozen(trial: Trial, space: Distributions, experiment: Experiment, feasibility: Feasibility) -> FrozenTrial:
    """A finished trial as Optuna keeps it."""
    parameters = _parameters(trial)
    search = experiment.options.search
    distributions = {**space, **_order_choices(parameters, search.space()), **_replicates(search)}
    kept = {name: value for name, value in parameters.items() if _is_held(name, value, distributions)}
    report = report_from(trial.last_result or {})
    value = report.objective if report is not None and report.complete else None
    return create_trial(
        state=TrialState.PRUNED if value is None else TrialState.COMPLETE,
        value=value,
        params=kept,
        distributions={name: distributions[name] for name in kept},
        user_attrs={SCORES: report.scores} if report is not None and report.scores else {},
        constraints=dict(_excess(trial, feasibility, complete=value is not None)),
    )


def _excess(trial: Trial, feasibility: Feasibility, *, complete: bool) -> Mapping[str, float]:
    """By how much a finished trial exceeds each constraint; nothing without any, or of one that was stopped."""
    if complete:
        return feasibility.after(trial.last_result or {}).excess
    config = trial_config_from(trial.config)
    return feasibility.before(config.walks()).excess if config.infeasible else {}


def _held(parameters: Parameters, space: Distributions) -> dict[str, Any]:
    return {name: value for name, value in parameters.items() if is_order_choice(name) or _is_held(name, value, space)}


def _is_held(name: str, value: object, distributions: Distributions) -> bool:
    return name in distributions and holds(distributions[name], value)


def _parameters(trial: Trial) -> dict[str, Any]:
    return suggested_parameters(trial.config)


def _replicates(search: SearchOptions) -> dict[str, BaseDistribution]:
    """The distribution of the choice of a seed."""
    return {REPLICATE: IntDistribution(0, search.replicates - 1)}


def _order_choices(parameters: Parameters, space: OrderSpace) -> dict[str, BaseDistribution]:
    """The distributions of the choices that spell an order, as the space makes them."""
    found: dict[str, BaseDistribution] = {}
    prefix: Order = ()
    while choices := space.choices(prefix):
        name, chosen = prefix_name(prefix), choices[0]
        if len(choices) > 1:
            if parameters.get(name) not in choices:
                break
            found[name], chosen = CategoricalDistribution(choices), str(parameters[name])
        prefix = (*prefix, chosen)
    return found
