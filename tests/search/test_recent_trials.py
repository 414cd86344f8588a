"""TPE that reads the best and the latest trials."""

from __future__ import annotations

import pickle

import optuna
import pytest
from optuna.samplers import TPESampler

from atlas.search import recent_trials
from atlas.search.recent_trials import RecentTPESampler
from atlas.search.settings_sampler import SettingsSampler

TrialState = optuna.trial.TrialState


def taken(study: optuna.Study, trials: int) -> list[dict[str, float]]:
    """The parameters of so many trials, some of which are pruned."""
    for _ in range(trials):
        trial = study.ask()
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_categorical("y", [0.0, 0.5, 1.0])
        study.tell(trial, None if x > 0.9 else -(x**2) + y, state=TrialState.PRUNED if x > 0.9 else None)
    return [trial.params for trial in study.trials]


def study_of(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    return optuna.create_study(direction="maximize", sampler=sampler)


def test_few_trials_are_all_read() -> None:
    assert taken(study_of(RecentTPESampler(seed=3)), 25) == taken(study_of(TPESampler(seed=3)), 25)


@pytest.mark.parametrize("make", [RecentTPESampler, SettingsSampler])
def test_of_many_the_best_and_the_latest_are_read(
    make: type[RecentTPESampler], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, number in {"MOST": 30, "LATEST": 12, "BEST": 4}.items():
        monkeypatch.setattr(recent_trials, name, number)
    sampler = make(seed=0)
    study = study_of(sampler)
    taken(study, 60)
    study.ask()
    read = sampler._read(study, study.trials[-1])
    ended = study.get_trials(states=(TrialState.COMPLETE, TrialState.PRUNED))
    numbers = {one.number for one in read.get_trials(deepcopy=False)}
    best = sorted((one for one in ended if one.value is not None), key=lambda one: -(one.value or 0.0))[:4]
    assert len(read.get_trials(deepcopy=False)) <= 31  # with the one that asks
    assert {one.number for one in (*ended[-12:], *best)} <= numbers


def test_it_is_pickled_without_the_trials_and_goes_on_as_it_would_have(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"MOST": 20, "LATEST": 8, "BEST": 4}.items():
        monkeypatch.setattr(recent_trials, name, number)
    study = study_of(RecentTPESampler(seed=1))
    taken(study, 21)  # read anew, these are the best and the latest of the same trials
    sampler = pickle.loads(pickle.dumps(study.sampler))
    other = study_of(sampler)
    other.add_trials(study.trials)
    assert b"FrozenTrial" not in pickle.dumps(study.sampler)
    assert taken(other, 3)[-3:] == taken(study, 3)[-3:]


def test_a_study_of_several_objectives_is_read_as_it_is() -> None:
    study = optuna.create_study(directions=["maximize", "minimize"], sampler=RecentTPESampler(seed=0))
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), n_trials=12)
    assert len(study.trials) == 12
