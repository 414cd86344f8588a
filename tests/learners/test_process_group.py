from __future__ import annotations

import itertools
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from atlas.execution.checkpoints import CheckpointStore
from atlas.learners import AdapterFusion, Ewc, Joint, Learner, Lwf, Memory, Replay, Zscl
from atlas.learners.process_group import ProcessGroup
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.train import WorkerContext, open_worker_context, train_step
from atlas.storage.score_names import ROUTES, SPLITS
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.processes import run_processes
from tests.small import SCHEDULE, World, atlas, outcome
from tests.walks import walk

SIZES = (4, 2)
RESIZED = "4 and then 2"
WEIGHTS = 1e-5  # how far a weight may be from that of one process
POINTS = 100 / 16  # one record that is answered otherwise; after 60 updates R was the same, weights within 4e-6
EVALUATION = Evaluation(val=16, test=16)
SHARED = replace(SCHEDULE, steps=3)


def test_alone_nothing_is_wrapped_shared_or_summed() -> None:
    group, module, values = ProcessGroup(), nn.Linear(1, 1), torch.arange(5)
    assert group.wrap(module) is module
    assert group.shard(values).equal(values)
    assert group.all_reduce(values).equal(values)
    assert group.all_gather(values).equal(values[None])
    assert group.gather(["a text"]) == [["a text"]]
    assert group.broadcast(b"content") == b"content"
    with group.without_sync(module):
        assert module(torch.ones(1)).requires_grad


def test_the_shares_of_all_processes_are_the_whole_and_equal() -> None:
    shares = [ProcessGroup(rank=rank, size=3).shard(torch.arange(12)) for rank in range(3)]
    assert torch.cat(shares).sort().values.equal(torch.arange(12))
    assert {len(share) for share in shares} == {4}


LEARNERS: tuple[tuple[Learner, tuple[str, ...]], ...] = (
    (atlas(experience=SHARED, expansion=SHARED), ("digits", "easy-vqa")),
    (Ewc(schedule=SHARED, records=5), ("digits", "easy-vqa")),
    (Replay(schedule=replace(SHARED, accumulate=2), memory=Memory(records=6)), ("digits", "easy-vqa", "piqa-twin")),
    (Lwf(schedule=SHARED), ("digits", "easy-vqa")),
    (Joint(schedule=SHARED), ("digits", "easy-vqa")),
    (AdapterFusion(like=atlas(), composition=SHARED), ("digits", "easy-vqa")),
    (Zscl(schedule=SHARED, references=4), ("digits", "easy-vqa")),
)


class Killed(BaseException):
    """Stands for the end of the processes."""


def kill_at_the_last(update: int, updates: int, loss: float | None) -> None:
    if update == updates:
        torch.manual_seed(update)
        raise Killed


def steps_on(worker_context: WorkerContext) -> list[Step]:
    """The steps of every learner along its tasks."""
    step_inputs = StepInputs(
        backbone=worker_context.backbone.digest, data=dict.fromkeys(worker_context.data, "x"), evaluation=EVALUATION
    )
    steps = [step for learner, order in LEARNERS for stages in walk(order, learner, 0, step_inputs) for step in stages]
    return list({step.key: step for step in steps}.values())


def learn_in_a_group(worker_context: WorkerContext, store: Store) -> None:
    """Every step into a store that all processes share."""
    for step in steps_on(worker_context):
        train_step(step, worker_context, store)
        if worker_context.group.size > 1:
            torch.distributed.barrier()


def learn_cut_off(worker_context: WorkerContext, store: Store, *, keep: Store) -> None:
    """The same, each step cut off once before its last update; `keep` gets the checkpoints that were left then."""
    for step in steps_on(worker_context):
        with pytest.raises(Killed):
            train_step(step, worker_context, store, kill_at_the_last, each_update(step.key, worker_context, store))
        torch.distributed.barrier()
        if worker_context.group.rank == 0:
            shutil.copytree(Path(store.root, "underway"), Path(keep.root, "underway"), dirs_exist_ok=True)
        train_step(step, worker_context, store, checkpoints=each_update(step.key, worker_context, store))
        torch.distributed.barrier()


def go_on(worker_context: WorkerContext, store: Store) -> None:
    """Every step from its checkpoint in the store, which a group of another size has left there."""
    for step in steps_on(worker_context):
        train_step(step, worker_context, store, checkpoints=each_update(step.key, worker_context, store, elastic=True))
        torch.distributed.barrier()


def each_update(key: str, worker_context: WorkerContext, store: Store, *, elastic: bool = False) -> CheckpointStore:
    """A waypoint after every update: a second passes whenever the clock is looked at."""
    clock = itertools.count().__next__
    return CheckpointStore(
        store=store, key=key, group=worker_context.group, seconds=0, share=math.inf, clock=clock, elastic=elastic
    )


def one_process(rank: int, backbone: str, prepared: dict[str, str], folder: str) -> None:
    """One of four processes: all of them learn, then the first two, in peace and cut off in every step; and then the
    first two go on with what all four had begun.
    """
    for size in SIZES:
        if rank >= size:
            return
        address = f"file://{folder}/rendezvous-{size}"
        torch.distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=size)
        worker_context = open_worker_context(backbone, prepared, ProcessGroup(rank=rank, size=size))
        assert worker_context.group.gather([str(rank)] * rank) == [[str(one)] * one for one in range(size)]
        quiet, cut, left = (Store.open(f"{folder}/{size}{name}") for name in ("", "-cut", "-left"))
        learn_in_a_group(worker_context, quiet)
        learn_cut_off(worker_context, cut, keep=left)
        if size < SIZES[0]:
            go_on(worker_context, Store.open(f"{folder}/{SIZES[0]}-left"))
        torch.distributed.destroy_process_group()


@pytest.fixture(scope="module")
def learnt(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Store]:
    """Stores trained by one, two and four processes at the same global batch.

    Besides, by two and four that were interrupted, and by two that resumed the checkpoints of four.
    """
    folder = tmp_path_factory.mktemp("groups")
    backbone = str(small_world.worker_context.backbone.processor.folder)
    prepared = {task: str(small_world.prepared[task].path) for task in ("digits", "easy-vqa", "piqa-twin")}
    learn_in_a_group(open_worker_context(backbone, prepared, ProcessGroup()), Store.open(str(folder / "1")))
    run_processes(one_process, backbone, prepared, str(folder), count=max(SIZES))
    names = ("1", *(f"{n}{how}" for n in SIZES for how in ("", "-cut")))
    stores = {name: Store.open(str(folder / name)) for name in names}
    return stores | {RESIZED: Store.open(str(folder / f"{SIZES[0]}-left"))}


@pytest.mark.slow
@pytest.mark.parametrize("group", [*map(str, SIZES), RESIZED])
def test_several_processes_learn_what_one_does_with_the_same_global_batch(
    learnt: dict[str, Store], tmp_path: Path, group: str
) -> None:
    alone, together = learnt["1"], learnt[group]
    keys = list(alone.keys())
    assert len(keys) == 3 + 2 + 3 + 2 + 2 + 3 + 2
    assert list(together.keys()) == keys
    for key in keys:
        one, other = (tensors(store.fetch(key, tmp_path / "fetched")) for store in (alone, together))
        assert one.keys() == other.keys()
        for name, value in one.items():
            torch.testing.assert_close(other[name], value, rtol=1e-3 if "fisher" in name else 0, atol=WEIGHTS)
        facts = [store.result(key) for store in (alone, together)]
        assert farthest_score(*facts) <= POINTS
        losses = [[loss for _, loss in fact.losses] for fact in facts]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@pytest.mark.slow
def test_a_step_that_a_smaller_group_went_on_with_says_so(learnt: dict[str, Store]) -> None:
    for key in learnt[RESIZED].keys():  # noqa: SIM118 - a store is no dictionary
        facts = learnt[RESIZED].result(key)
        assert facts.workers == (4, 2)
        assert facts.resumed_at == (facts.updates - 1,)


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
def test_processes_that_were_cut_off_in_every_step_learn_the_same_bit_for_bit(
    learnt: dict[str, Store], tmp_path: Path, size: int
) -> None:
    quiet, cut = learnt[str(size)], learnt[f"{size}-cut"]
    assert list(cut.keys()) == list(quiet.keys())
    for key in quiet.keys():  # noqa: SIM118 - a store is no dictionary
        facts = cut.result(key)
        assert facts.resumed_at == (facts.updates - 1,)
        assert outcome(facts.model_copy(update={"resumed_at": ()})) == outcome(quiet.result(key))
        one, other = (tensors(store.fetch(key, tmp_path / "fetched")) for store in (quiet, cut))
        assert [name for name, value in one.items() if not torch.equal(other[name], value)] == []


def farthest_score(one: StepResult, other: StepResult) -> float:
    """The largest difference of two steps' scores, in points."""
    return max(
        abs(value - other.scores.of(route).of(split)[task])
        for route in ROUTES
        for split in SPLITS
        for task, value in one.scores.of(route).of(split).items()
    )


def tensors(folder: Path) -> dict[str, torch.Tensor]:
    return {
        f"{path.name}/{name}": value
        for path in sorted(folder.rglob("*.safetensors"))
        for name, value in load_file(path).items()
    }
