from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
import pytest

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.trial import REFUSED, trial_config_from
from atlas.learners import TwoStage
from atlas.runtime.errors import UserError
from atlas.search.gaussian_process_sampler import SCORES
from atlas.search.optuna_search import PruningOptunaSearch
from atlas.search.proposals import Space
from atlas.search.trainable import run_trial
from atlas.search.trial_report import COMPLETE, OBJECTIVE, TASK_SCORES

Suggest = Callable[[optuna.Trial], Any]


def search_of(suggest: Suggest) -> PruningOptunaSearch:
    def learner(trial: optuna.Trial, options: Options) -> TwoStage:
        suggest(trial)
        return TwoStage(rank=3)

    sweep = Sweep(name="mine", question="?", learner=learner, trials=9)
    space = Space(Experiment(sweep=sweep, options=Options.of(tasks=("a", "b"), orders=("a,b",), seeds=(4,))))
    sampler = optuna.samplers.RandomSampler(seed=0)
    return PruningOptunaSearch(space, metric=OBJECTIVE, mode="max", sampler=sampler, study_name="mine")


def failing_late(trial: optuna.Trial) -> None:
    if trial.number == 2:
        raise KeyError("lr")


@pytest.mark.parametrize(
    ("suggest", "message"),
    [
        (
            lambda trial: trial.suggest_categorical("kind", ["a", "b"] if trial.number != 2 else ["a", "c"]),
            "the space of the parameter 'kind' was the choices 'a', 'b' and is the choices 'a', 'c' in trial 2",
        ),
        (
            lambda trial: trial.suggest_float("rate", 0.1, 1, log=trial.number != 2),
            "the space of the parameter 'rate' was float 0.1 to 1.0 (log) and is float 0.1 to 1.0 in trial 2",
        ),
        (
            lambda trial: (trial.suggest_int if trial.number != 2 else trial.suggest_float)(name="rank", low=1, high=4),
            "the space of the parameter 'rank' was int 1 to 4 and is float 1.0 to 4.0 in trial 2",
        ),
        (failing_late, "the learner function of the sweep mine fails: KeyError: 'lr'"),
    ],
)
def test_a_space_that_changes_late_fails_that_trial_alone_and_says_what_changed(suggest: Suggest, message: str) -> None:
    search = search_of(suggest)
    configs = [search.suggest(str(number)) for number in range(5)]
    assert [REFUSED in config for config in configs if config] == [False, False, True, False, False]
    with pytest.raises(UserError) as refused:
        run_trial(configs[2], setup=None)  # type: ignore[arg-type]  # it ends before anything is asked of the setup
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)
    search.on_trial_complete("2", error=True)
    assert search._ot_study.trials[2].state.name == "FAIL"


def test_bounds_may_change() -> None:
    search = search_of(lambda trial: trial.suggest_int("rank", 1, 4 + trial.number))
    configs = [search.suggest(str(number)) for number in range(3)]
    assert [config["rank"] in range(1, 7) for config in configs if config] == [True] * 3


def test_a_refused_trial_is_known_by_its_reason_and_hides_no_parameter() -> None:
    search = search_of(lambda trial: [trial.suggest_int("rank", 1, 4), failing_late(trial)])
    found = [trial_config_from(search.suggest(str(number)) or {}) for number in range(3)]
    assert [bool(one.refused) for one in found] == [False, False, True]
    assert [list(one.parameters) for one in found] == [["rank"]] * 3
    assert (found[2].orders, found[2].seeds) == ((("a", "b"),), (4,))


def test_optuna_knows_the_scores_after_each_task() -> None:
    """Those of a report while the trial runs, and those of its last."""
    search = search_of(lambda trial: None)
    search.suggest("t")
    report = {OBJECTIVE: 40.0, "training_iteration": 1, TASK_SCORES: [[40.0]], COMPLETE: False}
    search.on_trial_result("t", report)
    assert search.study.trials[0].user_attrs[SCORES] == [[40.0]]
    rows = [[40.0], [30.0, 50.0]]
    search.on_trial_complete("t", {**report, "training_iteration": 2, TASK_SCORES: rows, COMPLETE: True})
    assert search.study.trials[0].user_attrs[SCORES] == rows


def test_tune_saves_nothing_that_grows_with_the_trials(tmp_path: Path) -> None:
    search = search_of(lambda trial: trial.suggest_float("rate", 0.1, 1))
    search.suggest("0")
    search.save_to_dir(str(tmp_path))
    assert list(tmp_path.iterdir()) == []
