"""The reference of a learner: taken where it can be, and refused early where it cannot."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import optuna
import pytest

from atlas.config.addresses import with_names
from atlas.config.experiment import Experiment
from atlas.config.learners import learner_named
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.learners import Zscl
from atlas.runtime.errors import UserError

SWEEP = Sweep(name="mine", question="Which?")


def options(**changed: Any) -> Options:
    return Options.of(**{"tasks": ("digits", "easy-vqa"), "learner": "zscl", "reference": "dtd-twin", **changed})


def proposed(asked: Options, sweep: Sweep = SWEEP) -> Any:
    experiment = Experiment(sweep=sweep, options=asked)
    experiment.check()
    return experiment.propose(optuna.create_study().ask()).learner


def test_the_learner_that_takes_one_is_given_it() -> None:
    learner = proposed(options())
    assert learner.reference == "dtd-twin"
    assert [stage.reads for stage in learner.stages(0)] == [("dtd-twin",)]
    assert proposed(options(reference="")).settings().keys() == learner.settings().keys() - {"reference"}
    assert options().search.named_tasks == ("digits", "easy-vqa", "dtd-twin")


def test_of_a_sweep_that_chooses_its_learner_those_take_it_that_can() -> None:
    for name, taken in (("zscl", "dtd-twin"), ("ewc", "")):
        sweep = replace(SWEEP, learner=lambda trial, asked, name=name: learner_named(name, asked.training))
        assert getattr(proposed(options(learner="atlas"), sweep), "reference", "") == taken


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reference": "dtd-twn"}, "unknown task 'dtd-twn'. Did you mean 'dtd-twin'"),
        ({"reference": "digits"}, "--reference is digits, which the sweep trains, too; name a task beside those of it"),
        ({"reference": "piqa-twin"}, "--reference piqa-twin: its records have no picture"),
        (
            {"learner": "atlas"},
            "the learner 'atlas' reads no other task's records; leave it out, or give --learner zscl.",
        ),
    ],
)
def test_what_cannot_be_a_reference_is_refused_before_any_work(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as refused:
        proposed(with_names(options(**changed)))
    assert message in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("eurosat-twin", "whose records are not prepared; give --reference eurosat-twin, too."),
        ("digits", "the learner 'zscl' has the reference digits, which the sweep trains, too"),
        ("no-task", "unknown task 'no-task'"),
    ],
)
def test_a_learner_that_names_one_itself_is_told_how_it_is_prepared(reference: str, message: str) -> None:
    sweep = replace(SWEEP, learner=lambda trial, asked: Zscl(reference=reference))
    with pytest.raises(UserError, match=message):
        proposed(options(learner="atlas", reference=""), sweep)
