"""A space with no more settings than trials is walked whole, each setting once."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Learner
from atlas.runtime.errors import UserError
from atlas.search.grid import walk_whole
from atlas.search.proposals import foresee, is_exact
from tests.small import atlas

TASKS = ("a", "b")


def ranked(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(rank=trial.suggest_categorical("rank", [2, 4, 8, 16]))


def continuous(trial: optuna.Trial, options: Options) -> Learner:
    trial.suggest_float("x", 0, 1)
    return ranked(trial, options)


def unsearched(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(rank=1 + trial.number)


SETTINGS = Sweep(name="settings", question="?", learner=ranked, trials=8)


def experiment(sweep: Sweep, **options: Any) -> Experiment:
    return Experiment(sweep=sweep, options=Options.of(**{"tasks": TASKS, **options}))


def ranks(found: Experiment) -> list[int]:
    return [trial[0].learner.settings()["rank"] for trial in foresee(found).trials]  # type: ignore[misc]


def test_a_grid_with_fewer_settings_than_trials_is_walked_once() -> None:
    whole = walk_whole(experiment(SETTINGS))
    assert whole.trial_count() == 4
    assert is_exact(whole)
    assert sorted(ranks(whole)) == [2, 4, 8, 16]


def test_its_points_come_first() -> None:
    whole = walk_whole(experiment(replace(SETTINGS, points=({"rank": 8}, {"rank": 2}))))
    assert ranks(whole)[:2] == [8, 2]
    assert sorted(ranks(whole)) == [2, 4, 8, 16]


def test_a_point_that_is_asked_for_twice_is_walked_twice() -> None:
    whole = walk_whole(experiment(replace(SETTINGS, points=({"rank": 8}, {"rank": 8}))))
    assert ranks(whole)[:2] == [8, 8]


@pytest.mark.parametrize(
    "sweep",
    [
        replace(SETTINGS, trials=3),
        replace(SETTINGS, learner=continuous, trials=30),
        replace(SETTINGS, learner=unsearched),
        replace(SETTINGS, sampler=lambda options: RandomSampler(seed=0)),
        replace(SETTINGS, searches_orders=True, trials=2),
    ],
    ids=["fewer trials", "continuous", "no parameter", "own sampler", "orders"],
)
def test_any_other_sweep_stays_as_it_is(sweep: Sweep) -> None:
    assert walk_whole(experiment(sweep)) == experiment(sweep)


def test_without_it_no_setting_comes_twice_either() -> None:
    assert sorted(ranks(experiment(replace(SETTINGS, trials=4)))) == [2, 4, 8, 16]


def test_a_point_outside_the_space_is_refused() -> None:
    with pytest.raises(UserError, match="point 1 of the sweep settings"):
        walk_whole(experiment(replace(SETTINGS, points=({"rank": 5},))))


def test_a_smoke_run_takes_its_own_points() -> None:
    sweep = replace(SETTINGS, points=({"rank": 2},), smoke_points=({"rank": 16}, {"rank": 4}))
    small = sweep.smoke(Options.of(smoke=True))
    assert small.search.trials == 2
    assert ranks(Experiment(sweep=sweep, options=small.changed(tasks=TASKS))) == [16, 4]
    assert ranks(experiment(sweep))[:1] == [2]
