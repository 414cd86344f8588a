"""Clones: a trial of a running sweep tried once more with some of its settings changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.config.replicates import REPLICATE
from atlas.config.trial import Parameter, TrialConfig
from atlas.runtime.errors import UserError, unknown
from atlas.runtime.text import counted
from atlas.search.definition import values_in_words
from atlas.search.feasibility import Feasibility
from atlas.search.points import holds
from atlas.search.sampled_space import sample_space
from atlas.search.trial_record import TrialRecord
from atlas.steps.graph import WalkGraph
from atlas.steps.step import StepInputs

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True, kw_only=True)
class Clone:
    """The `parameters` of a trial to come, in words what it is and `shares` with the one that it is like, and its
    configuration, where that does not depend on further parameters, which the sampler then draws.
    """

    parameters: Mapping[str, Parameter]
    words: str
    shares: str
    config: TrialConfig | None


def clone_of(trial: TrialRecord, changes: Sequence[str], experiment: Experiment, step_inputs: StepInputs) -> Clone:
    """The clone of a trial with each `NAME=VALUE` of the changes, in the sweep's space.

    Raises UserError for a change that is none, an unknown setting, a value that the space does not hold, and where the
    trial has all these values already, or the space proposes no trial for them.
    """
    space = sample_space(experiment).distributions
    changed = dict(_changed(text, space) for text in changes)
    settings = {name: value for name, value in trial.settings.items() if name in space}
    if changed.items() <= settings.items():
        raise UserError(f"the trial {trial.id} has {_shown(changed)} already; change a setting.")
    parameters = {**settings, **changed, **_order_of(trial, experiment)}
    config = _proposed(experiment, parameters)
    shares = "" if config is None else _shared(trial.config, config, step_inputs)
    words = f"the trial {trial.id} with {_shown(changed)}"
    return Clone(parameters=parameters, words=words, shares=shares, config=config)


def check_feasible(clone: Clone, feasibility: Feasibility) -> str:
    """In words what is not known yet of the sweep's constraints; empty where nothing is open.

    Raises UserError where the clone would miss one: the search would not train it.
    """
    if not feasibility.constraints:
        return ""
    if clone.config is None:
        return "; whether it keeps to the sweep's constraints is known once its other settings are drawn"
    if reason := feasibility.before(clone.config.walks()).reason:
        raise UserError(f"{clone.words} would not be trained: {reason}; change it to other settings.")
    late = [str(one) for one in feasibility.constraints if one.needs_training]
    return f"; whether it keeps to {' '.join(late)} is known once it is trained" if late else ""


def is_tried(parameters: Mapping[str, Parameter], trial: TrialRecord, experiment: Experiment) -> bool:
    """Whether a trial has these parameters already."""
    return parameters.items() <= {**trial.settings, **_order_of(trial, experiment)}.items()


def _changed(text: str, space: Mapping[str, BaseDistribution]) -> tuple[str, Parameter]:
    """The setting and the value of a change, as the space has it."""
    name, equals, written = (part.strip() for part in text.partition("="))
    if not (name and equals and written):
        raise UserError(f"--with has {text!r}; give NAME=VALUE, such as rank=16.")
    if name not in space:
        raise unknown("setting of --with", name, space)
    value = _value(space[name], written)
    if value is None:
        raise UserError(f"--with has {text!r}, but the sweep tries {name} of {values_in_words(space[name])}.")
    return name, value


def _value(distribution: BaseDistribution, written: str) -> Parameter:
    """The value that is written so; None where the distribution has none."""
    from optuna.distributions import CategoricalDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return next((choice for choice in distribution.choices if str(choice) == written), None)
    try:
        value = int(written) if isinstance(distribution, IntDistribution) else float(written)
    except ValueError:
        return None
    return value if holds(distribution, value) else None


def _order_of(trial: TrialRecord, experiment: Experiment) -> dict[str, Parameter]:
    """The parameters that spell the trial's order and choose its seed, where the sweep searches them."""
    search, seeds = experiment.options.search, trial.config.seeds
    if not experiment.sweep.searches_orders:
        return {}
    seed = {REPLICATE: search.seeds.index(seeds[0])} if search.seeds_as_needed and seeds[0] in search.seeds else {}
    return {**search.space().params(trial.config.orders[0]), **seed}


def _proposed(experiment: Experiment, parameters: Mapping[str, Parameter]) -> TrialConfig | None:
    """The trial of these parameters; None where it asks for more of them, which the sampler then draws."""
    from optuna.trial import FixedTrial

    trial: Any = FixedTrial(dict(parameters))
    try:
        return experiment.propose(trial)
    except UserError as error:
        if isinstance(error.__cause__, ValueError) and "not found" in str(error.__cause__):
            return None
        raise


def _shared(one: TrialConfig, other: TrialConfig, step_inputs: StepInputs) -> str:
    graph = WalkGraph(step_inputs)
    known, steps = ({step.key for step in graph.distinct(config.walks())} for config in (one, other))
    return f", which shares {len(known & steps)} of its {counted(len(steps), 'step')}"


def _shown(settings: Mapping[str, Parameter]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items())
