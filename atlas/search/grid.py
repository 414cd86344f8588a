"""Grids: spaces with no more settings than a sweep has trials, which are walked whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from atlas.config.experiment import Experiment
from atlas.runtime.errors import UserError
from atlas.search.points import check_points
from atlas.search.proposals import REHEARSED


def walk_whole(experiment: Experiment) -> Experiment:
    """The experiment with every setting of its space as its grid, where there are no more of them than trials.

    It has then as many trials as settings. A sweep of orders, with a continuous parameter, with a sampler of its own
    or without any parameter stays as it is. Only for a sweep that begins: one that is resumed keeps its proposals.

    Raises UserError for points that the sweep's space does not hold, and where its learner function fails.
    """
    sweep = experiment.sweep
    if sweep.searches_orders or sweep.sampler is not None:
        return experiment
    check_points(experiment)
    settings = _all_settings(experiment)
    if settings is None:
        return experiment
    return replace(
        experiment,
        grid=tuple(settings),
        options=experiment.options.changed(trials=len(settings)),
    )


def _all_settings(experiment: Experiment) -> list[dict[str, Any]] | None:
    """The settings in the sequence of trials, the sweep's points first; None where they are not all among these."""
    import optuna

    from atlas.search.settings_sampler import SettingsSampler

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = SettingsSampler(seed=experiment.options.search.seeds[0])
    study = optuna.create_study(sampler=sampler)
    points, count = experiment.points(), experiment.trial_count()
    for point in points[:count]:
        study.enqueue_trial(dict(point), skip_if_exists=False)
    found: list[dict[str, Any]] = []
    for number in range(count):
        trial = study.ask()
        try:
            experiment.propose(trial)
        except UserError:
            if number < REHEARSED:
                raise
            return None  # so late an error fails its trial alone
        found.append(dict(trial.params))
        tried = sampler.tried(study)
        if tried.is_endless:
            return None
        if tried.is_whole and number + 1 >= len(points):
            return found
    return None
