"""Answers in words on two workers: the same global batch gives the same weights and scores as on one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from atlas.learners import Schedule, TwoStage
from atlas.learners.process_group import ProcessGroup
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.train import WorkerContext, open_worker_context, train_step
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.tasks import find_task
from tests.backbones.generative.checkpoints import write_smolvlm
from tests.learners.test_process_group import WEIGHTS, farthest_score, tensors
from tests.processes import run_processes
from tests.small import make_world

ORDERS = {"likelihood": ("digits",), "generation": ("digits", "coin-imagenet-twin")}
TASKS = ORDERS["generation"]
RECORDS = {"train": 24, "val": 8, "test": 9}
SCHEDULE = Schedule(steps=2, batch_size=8, learning_rate=1e-3, query_rate_factor=10.0)
LEARNER = TwoStage(rank=4, experience=SCHEDULE, expansion=SCHEDULE)


def steps_on(worker_context: WorkerContext) -> list[Step]:
    """The steps of each readout: classes by their likelihood, classes and free texts as they are written."""
    data = dict.fromkeys(worker_context.data, "x")
    inputs = StepInputs(backbone=worker_context.backbone.digest, data=data, evaluation=Evaluation(val=8, test=9))
    walks = [Walk(order=order, learner=LEARNER.with_readout(name), seed=0) for name, order in ORDERS.items()]
    return WalkGraph(inputs).distinct(walks)


def learn(worker_context: WorkerContext, store: Store) -> None:
    """Every step into a store that all processes share."""
    for step in steps_on(worker_context):
        train_step(step, worker_context, store)
        if worker_context.group.size > 1:
            torch.distributed.barrier()


def one_process(rank: int, backbone: str, prepared: dict[str, str], folder: str) -> None:
    """One of two processes."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    learn(open_worker_context(backbone, prepared, ProcessGroup(rank=rank, size=2)), Store.open(f"{folder}/2"))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_workers_train_and_score_answers_in_words_as_one_does(tmp_path: Path) -> None:
    backbone = str(write_smolvlm(tmp_path / "smolvlm"))
    world = make_world(backbone, tmp_path / "data", map(find_task, TASKS), RECORDS)
    prepared = {task: str(world.prepared[task].path) for task in TASKS}
    alone, together = (Store.open(str(tmp_path / name)) for name in "12")
    worker_context = open_worker_context(backbone, prepared, ProcessGroup())
    learn(worker_context, alone)
    run_processes(one_process, backbone, prepared, str(tmp_path), count=2)
    for step in steps_on(worker_context):
        one, other = (tensors(store.fetch(step.key)) for store in (alone, together))
        assert one.keys() == other.keys()
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=WEIGHTS)
        assert farthest_score(alone.result(step.key), together.result(step.key)) <= 100 / 8
