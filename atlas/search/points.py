"""The points of a sweep, held against its space before the search begins."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from atlas.config.experiment import Experiment
from atlas.runtime.errors import UserError, unknown

if TYPE_CHECKING:
    import optuna
    from optuna.distributions import BaseDistribution


class PointRefused(UserError):
    """A point that the sweep's space does not take."""


def check_points(experiment: Experiment) -> None:
    """Let the sweep's space suggest each of its points.

    Raises:
        PointRefused: a point has a parameter or a value that the space does not suggest, or the space changes its
            choices from trial to trial.
    """
    points = experiment.points()
    if not points:
        return
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for number, point in enumerate(points, start=1):
        study.enqueue_trial(dict(point), skip_if_exists=False)
        trial = study.ask()
        what = f"point {number} of the sweep {experiment.sweep.name}"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a value that is not suggested is an error below
                experiment.propose(trial)
        except UserError as error:
            raise PointRefused(f"{what}: {error}") from error
        except ValueError as error:  # Optuna's, of a task that may not come next
            space = experiment.options.search.space()
            raise PointRefused(f"{what} has an order that does not keep to {space.in_words()}: {error}") from error
        _check(trial, point, what)


def _check(trial: optuna.Trial, point: Mapping[str, Any], what: str) -> None:
    for name, value in point.items():
        if name not in trial.params:
            raise PointRefused(str(unknown(f"parameter in {what}", name, trial.params)))
        if not holds(trial.distributions[name], value):
            raise PointRefused(f"{what} has {name}={value!r}; its space is {trial.distributions[name]}.")


def holds(distribution: BaseDistribution, value: Any) -> bool:
    """Whether the distribution may give the value; Optuna itself only warns of a number outside."""
    from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

    if isinstance(distribution, CategoricalDistribution):
        return value in distribution.choices
    if not isinstance(distribution, FloatDistribution | IntDistribution):
        return True
    if isinstance(value, bool | str) or not distribution.low <= value <= distribution.high:
        return False
    steps = (value - distribution.low) / (distribution.step or 1)
    return (distribution.step is None or distribution.log) or abs(steps - round(steps)) < 1e-8
