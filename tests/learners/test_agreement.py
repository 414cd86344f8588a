"""Two real processes of a group, of which one fails: both have to raise the same, and neither waits for the other."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from torch import distributed as dist

from atlas.learners.continual_model import ContinualModel
from atlas.learners.process_group import ProcessGroup
from atlas.runtime.errors import AtlasError, StorageUnavailable, UserError
from atlas.steps.step import Evaluation, Step, StepInputs
from atlas.steps.train import WorkerContext, open_worker_context, train_step
from atlas.storage.store import Store
from tests.processes import run_processes
from tests.small import SCHEDULE, World, atlas
from tests.walks import walk

PATIENCE = timedelta(seconds=60)  # a process that waits for another for so long is an error of another text


@dataclass(frozen=True, kw_only=True)
class Inputs:
    """The start of each process; `store` has the steps of the first task."""

    backbone: str
    prepared: dict[str, str]
    store: str
    folder: str


def steps_of(worker_context: WorkerContext) -> list[Step]:
    schedule = replace(SCHEDULE, steps=1)
    step_inputs = StepInputs(
        backbone=worker_context.backbone.digest,
        data=dict.fromkeys(worker_context.data, "x"),
        evaluation=Evaluation(val=8, test=8),
    )
    stages = walk(("digits", "easy-vqa"), atlas(experience=schedule, expansion=schedule), 0, step_inputs)
    return [step for some in stages for step in some]


def error_of(act: Callable[[], object]) -> str:
    """The kind and text of the error that `act` ends with, and whether all processes are said to raise it."""
    try:
        act()
    except Exception as error:
        return f"{type(error).__name__}, {getattr(error, 'everywhere', None)}: {error}"
    return "no error"


def opening(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The second process lacks the prepared data of a task."""
    prepared = inputs.prepared | ({"digits": f"{inputs.folder}/nothing"} if rank else {})
    return open_worker_context(inputs.backbone, prepared, group)


def another_backbone(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The second process has another backbone than the step's."""
    context = open_worker_context(inputs.backbone, inputs.prepared, group)
    step = steps_of(context)[0]
    if rank:
        context.backbone.digest = "0" * 64
    return train_step(step, context, Store.open(inputs.store))


def unloadable(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The second process cannot read a step that the first reads: a store that it does not reach."""
    context = open_worker_context(inputs.backbone, inputs.prepared, group)

    def load(*arguments: object, **named: object) -> None:
        raise StorageUnavailable("the store has not answered for 30 minutes")

    with patch.object(ContinualModel, "load", load if rank else ContinualModel.load):
        return train_step(steps_of(context)[-2], context, Store.open(inputs.store))


def unforeseen(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The second process fails by an error that nobody foresaw."""
    context = open_worker_context(inputs.backbone, inputs.prepared, group)

    def load(*arguments: object, **named: object) -> None:
        raise KeyError("head")

    with patch.object(ContinualModel, "load", load if rank else ContinualModel.load):
        return train_step(steps_of(context)[-2], context, Store.open(inputs.store))


def missing_parent(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The first process finds the step's parent, the second has another, empty store: a listing that is late."""
    context = open_worker_context(inputs.backbone, inputs.prepared, group)
    return train_step(steps_of(context)[-2], context, Store.open(f"{inputs.folder}/empty" if rank else inputs.store))


def uncommitted(rank: int, group: ProcessGroup, inputs: Inputs) -> object:
    """The first process cannot commit what both have trained."""
    context = open_worker_context(inputs.backbone, inputs.prepared, group)

    def commit(*arguments: object, **named: object) -> None:
        raise StorageUnavailable("the store has been full for 30 minutes")

    with patch.object(Store, "commit", commit):
        return train_step(steps_of(context)[0], context, Store.open(f"{inputs.folder}/other"))


CASES: dict[str, tuple[Callable[[int, ProcessGroup, Inputs], object], str]] = {
    "opening": (opening, "UserError, True: .* holds no whole prepared data.*worker 1 of 2"),
    "another backbone": (another_backbone, "WrongWorker, True: the step needs the backbone .*worker 1 of 2"),
    "unloadable": (unloadable, "StorageUnavailable, True: the store has not answered .*worker 1 of 2"),
    "unforeseen": (unforeseen, "RankFailed, None: worker 1 of 2: KeyError: 'head'"),
    "missing parent": (missing_parent, "MissingParent, True: .* is not in the store.*worker 1 of 2"),
    "uncommitted": (uncommitted, "StorageUnavailable, True: the store has been full .*worker 0 of 2"),
}


def one_process(rank: int, inputs: Inputs) -> None:
    """One of two processes: a group of its own for each case, so that none disturbs the next."""
    for number, (name, (act, _)) in enumerate(CASES.items()):
        address = f"file://{inputs.folder}/rendezvous-{number}"
        dist.init_process_group("gloo", init_method=address, rank=rank, world_size=2, timeout=PATIENCE)
        group = ProcessGroup(rank=rank, size=2)
        said = error_of(lambda act=act, group=group: act(rank, group, inputs))
        Path(inputs.folder, f"{name}-{rank}").write_text(said)
        dist.barrier()
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def said(small_world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Case → what each of the two processes raised."""
    folder = tmp_path_factory.mktemp("agreement")
    backbone = str(small_world.worker_context.backbone.processor.folder)
    prepared = {task: str(small_world.prepared[task].path) for task in ("digits", "easy-vqa")}
    inputs = Inputs(backbone=backbone, prepared=prepared, store=str(folder / "store"), folder=str(folder))
    alone = open_worker_context(backbone, prepared, ProcessGroup())
    for step in steps_of(alone)[:-2]:
        train_step(step, alone, Store.open(inputs.store))
    run_processes(one_process, inputs, count=2)
    return {name: [(folder / f"{name}-{rank}").read_text() for rank in range(2)] for name in CASES}


@pytest.mark.parametrize("name", CASES)
def test_where_one_process_fails_both_raise_the_same_and_none_waits(said: dict[str, list[str]], name: str) -> None:
    first, second = said[name]
    assert first == second
    assert re.match(CASES[name][1], first, re.DOTALL), first


def test_alone_an_error_is_raised_as_it_is() -> None:
    error = UserError("rank is 0")
    with pytest.raises(AtlasError) as raised, ProcessGroup().all_or_none():
        raise error
    assert raised.value is error
