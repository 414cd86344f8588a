from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from atlas.data.few_shot import Shots
from atlas.learners import HeadOnly, Schedule, SingleTaskAdapters, TwoStage
from atlas.steps.graph import WalkGraph
from atlas.steps.probe import Probe
from atlas.steps.step import StepInputs
from atlas.steps.walk import Walk
from atlas.steps.walk_result import DOWNSTREAM, WalkResult, mean_metrics, objective
from atlas.storage.step_result import Scores, SplitScores, StepResult

STEP_INPUTS = StepInputs(backbone="x", data={"a": "a", "b": "b", "c": "c"})
SINGLE_TASK = SplitScores(val={"a": 80.0, "b": 40.0}, test={"a": 50.0, "b": 50.0})
LEARNER = TwoStage(experience=Schedule(steps=1))


def result(val: dict[str, float], own: dict[str, float] | None = None) -> StepResult:
    """A step's scores, on test 10 points fewer than on val, and its curve."""
    test = {task: value - 10 for task, value in val.items()}
    scores = Scores(latest=SplitScores(val=val, test=test), own=SplitScores(val=own or val, test=own or test))
    return StepResult(scores=scores, losses=((1, 2.0), (11, 1.0)))


def walked(order: str, *rows: dict[str, float], seed: int = 0) -> WalkResult:
    """A walk whose tasks were trained to these scores, both stages of each."""
    outcome = WalkResult(walk=Walk(order=tuple(order), learner=LEARNER, seed=seed), graph=WalkGraph(STEP_INPUTS))
    for stages, row in zip(outcome.steps, rows, strict=False):
        for step in stages:
            outcome.add(step, result(row))
    return outcome


def test_the_matrix_has_a_row_for_each_trained_task_and_nan_elsewhere() -> None:
    outcome = walked("ba", {"b": 30.0}, {"b": 20.0, "a": 60.0})
    R = outcome.matrix("val", "latest")
    assert R[1] == [20.0, 60.0]
    assert R[0][0] == 30.0
    assert math.isnan(R[0][1])
    assert outcome.matrix("test", "latest")[1] == [10.0, 50.0]
    assert all(math.isnan(value) for row in walked("ba").matrix("val", "own") for value in row)


def test_the_scores_of_stage_one_are_no_row() -> None:
    outcome = walked("ab", {"a": 70.0})
    experience = outcome.steps[1][0]
    outcome.add(experience, result({"b": 99.0}))
    assert all(math.isnan(value) for value in outcome.matrix("val", "latest")[1])
    assert outcome.finished == [outcome.steps[0][0], experience]


def test_midway_the_objective_is_relative_to_each_task_alone() -> None:
    assert objective([walked("ab", {"a": 60.0})], SINGLE_TASK, aim="mean") == pytest.approx(75.0)
    assert objective([walked("ba", {"b": 30.0})], SINGLE_TASK, aim="mean") == pytest.approx(75.0)


def test_at_the_end_the_objective_is_the_average_accuracy() -> None:
    assert objective([walked("ab", {"a": 60.0}, {"a": 50.0, "b": 30.0})], SINGLE_TASK, aim="mean") == pytest.approx(
        40.0
    )


def test_of_several_orders_the_mean_or_the_worst_counts_of_seeds_the_mean() -> None:
    outcomes = [
        walked("ab", {"a": 60.0}, {"a": 50.0, "b": 30.0}, seed=0),
        walked("ab", {"a": 60.0}, {"a": 70.0, "b": 30.0}, seed=1),
        walked("ba", {"b": 60.0}, {"a": 10.0, "b": 30.0}, seed=0),
        walked("ba", {"b": 60.0}, {"a": 20.0, "b": 40.0}, seed=1),
    ]
    assert objective(outcomes, SINGLE_TASK, aim="mean") == pytest.approx((45 + 25) / 2)
    assert objective(outcomes, SINGLE_TASK, aim="worst") == pytest.approx(25)
    assert objective(outcomes, SINGLE_TASK, aim="q25") == pytest.approx(30)


def test_as_long_as_one_walk_is_unfinished_all_are_judged_midway() -> None:
    done, under_way = walked("ab", {"a": 60.0}, {"a": 80.0, "b": 40.0}), walked("ba", {"b": 20.0})
    assert objective([done, under_way], SINGLE_TASK, aim="mean") == pytest.approx((100 + 50) / 2)


def test_the_metrics_name_split_and_route() -> None:
    found = walked("ab", {"a": 60.0}, {"a": 50.0, "b": 30.0}).metrics(SINGLE_TASK)
    assert found["val/latest/average_accuracy"] == pytest.approx(40.0)
    assert found["test/latest/average_accuracy"] == pytest.approx(30.0)
    assert found["val/latest/backward_transfer"] == pytest.approx(-10.0)
    assert found["val/latest/intransigence_to_lone"] == pytest.approx((20 + 10) / 2)
    assert found["train/learning_speed"] == pytest.approx(10.0)
    assert not found.keys() & {"val/latest/intransigence", "val/learning_speed"}
    assert all(math.isfinite(value) for value in found.values())


def test_means_are_taken_over_what_all_walks_have() -> None:
    one, two = walked("ab", {"a": 60.0}), walked("ab", {"a": 60.0}, {"a": 50.0, "b": 30.0})
    found = mean_metrics([one, two], SINGLE_TASK)
    assert found["val/latest/average_accuracy"] == pytest.approx((60 + 40) / 2)
    assert "val/latest/backward_transfer" not in found


@pytest.mark.parametrize("learner", [SingleTaskAdapters(like=LEARNER), HeadOnly()])
def test_a_learner_that_builds_on_nothing_keeps_each_tasks_score(learner: Any) -> None:
    outcome = WalkResult(walk=Walk(order=("a", "b"), learner=learner, seed=0), graph=WalkGraph(STEP_INPUTS))
    outcome.add(outcome.steps[0][0], result({"a": 60.0}))
    assert math.isnan(outcome.matrix("val", "latest")[1][0])
    outcome.add(outcome.steps[1][0], result({"b": 20.0}))
    assert outcome.matrix("val", "latest")[1] == [60.0, 20.0]
    assert objective([outcome], SINGLE_TASK, aim="mean") == pytest.approx(40.0)
    assert outcome.metrics(SINGLE_TASK)["val/latest/forgetting"] == 0.0


def test_downstream_scores_are_the_goal_once_all_probes_are_trained() -> None:
    probes = (
        Probe(task="c", way="experience", shots=Shots(count=4)),
        Probe(task="c", way="both", shots=Shots(count=4)),
    )
    outcome = walked("ab", {"a": 60.0}, {"a": 50.0, "b": 30.0})
    outcome = WalkResult(
        walk=replace(outcome.walk, probes=probes), graph=WalkGraph(STEP_INPUTS), results=outcome.results
    )
    before = objective([outcome], SINGLE_TASK, aim="mean", goal=DOWNSTREAM)
    assert before == pytest.approx(objective([outcome], SINGLE_TASK, aim="mean", goal="nothing yet"))
    experience, both = outcome.probe_steps.values()
    assert experience == both[:1]
    for score, step in zip((20.0, 40.0), both, strict=True):
        outcome.add(step, result({"c": score}, own={"c": score}))
    assert objective([outcome], SINGLE_TASK, aim="mean", goal=DOWNSTREAM) == pytest.approx(30.0)
    assert objective([outcome], SINGLE_TASK, aim="mean") == pytest.approx(40.0)
    assert list(outcome.probe_scores("test").values()) == [20.0, 40.0]


@pytest.mark.parametrize("aim", ["mean", "worst"])
@pytest.mark.parametrize("goal", ["latest/average_accuracy", "latest/relative_accuracy", DOWNSTREAM])
@pytest.mark.parametrize("alone", [{"a": 0.0, "b": 40.0}, {"a": 0.0, "b": 0.0}, {"b": 40.0}, {}])
def test_the_objective_is_defined_for_every_trial_whatever_the_tasks_score_alone(
    aim: str, goal: str, alone: dict[str, float]
) -> None:
    single_task = SplitScores(val=alone, test=alone)
    for rows in ([{"a": 0.0}], [{"a": 0.0}, {"a": 0.0, "b": 0.0}], [{"a": 60.0}, {"a": 50.0, "b": 30.0}], []):
        for order in ("ab", "abc"):
            assert math.isfinite(objective([walked(order, *rows)], single_task, aim=aim, goal=goal))


def test_midway_a_task_that_scores_nothing_alone_counts_as_well_as_alone_and_better_by_what_it_scores() -> None:
    single_task = SplitScores(val={"a": 0.0, "b": 40.0}, test={})
    assert objective([walked("abc", {"a": 0.0})], single_task, aim="mean") == 100.0
    assert objective([walked("abc", {"a": 5.0})], single_task, aim="mean") == 105.0
    both = walked("abc", {"a": 5.0}, {"a": 5.0, "b": 20.0})
    assert objective([both], single_task, aim="mean") == pytest.approx((105 + 50) / 2)


def test_at_the_end_a_score_of_nothing_is_a_score() -> None:
    single_task = SplitScores(val={"a": 0.0, "b": 0.0}, test={})
    assert objective([walked("ab", {"a": 0.0}, {"a": 0.0, "b": 0.0})], single_task, aim="mean") == 0.0
