from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from itertools import permutations
from typing import Any

import pytest

from atlas.data.few_shot import Shots
from atlas.learners import (
    LEARNERS,
    AdapterFusion,
    Expansion,
    Experience,
    Fusion,
    HeadOnly,
    Joint,
    Schedule,
    SingleTaskAdapters,
    TwoStage,
)
from atlas.runtime.errors import AtlasError
from atlas.steps.step import Evaluation, Step, StepInputs, step_from
from tests.walks import walk

AROUND = StepInputs(
    backbone="b" * 64, data={name: name * 8 for name in "abcd"}, evaluation=Evaluation(val=400, test=800)
)
SCHEDULE = Schedule(steps=100, batch_size=64)
PARENT = Step(task="a", stage=Expansion(schedule=SCHEDULE), seed=0, backbone="b" * 64, data="d" * 64)
STEP = replace(PARENT, task="b", stage=Expansion(schedule=SCHEDULE, rank=16), parent=PARENT)
KEY = "f0f8284db1e2888f879f4eebe8183b1814b5887396cb87c8f169162e78d30075"

OTHER_SCHEDULES: dict[str, Any] = {
    "steps": 101,
    "epochs": 19.0,
    "batch_size": 32,
    "learning_rate": 1e-3,
    "query_rate_factor": 10.0,
    "warmup": 0.2,
    "decay": "cosine",
    "weight_decay": 0.0,
    "beta1": 0.8,
    "beta2": 0.999,
    "epsilon": 1e-8,
    "accumulate": 2,
    "patience": 3,
    "evaluate_every": 50,
    "precision": "bfloat16",
    "max_gradient_norm": 1.0,
    "branches": (50, 100),
}
SHARING = replace(SCHEDULE, decay="constant", warmup=0.0)
OTHER_FUSIONS: dict[str, dict[str, Any]] = {
    "weighting": {"weighting": "dimension"},
    "normalisation": {"normalisation": "sum"},
    "skip": {"skip": "outside"},
    "combination": {"combination": "uniform"},
    "weights": {"combination": "fixed", "weights": (0.5, 1.0)},
    "penalty": {"penalty": 0.2},
}
OTHER_STAGES: dict[str, Any] = {
    "schedule": replace(SCHEDULE, steps=7),
    "last": False,
    "fusion": Fusion(penalty=0.2),
    "adapter": "lora",
    "rank": 8,
    "alone": True,
    "readout": "similarity",
    "towers": ("text",),
}
OTHER_STEPS: dict[str, Any] = {
    "shots": Shots(count=16),
    "downstream": True,
    "task": "c",
    "stage": Experience(schedule=SCHEDULE),
    "seed": 1,
    "backbone": "c" * 64,
    "data": "e" * 64,
    "evaluation": Evaluation(val=400),
    "parent": None,
    "auxiliary": (replace(PARENT, task="z"),),
    "joint_tasks": (("z", "f" * 64),),
    "templates": (("b", ("a {} .",)),),
    "revision": 1,
    "reads": (("z", "f" * 64),),
    "weights": "4-bit",
}


def test_every_field_that_decides_the_result_is_tried_below() -> None:
    for kind, tried in (
        (Schedule, OTHER_SCHEDULES),
        (Fusion, OTHER_FUSIONS),
        (Expansion, OTHER_STAGES),
        (Step, OTHER_STEPS),
    ):
        assert {field.name for field in fields(kind)} == set(tried)


@pytest.mark.parametrize("name", OTHER_STEPS)
def test_each_field_of_a_step_changes_its_key(name: str) -> None:
    assert replace(STEP, **{name: OTHER_STEPS[name]}).key != STEP.key


@pytest.mark.parametrize("name", OTHER_STAGES)
def test_each_field_of_the_stage_changes_the_key(name: str) -> None:
    assert replace(STEP, stage=replace(STEP.stage, **{name: OTHER_STAGES[name]})).key != STEP.key


@pytest.mark.parametrize("name", OTHER_SCHEDULES)
def test_each_value_of_the_schedule_changes_the_key(name: str) -> None:
    usual = SHARING if name == "branches" else SCHEDULE
    first, other = (with_schedule(one) for one in (usual, replace(usual, **{name: OTHER_SCHEDULES[name]})))
    assert first.key != other.key


def with_schedule(schedule: Schedule) -> Step:
    return replace(STEP, stage=replace(STEP.stage, schedule=schedule))


def test_lengths_of_one_schedule_have_keys_of_their_own_and_draw_the_same_numbers() -> None:
    steps = [with_schedule(one) for one in SHARING.lengths([0.5, 1.0, 2.0]).values()]
    assert len({step.key for step in steps}) == 3
    assert {step.longest_key for step in steps} == {steps[-1].key}
    assert len({step.random_seed("records") for step in steps}) == 1
    assert len({with_schedule(one).random_seed("records") for one in SCHEDULE.lengths([0.5, 1.0]).values()}) == 2


@pytest.mark.parametrize("name", OTHER_FUSIONS)
def test_each_setting_of_the_fusion_changes_the_key(name: str) -> None:
    stage = replace(STEP.stage, fusion=Fusion(**OTHER_FUSIONS[name]))  # type: ignore[call-arg]
    assert replace(STEP, stage=stage).key != STEP.key


@pytest.mark.parametrize("evaluation", [Evaluation(), Evaluation(val=1), Evaluation(test=1)])
def test_each_size_of_the_evaluation_has_a_key_of_its_own(evaluation: Evaluation) -> None:
    others = [other for other in (Evaluation(), Evaluation(val=1), Evaluation(test=1)) if other != evaluation]
    assert replace(STEP, evaluation=evaluation).key not in {replace(STEP, evaluation=other).key for other in others}


def test_the_parent_counts_by_its_own_key() -> None:
    assert replace(STEP, parent=replace(PARENT, seed=1)).key != STEP.key


def test_nothing_else_changes_the_key() -> None:
    again = step_from(json.loads(json.dumps(STEP.describe())))
    assert again is not STEP
    assert again.key == STEP.key


def test_another_process_computes_the_same_key() -> None:
    code = f"import json, sys; from atlas.steps.step import step_from; print(step_from({STEP.describe()!r}).key)"
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == STEP.key


def test_a_key_changes_by_intention_alone() -> None:
    """A different key makes every store worthless: raise `RECIPE` where the arithmetic changes, and write it here."""
    assert STEP.key == KEY


def test_a_seed_is_the_same_for_one_purpose_and_another_for_the_next() -> None:
    assert STEP.random_seed("records") == 5695658263601491349
    purposes = ("initialise", "forward", "records")
    seeds = {STEP.random_seed(purpose) for purpose in purposes} | {PARENT.random_seed(purpose) for purpose in purposes}
    assert len(seeds) == 6
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("learner", LEARNERS.values())
def test_description_and_step_are_inverse(learner: Any) -> None:
    for stages in walk(("a", "b", "c"), learner(), 3, AROUND):
        for step in stages:
            assert step_from(json.loads(json.dumps(step.describe()))) == step


def test_a_step_knows_its_order_and_says_what_it_is() -> None:
    steps = [step for stages in walk(("a", "b"), TwoStage(), 0, AROUND) for step in stages]
    assert [step.order for step in steps] == [("a",), ("a", "b"), ("a", "b")]
    assert [step.title for step in steps] == ["a (expansion)", "b (experience) after a", "b (expansion) after a"]
    assert list(steps[-1].chain()) == steps


@pytest.mark.parametrize(
    "changed", [{"rank": 4}, {"adapter": "lora"}, {"expansion": replace(SCHEDULE, learning_rate=1.0)}]
)
def test_stage_one_does_not_depend_on_what_stage_two_sets(changed: dict[str, Any]) -> None:
    one, other = TwoStage().stages(1), TwoStage(**changed).stages(1)
    below: dict[str, Any] = {"task": "b", "seed": 0, "backbone": "x", "data": "y", "parent": PARENT}
    assert Step(stage=one[0], **below).key == Step(stage=other[0], **below).key
    assert Step(stage=one[1], **below).key != Step(stage=other[1], **below).key


def test_the_first_step_of_atlas_is_the_lone_adapters_step() -> None:
    learner = TwoStage(rank=8, experience=SCHEDULE)
    lone = walk(("b", "a"), SingleTaskAdapters(like=learner), 0, AROUND)
    assert lone[1] == walk(("a", "c"), learner, 0, AROUND)[0]


def keys_of_last_task(learner: Any) -> set[str]:
    return {walk((*past, "d"), learner, 0, AROUND)[-1][-1].key for past in permutations("abc")}


def test_a_sequence_learner_depends_on_the_order_of_its_past() -> None:
    assert len(keys_of_last_task(TwoStage())) == 6


@pytest.mark.parametrize("learner", [SingleTaskAdapters(), HeadOnly()])
def test_a_learner_without_lineage_does_not(learner: Any) -> None:
    assert len(keys_of_last_task(learner)) == 1
    assert keys_of_last_task(learner) == {walk(("d",), learner, 0, AROUND)[0][-1].key}


def test_joint_training_is_one_step_for_each_set_of_tasks() -> None:
    assert len(keys_of_last_task(Joint())) == 1
    (step,) = walk(("c", "a", "b"), Joint(), 0, AROUND)[-1]
    assert (step.task, step.data, step.parent) == ("c", AROUND.data["c"], None)
    assert step.joint_tasks == (("a", AROUND.data["a"]), ("b", AROUND.data["b"]))
    assert step.order == step.learns == ("a", "b", "c")
    assert step == walk(("b", "c", "a"), Joint(), 0, AROUND)[-1][0]
    assert step.key not in {steps[0].key for steps in walk(("a", "b", "d"), Joint(), 0, AROUND)}


def test_the_data_of_every_task_learnt_jointly_counts() -> None:
    other = replace(AROUND, data={**AROUND.data, "a": "another"})
    one, changed = (walk(("a", "b"), Joint(), 0, step_inputs)[-1][0] for step_inputs in (AROUND, other))
    assert one.key != changed.key


def test_a_composition_builds_on_the_set_of_lone_adapters() -> None:
    assert len(keys_of_last_task(AdapterFusion())) == 1
    alone, step = walk(("c", "b", "a"), AdapterFusion(), 0, AROUND)[-1]
    assert step.parent == alone
    assert [one.task for one in step.auxiliary] == ["b", "c"]
    assert [one.task for one in step.chain()] == ["b", "c", "a", "a"]
    assert step.order == ("b", "c", "a")
    assert step.title == "a (composing) after b, c"
    assert step.builds_on == (*step.auxiliary, alone)


def test_what_lies_beside_counts_by_its_own_key() -> None:
    step = replace(STEP, auxiliary=(replace(PARENT, task="z"),))
    assert replace(step, auxiliary=(replace(PARENT, task="z", seed=1),)).key != step.key


def test_a_step_that_several_others_build_on_is_in_the_chain_once() -> None:
    fork = replace(PARENT, task="c", parent=PARENT)
    both = replace(STEP, parent=replace(PARENT, task="b", parent=PARENT), auxiliary=(fork,))
    assert [step.task for step in both.chain()] == ["a", "c", "b", "b"]


@pytest.mark.parametrize("counts", [{"val": 0}, {"test": -1}])
def test_scoring_no_record_is_refused(counts: dict[str, int]) -> None:
    with pytest.raises(AtlasError, match="give 1 or more, or None for all"):
        Evaluation(**counts)
