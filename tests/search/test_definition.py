"""The recorded definition of a search, and what is said of one that has changed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.samplers import RandomSampler
from ray.tune.schedulers import ASHAScheduler

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import FineTuning, Learner, find_learner
from atlas.runtime.errors import UserError
from atlas.search.definition import (
    DEFINITION,
    Change,
    SearchDefinition,
    changes_since,
    define_search,
    read_definition,
    write_definition,
)
from atlas.search.grid import walk_whole
from atlas.steps.step import RECIPE, StepInputs
from atlas.sweep import learner_named
from tests.small import atlas

OWN = Path(__file__).parents[2] / "docs" / "own_learner.py"
INPUTS = StepInputs(backbone="weights", data={"a": "1", "b": "2"})
OPTIONS = Options.of(tasks=("a", "b"))


def space(trial: optuna.Trial, options: Options) -> Learner:
    rank = trial.suggest_categorical("rank", [2, 4])
    if rank == 4:
        trial.suggest_float("rate", 1e-4, 1e-1, log=True)
    return atlas(rank=rank)


def other_setting(trial: optuna.Trial, options: Options) -> Learner:
    return replace(space(trial, options), rank=8)


def wider(trial: optuna.Trial, options: Options) -> Learner:
    return atlas(rank=trial.suggest_categorical("rank", [2, 4, 8]), experience=None)


def commented(trial: optuna.Trial, options: Options) -> Learner:
    """Another function that does the same."""
    return space(trial, options)


SWEEP = Sweep(name="ranks", question="?", learner=space, trials=4, points=({"rank": 2},))


def experiment(**changed: Any) -> Experiment:
    return Experiment(sweep=replace(SWEEP, **changed), options=OPTIONS)


def lines(was: SearchDefinition, now: Experiment, inputs: StepInputs = INPUTS) -> list[str]:
    return [change.line for change in changes_since(was, now, inputs)]


@pytest.fixture
def was(tmp_path: Path) -> SearchDefinition:
    """The definition of `SWEEP`, as another process reads it."""
    write_definition(define_search(experiment(), INPUTS), tmp_path)
    found = read_definition(tmp_path)
    assert found is not None
    return found


def test_what_has_not_changed_is_not_said_to_have(was: SearchDefinition) -> None:
    assert was.space == {"rank": "2, 4", "rate": "0.0001 to 0.1, logarithmic"}
    assert lines(was, experiment()) == []
    assert lines(was, experiment(learner=commented, question="Another?")) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"trials": 6}, "trials: was 4, is 6"),
        ({"points": ({"rank": 4},)}, "points: were 1, are 1 (without rank=2, with rank=4)"),
        ({"points": ()}, "points: were 1, are 0 (without rank=2)"),
        ({"points": ({"rank": 2}, {"rank": 2})}, "points: were 1, are 2 (one is there twice)"),
        ({"sampler": lambda options: RandomSampler()}, "sampler: was the default, is RandomSampler"),
        (
            {"scheduler": lambda options: ASHAScheduler(time_attr="tasks_seen", metric="objective", mode="max")},
            "scheduler: was the default, is AsyncHyperBandScheduler",
        ),
    ],
)
def test_a_changed_field_is_said_with_what_was_and_what_is(
    was: SearchDefinition, changed: dict[str, Any], said: str
) -> None:
    assert lines(was, experiment(**changed)) == [said]


def test_a_changed_space_is_said_parameter_by_parameter(was: SearchDefinition) -> None:
    assert lines(was, experiment(learner=wider))[:2] == [
        "parameter rank: was 2, 4; is 2, 4, 8",
        "parameter rate: was 0.0001 to 0.1, logarithmic; is not there",
    ]


def test_a_setting_that_no_parameter_has_is_said_too(was: SearchDefinition) -> None:
    (said,) = lines(was, experiment(learner=other_setting))
    assert said.startswith("the learner with rank=")
    assert said.endswith((": rank was 2, is 8", ": rank was 4, is 8"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: (experiment(goal="own/average_accuracy"), INPUTS), "goal: was "),
        (lambda: (experiment(), replace(INPUTS, backbone="others")), "the backbone has other weights than it had"),
        (lambda: (experiment(), replace(INPUTS, data={"a": "1", "b": "3"})), "the data of b are prepared otherwise"),
        (lambda: (experiment(searches_orders=True), INPUTS), "searches_orders: was False, is True"),
    ],
)
def test_what_would_make_finished_trials_incomparable_is_final(
    was: SearchDefinition, change: Callable[[], tuple[Experiment, StepInputs]], said: str
) -> None:
    found = changes_since(was, *change())
    assert found[0].final
    assert found[0].line.startswith(said)


def test_another_recipe_is_final(was: SearchDefinition) -> None:
    earlier = was.model_copy(update={"recipe": RECIPE - 1})
    assert changes_since(earlier, experiment(), INPUTS)[0].final


def test_adapters_that_are_computed_otherwise_are_final_where_a_learner_has_some(was: SearchDefinition) -> None:
    revised = replace(INPUTS, revisions={"text": 1})
    (found,) = changes_since(was, experiment(), revised)
    assert found == Change(
        "this version of atlas computes adapters on the backbone otherwise (revision 0, now 1)", final=True
    )
    tuned = experiment(learner=lambda trial, options: FineTuning(), points=())
    assert changes_since(define_search(tuned, INPUTS), tuned, revised) == []


def test_the_file_of_a_learner_of_ones_own_counts(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(OWN.read_text())
    name = find_learner(f"{path}:SpringAdapter").name
    own = experiment(learner=lambda trial, options: learner_named(name, options.training), points=())
    before = define_search(own, INPUTS)
    assert changes_since(before, own, INPUTS) == []
    path.write_text(OWN.read_text() + "\n# another\n")
    find_learner(f"{path}:SpringAdapter")
    assert changes_since(before, own, INPUTS) == [
        Change(f"the file of the learner {name}, or a module beside it, is another")
    ]


def test_a_folder_of_an_earlier_version_has_none_and_one_of_a_later_is_named(
    tmp_path: Path, was: SearchDefinition
) -> None:
    assert read_definition(tmp_path / "nowhere") is None
    write_definition(was.model_copy(update={"version": 9}), tmp_path)
    with pytest.raises(UserError, match="is of version 9; this atlas reads up to 1"):
        read_definition(tmp_path)
    (tmp_path / DEFINITION).write_text("{")
    with pytest.raises(UserError, match=r"definition\.json cannot be read: delete it to resume without comparing"):
        read_definition(tmp_path)


@pytest.mark.parametrize("smoke", [False, True])
def test_a_grid_that_is_walked_whole_has_not_changed_when_it_is_resumed(smoke: bool) -> None:
    """A sweep that begins takes its whole grid as its first trials; one that is resumed has the file's points alone."""
    sweep = Sweep(name="ranks", question="?", learner=wider, trials=8, smoke_points=({"rank": 8},))
    whole = walk_whole(Experiment(sweep=sweep, options=OPTIONS.changed(smoke=smoke)))
    assert len(whole.points()) == whole.trial_count() == 3
    resumed = Experiment(sweep=sweep, options=whole.options)
    assert changes_since(define_search(whole, INPUTS), resumed, INPUTS) == []
