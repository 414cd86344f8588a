"""The space of a sweep as its learner function shows it: the parameters that it suggests, sampled at random."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import JsonValue

from atlas.config.experiment import Experiment
from atlas.config.space import is_order_choice
from atlas.learners import Learner
from atlas.runtime.errors import UserError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution

SAMPLES = 40


@dataclass(frozen=True, kw_only=True)
class SpaceSample:
    """A trial that was drawn at random: its number, what was suggested for it, and the settings of its learner."""

    number: int
    parameters: Mapping[str, JsonValue]
    learner: Mapping[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class SampledSpace:
    """Name → distribution of every parameter that the samples met, choices of an order apart; and the samples."""

    distributions: Mapping[str, BaseDistribution]
    samples: tuple[SpaceSample, ...]


def sample_space(experiment: Experiment, samples: int = SAMPLES) -> SampledSpace:
    """Draw trials from the space at random, the same ones in every process; those that it refuses are left out."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    distributions: dict[str, BaseDistribution] = {}
    drawn: list[SpaceSample] = []
    for number in range(samples):
        trial = study.ask()
        learner: Learner | None = None
        with suppress(UserError):  # a space that refuses some values: such a trial fails when its time comes
            learner = experiment.propose(trial).learner
        distributions |= {name: one for name, one in trial.distributions.items() if not is_order_choice(name)}
        if learner is not None:
            parameters = _without_orders(trial.params)
            drawn.append(SpaceSample(number=number, parameters=parameters, learner=learner.settings()))
    return SampledSpace(distributions=distributions, samples=tuple(drawn))


def _without_orders(parameters: Mapping[str, Any]) -> dict[str, JsonValue]:
    return {name: value for name, value in parameters.items() if not is_order_choice(name)}
