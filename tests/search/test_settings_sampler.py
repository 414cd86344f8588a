"""No setting is proposed twice while there is another, and TPE's own proposals stay what they are."""

from __future__ import annotations

import json
import pickle
import warnings
from collections.abc import Callable

import optuna
import pytest

from atlas.search.settings_sampler import SettingsSampler
from atlas.search.tried_settings import TriedSettings, grid_values

Ask = Callable[[optuna.Trial], float]


def grid(trial: optuna.Trial) -> float:
    """Twelve settings: one branch has a parameter of its own."""
    rank = trial.suggest_categorical("rank", [2, 4])
    if trial.suggest_categorical("way", ["learned", "uniform"]) == "learned":
        return rank * trial.suggest_int("width", 1, 5)
    return rank * (1.0 if trial.suggest_categorical("plain", [True]) else 0.5)


def endless(trial: optuna.Trial) -> float:
    """Two settings of a finite branch beside a continuous one."""
    if trial.suggest_categorical("way", ["fixed", "uniform"]) == "fixed":
        return trial.suggest_float("past", 0, 1)
    return float(trial.suggest_categorical("rank", [2, 4]))


def proposed(ask: Ask, trials: int, *, sampler: optuna.samplers.BaseSampler | None = None) -> list[str]:
    """The settings of so many trials of a study that is told their values."""
    study = optuna.create_study(direction="maximize", sampler=sampler or SettingsSampler(seed=0))
    for _ in range(trials):
        trial = study.ask()
        study.tell(trial, ask(trial))
    return [json.dumps(trial.params) for trial in study.trials]


def test_a_grid_is_walked_whole_before_a_setting_comes_again() -> None:
    settings = proposed(grid, 12)
    assert len(set(settings)) == 12
    assert len(set(proposed(grid, 14))) == 12


def test_tpe_alone_repeats_settings_of_that_grid() -> None:
    assert len(set(proposed(grid, 12, sampler=optuna.samplers.TPESampler(seed=0)))) < 12


def test_a_finite_branch_beside_a_continuous_one_is_not_repeated() -> None:
    finite = [one for one in proposed(endless, 12) if "rank" in one]
    assert len(finite) == len(set(finite)) <= 2


def test_proposals_are_tpes_own_as_long_as_none_repeats() -> None:
    def wide(trial: optuna.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + trial.suggest_float("y", 0, 1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        own = optuna.samplers.TPESampler(seed=3, multivariate=True, group=True, n_startup_trials=4)
    assert proposed(wide, 12, sampler=SettingsSampler(seed=3)) == proposed(wide, 12, sampler=own)


def test_a_sampler_that_was_saved_reads_the_study_again() -> None:
    study = optuna.create_study(direction="maximize", sampler=SettingsSampler(seed=0))
    for _ in range(6):
        trial = study.ask()
        study.tell(trial, grid(trial))
    study.sampler = pickle.loads(pickle.dumps(study.sampler))
    for _ in range(6):
        trial = study.ask()
        study.tell(trial, grid(trial))
    assert len({json.dumps(trial.params) for trial in study.trials}) == 12


def test_it_knows_when_all_is_tried_and_when_there_is_no_end() -> None:
    study = optuna.create_study(sampler=SettingsSampler(seed=0))
    tried = TriedSettings()
    tried.read(study)
    assert not tried.is_whole
    for _ in range(12):
        grid(study.ask())
    tried.read(study)
    assert tried.is_whole
    assert not tried.is_endless


@pytest.mark.parametrize(
    ("distribution", "values"),
    [
        (optuna.distributions.CategoricalDistribution(["a", None]), ("a", None)),
        (optuna.distributions.IntDistribution(2, 8, step=3), (2, 5, 8)),
        (optuna.distributions.FloatDistribution(0, 0.3, step=0.1), (0, 0.1, 0.2, pytest.approx(0.3))),
        (optuna.distributions.FloatDistribution(0, 1), None),
        (optuna.distributions.IntDistribution(1, 100_000), None),
    ],
)
def test_values_of_a_grid(distribution: optuna.distributions.BaseDistribution, values: object) -> None:
    assert grid_values(distribution) == values
