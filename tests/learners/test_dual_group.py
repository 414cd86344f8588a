"""Dual encoders on two workers: the same global batch gives the same weights and scores as on one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from atlas.learners import FineTuning, Schedule, TwoStage
from atlas.learners.process_group import ProcessGroup
from atlas.steps.beyond import Beyond
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.train import WorkerContext, open_worker_context, train_step
from atlas.steps.walk import Walk
from atlas.storage.store import Store
from atlas.tasks import find_task
from tests.backbones.dual.checkpoints import CHECKPOINTS
from tests.learners.test_process_group import WEIGHTS, farthest_score, tensors
from tests.processes import run_processes
from tests.small import make_world

TASKS = ("digits", "mnist-twin")
CAPTIONED = "flickr30k-twin"
ORDER = ("digits", CAPTIONED, "mnist-twin")
COMPARED = 1e-4  # how far a weight may be where records are compared: a sum has another order, and Adam divides by it
RECORDS = {"train": 24, "val": 8, "test": 9}
SCHEDULE = Schedule(steps=2, batch_size=8, learning_rate=1e-3, query_rate_factor=10.0)
LEARNERS = (TwoStage(rank=4, experience=SCHEDULE, expansion=SCHEDULE), FineTuning(schedule=SCHEDULE))


def steps_on(worker_context: WorkerContext) -> list[Step]:
    """The steps of every learner along the tasks, and their evaluations."""
    data = dict.fromkeys(worker_context.data, "x")
    inputs = StepInputs(backbone=worker_context.backbone.digest, data=data, evaluation=Evaluation(val=8, test=9))
    beyond = Beyond(ahead=True, label_space=TASKS)
    walks = [Walk(order=ORDER, learner=one.with_readout("similarity"), seed=0, beyond=beyond) for one in LEARNERS]
    return WalkGraph(inputs).distinct(walks)


def learn(worker_context: WorkerContext, store: Store) -> None:
    """Every step into a store that all processes share."""
    for step in steps_on(worker_context):
        train_step(step, worker_context, store)
        if worker_context.group.size > 1:
            torch.distributed.barrier()


def gradient_of_rows(group: ProcessGroup) -> torch.Tensor:
    """The gradient of Σ_j (j + 1) Σ_i (x_i · y_j)² / rows over the own rows i and all rows j, x = y the rows of 0 … 7.

    Of a group, divided by its size, as DDP has it.
    """
    rows = torch.arange(8.0).view(4, 2).chunk(group.size)[group.rank].requires_grad_()
    every = group.gather_rows(rows)
    weights = torch.arange(1, len(every) + 1)
    ((rows @ every.T).square() * weights).sum(1).mean().backward()
    assert rows.grad is not None
    return rows.grad / group.size


def one_process(rank: int, backbone: str, prepared: dict[str, str], folder: str) -> None:
    """One of two processes."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    group = ProcessGroup(rank=rank, size=2)
    torch.save(gradient_of_rows(group), f"{folder}/gradient-{rank}.pt")
    learn(open_worker_context(backbone, prepared, group), Store.open(f"{folder}/2"))
    torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_workers_train_and_score_a_dual_encoder_as_one_does(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    backbone = str(CHECKPOINTS["clip"](tmp_path / "clip"))
    world = make_world(backbone, tmp_path / "data", map(find_task, ORDER), RECORDS)
    prepared = {task: str(world.prepared[task].path) for task in ORDER}
    alone, together = (Store.open(str(tmp_path / name)) for name in "12")
    worker_context = open_worker_context(backbone, prepared, ProcessGroup())
    learn(worker_context, alone)
    run_processes(one_process, backbone, prepared, str(tmp_path), count=2)
    shares = [torch.load(tmp_path / f"gradient-{rank}.pt") for rank in range(2)]
    torch.testing.assert_close(torch.cat(shares), gradient_of_rows(ProcessGroup()))
    for step in steps_on(worker_context):
        one, other = (tensors(store.fetch(step.key)) for store in (alone, together))
        assert one.keys() == other.keys()
        tolerance = COMPARED if CAPTIONED in step.order else WEIGHTS
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=0, atol=tolerance)
        assert farthest_score(alone.result(step.key), together.result(step.key)) <= 100 / 8
