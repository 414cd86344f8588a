"""A goal that no walk would have a value of is refused before any work, with what gives it one."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import optuna
import pytest

from atlas.config.beyond import beyond_of
from atlas.config.experiment import Experiment
from atlas.config.goal_check import lack_of
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.config.sweep_check import goals
from atlas.learners import LEARNERS, Learner
from atlas.runtime.errors import UserError
from atlas.steps.graph import WalkGraph
from atlas.steps.probe import Probe
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult, objective
from atlas.storage.step_result import Scores, SplitScores, StepResult

SWEEP = Sweep(name="mine", question="Which?", searches_orders=True)
PICTURES = ("digits", "mnist-twin")
BY_NAME: dict[str, Any] = {"tasks": PICTURES, "backbone": "clip-tiny", "readout": "similarity", "downstream": ()}
PLAIN = Options.of(**BY_NAME)
FREE = PLAIN.changed(label_space="all")


@pytest.mark.parametrize(
    ("goal", "options", "told"),
    [
        ("free/average_accuracy", PLAIN, "route free is not scored without a label space; give --label-space all."),
        ("free/mtil_last", Options(), "a label space; give --label-space all and --readout similarity."),
        (
            "free/average_accuracy",
            FREE.changed(tasks=("easy-vqa", "digits")),
            "no answers for easy-vqa, which does not name pictures by classes alone; leave it out of the tasks.",
        ),
        ("free/mtil_transfer", FREE.changed(label_space="learnt"), "were not scored; give --label-space all."),
        ("latest/mtil_transfer", PLAIN, "give --score-ahead yes, with --readout similarity."),
        ("latest/mtil_average", Options(), "give --score-ahead yes, with --readout similarity."),
        ("latest/forward_transfer", PLAIN, "give --score-ahead yes, with --readout similarity."),
        ("latest/upstream_knowledge_transfer", PLAIN, "; take another goal."),
        ("own/backward_transfer", PLAIN.changed(tasks=("digits",)), "it takes two tasks; give --tasks two tasks or"),
        (
            "downstream/mean",
            PLAIN,
            "no task is trained after an order; name one by --downstream, or take another goal.",
        ),
    ],
)
def test_a_goal_without_a_value_is_refused_with_what_gives_it_one(goal: str, options: Options, told: str) -> None:
    experiment = Experiment(sweep=replace(SWEEP, goal=goal), options=options)
    with pytest.raises(UserError) as refused:
        experiment.check()
    message = str(refused.value)
    assert message.startswith(f"the goal of the sweep mine is {goal!r}, which has no value here: ")
    assert told in message
    assert "Goals that have one: latest/average_accuracy, own/average_accuracy" in message
    assert "\n" not in message
    assert goal not in message.partition("Goals that have one")[2]


@pytest.mark.parametrize("name", ["moe-adapters", "lone-adapters"])
def test_a_learner_that_has_no_such_scores_is_refused(name: str) -> None:
    learner = LEARNERS[name]().with_readout("similarity")
    told = lack_of("free/average_accuracy", FREE, learner)
    assert told is not None
    assert name in told.reason
    assert lack_of("free/average_accuracy", FREE) is None
    ahead = lack_of("latest/future_accuracy", PLAIN.changed(score_ahead="yes"), learner)
    assert (ahead is None) == (name == "moe-adapters")


def test_a_trial_whose_learner_has_no_such_scores_is_refused() -> None:
    """A sweep that chooses among learners knows the one of a trial when it is proposed."""
    chosen = replace(SWEEP, goal="free/average_accuracy", learner=lambda trial, options: LEARNERS["moe-adapters"]())
    experiment = Experiment(sweep=replace(chosen, any_learner=True), options=FREE)
    experiment.check()
    with pytest.raises(UserError, match="the learner 'moe-adapters' has to be told a record's task"):
        experiment.propose(optuna.create_study().ask())


def walked(options: Options, learner: Learner) -> WalkResult:
    """A walk along the options' tasks with every score that it is going to have."""
    tasks, downstream = options.search.tasks, options.search.downstream
    walk = Walk(
        order=tasks,
        learner=learner,
        seed=0,
        beyond=beyond_of(options),
        probes=tuple(Probe(task=task, way="both", shots=None) for task in downstream),
    )
    inputs = StepInputs(backbone="b", data={task: task for task in (*tasks, *downstream)})
    found = WalkResult(walk=walk, graph=WalkGraph(inputs))
    found.zero_shot = SplitScores(val=dict.fromkeys(tasks, 40.0) if walk.beyond else {})
    for step in found.every_step():
        told, free = (SplitScores(val=dict.fromkeys(names, 60.0)) for names in (step.scored, step.label_space))
        found.add(step, StepResult(scores=Scores(latest=told, own=told, free=free)))
    return found


@pytest.mark.parametrize("name", ["atlas", "moe-adapters", "lone-adapters"])
@pytest.mark.parametrize("goal", goals())
def test_what_is_allowed_has_a_value_and_what_is_refused_has_none(goal: str, name: str) -> None:
    """For every goal and all options that decide which scores there are, by the walks' own arithmetic."""
    learner = LEARNERS[name]().with_readout("similarity")
    probed = ((), ("easy-vqa",)) if name == "atlas" else ((),)  # others take no probes
    alone = SplitScores(val=dict.fromkeys(PICTURES, 80.0))
    for ahead, space, downstream in itertools.product(("yes", "no"), ("all", "learnt", "none"), probed):
        options = PLAIN.changed(score_ahead=ahead, label_space=space, downstream=downstream)
        walk = walked(options, learner)
        value = walk.figure(goal, alone)
        assert (value is None) == (lack_of(goal, options, learner) is not None), (ahead, space, downstream)
        if value is not None:
            assert objective([walk], alone, aim="mean", goal=goal) == value
