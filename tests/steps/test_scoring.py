"""Scores of tasks that a model has not learnt, and of all tasks in one label space, computed."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from atlas.learners import FineTuning, L2p, Learner, Rail, Schedule, TwoStage, ZeroShot
from atlas.learners.evaluation import score
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.prompted import PromptedReadout
from atlas.steps.beyond import Beyond
from atlas.steps.graph import WalkGraph
from atlas.steps.train import load_model
from atlas.steps.walk import Walk
from atlas.steps.walk_result import WalkResult
from atlas.storage.step_result import read_result
from atlas.storage.store import Store
from atlas.tasks import find_task
from tests.small import World, make_world

TASKS = ("digits", "mnist-twin", "easy-vqa")
PICTURES = ("digits", "mnist-twin")
SCHEDULE = Schedule(steps=2, batch_size=8, learning_rate=2e-3)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    limits = {"train": 16, "val": 8, "test": 16}
    return make_world("clip-tiny", tmp_path_factory.mktemp("data"), map(find_task, TASKS), limits)


@pytest.mark.parametrize(
    "learner", [TwoStage(rank=4, experience=None, expansion=SCHEDULE), FineTuning(schedule=SCHEDULE)]
)
def test_a_walk_has_its_whole_matrix_and_that_of_route_free(world: World, store: Store, learner: Learner) -> None:
    walk = Walk(
        order=TASKS,
        learner=learner.with_readout("similarity"),
        seed=0,
        beyond=Beyond(ahead=True, label_space=PICTURES),
    )
    outcome = WalkResult(walk=walk, graph=WalkGraph(world.step_inputs))
    steps = list(outcome.every_step())
    for step, result in zip(steps, world.learn(steps, store), strict=True):
        outcome.add(step, result)
    R, free = outcome.matrix("test", "latest"), outcome.matrix("test", "free")
    assert all(math.isfinite(cell) for row in R for cell in row)
    assert [[math.isfinite(cell) for cell in row] for row in (*free, outcome.free_before("test"))] == [
        [True, True, False]
    ] * 4

    model = load_model(outcome.steps[0][-1], world.worker_context, store)
    model.new_readout = "similarity"
    model.ensure_head("easy-vqa", None)
    one = score(model, world.worker_context.data["easy-vqa"], "test", limit=16, group=ProcessGroup())
    model.detach()
    assert R[0][2] == one

    evaluation = outcome.evaluations[1]
    assert evaluation is not None
    artifact = store.find(evaluation.key)
    assert artifact is not None
    assert set(artifact.files) == {"result.json"}  # the model is its parent's
    assert (artifact.result.trained_parameters, artifact.result.updates) == (0, 0)
    assert read_result(artifact.result.to_json()) == artifact.result


def test_before_anything_is_learnt_a_task_scores_as_its_zero_shot_reference(world: World, tmp_path: Path) -> None:
    """A model that training leaves as it is: what it scores ahead is the zero-shot row."""
    store, graph = Store.open(str(tmp_path)), WalkGraph(world.step_inputs)
    still = TwoStage(rank=4, experience=None, expansion=Schedule(steps=0)).with_readout("similarity")
    ((reference,),) = graph.steps(Walk(order=("mnist-twin",), learner=ZeroShot(), seed=0))
    (zero_shot,) = world.learn([reference], store)
    alone = Beyond(label_space=("mnist-twin",))
    walk = Walk(order=TASKS[:1], learner=still, seed=0, beyond=alone)
    before, _ = graph.evaluations(walk)
    assert before is not None
    (found,) = world.learn([before], store)
    assert found.scores.free == zero_shot.scores.latest
    assert found.scores.latest.val == {}


def test_tasks_that_rail_has_not_solved_score_as_the_bare_backbone_answers_them(world: World, store: Store) -> None:
    graph = WalkGraph(world.step_inputs)
    learner = Rail(hidden=16).with_readout("similarity")
    walk = Walk(order=TASKS, learner=learner, seed=0, beyond=Beyond(ahead=True, label_space=PICTURES))
    outcome = WalkResult(walk=walk, graph=graph)
    steps = list(outcome.every_step())
    for step, result in zip(steps, world.learn(steps, store), strict=True):
        outcome.add(step, result)
    ((reference,),) = graph.steps(Walk(order=("mnist-twin",), learner=ZeroShot(), seed=0))
    (zero_shot,) = world.learn([reference], store)
    assert outcome.matrix("test", "latest")[0][1] == zero_shot.scores.latest.test["mnist-twin"]
    assert outcome.is_free


def test_tasks_that_l2p_has_not_met_are_prompted_from_the_pool_as_it_is(world: World, store: Store) -> None:
    learner = L2p(schedule=SCHEDULE, size=3, length=2, chosen=2).with_readout("similarity")
    walk = Walk(order=TASKS, learner=learner, seed=0, beyond=Beyond(ahead=True, label_space=PICTURES))
    outcome = WalkResult(walk=walk, graph=WalkGraph(world.step_inputs))
    steps = list(outcome.every_step())
    for step, result in zip(steps, world.learn(steps, store), strict=True):
        outcome.add(step, result)
    assert outcome.is_free
    model = load_model(outcome.steps[0][-1], world.worker_context, store)
    model.new_readout = "prompted-similarity"
    model.ensure_head("mnist-twin", torch.Generator())
    one, other = (model.readout(task) for task in PICTURES)
    assert isinstance(one, PromptedReadout)
    assert isinstance(other, PromptedReadout)
    assert other.pool is one.pool
    found = score(model, world.worker_context.data["mnist-twin"], "test", limit=16, group=ProcessGroup())
    model.detach()
    assert outcome.matrix("test", "latest")[0][1] == found
