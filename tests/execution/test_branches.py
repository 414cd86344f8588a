"""Schedules of several lengths that share their updates: the same results as from the start, in fewer updates."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest
import torch
from torch import Tensor

from atlas.execution.branches import BranchStore, with_branches
from atlas.execution.checkpoints import CheckpointStore
from atlas.learners import Learner, Replay, Schedule
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from atlas.learners.training_state import NO_CHECKPOINTS, Checkpoints
from atlas.steps.step import Step
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.execution.test_checkpoints import Killed, killer
from tests.small import SCHEDULE, World, atlas, contents, outcome

LENGTHS = replace(SCHEDULE, steps=4, decay="constant", warmup=0.0).lengths([0.5, 1.0, 2.0])  # 2, 4 and 8 updates


def steps_of(world: World, schedule: Schedule) -> list[Step]:
    """Stage 1 and 2 of the second task, after the first task's stage 2 in its usual length."""
    learner: Learner = atlas(experience=schedule, expansion=LENGTHS[1.0])
    return world.walk("digits", "piqa-twin", learner=learner)


def checkpoints_of(store: Store, step: Step, own: Checkpoints = NO_CHECKPOINTS) -> Checkpoints:
    def of(key: str) -> Checkpoints:
        return CheckpointStore(store=store, key=key, group=ProcessGroup(), seconds=1e9)

    return with_branches(own, step, of)


@pytest.fixture
def updates(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches of all updates that are computed."""
    done: list[int] = []
    update = Trainer.update

    def counted(self: Trainer, indices: Tensor, *given: object) -> Tensor:
        done.append(len(indices))
        return update(self, indices, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(Trainer, "update", counted)
    return done


@pytest.mark.parametrize("order", list(permutations((0.5, 1.0, 2.0))), ids=str)
def test_whichever_length_comes_first_each_equals_one_trained_from_the_start(
    small_world: World, tmp_path: Path, updates: list[int], order: tuple[float, ...]
) -> None:
    alone, shared = (Store.open(str(tmp_path / name)) for name in ("alone", "shared"))
    for length in order:
        first, second, _ = steps_of(small_world, LENGTHS[length])
        for store in (alone, shared):
            train_step(first, small_world.worker_context, store)
        expected = train_step(second, small_world.worker_context, alone)
        torch.manual_seed(7)  # whatever ran in between
        before = len(updates)
        found = train_step(second, small_world.worker_context, shared, checkpoints=checkpoints_of(shared, second))
        assert outcome(found.model_copy(update={"continued_at": 0})) == outcome(expected)
        assert contents(shared, second) == contents(alone, second)
        reached = max((LENGTHS[other].steps or 0 for other in order[: order.index(length)]), default=0)
        assert len(updates) - before == max(0, (LENGTHS[length].steps or 0) - reached)
        assert found.continued_at == min(reached, LENGTHS[length].steps or 0)


def test_a_step_that_was_interrupted_goes_on_from_its_own_checkpoint(
    small_world: World, store: Store, tmp_path: Path
) -> None:
    other = Store.open(str(tmp_path / "other"))
    step = steps_of(small_world, LENGTHS[1.0])[0]

    def own() -> CheckpointStore:
        return CheckpointStore(store=store, key=step.key, group=ProcessGroup(), seconds=0.0, share=1e9)

    with pytest.raises(Killed):
        train_step(step, small_world.worker_context, store, killer(4), checkpoints_of(store, step, own()))
    found = train_step(step, small_world.worker_context, store, checkpoints=checkpoints_of(store, step, own()))
    expected = train_step(step, small_world.worker_context, other)
    assert found.resumed_at == (3,)
    assert outcome(found.model_copy(update={"resumed_at": ()})) == outcome(expected)
    assert contents(store, step) == contents(other, step)


def test_a_stage_that_may_count_its_updates_shares_none(small_world: World, store: Store) -> None:
    (step, *_), (plain, *_) = (
        small_world.walk("digits", learner=learner)
        for learner in (Replay(schedule=LENGTHS[1.0]), atlas(expansion=LENGTHS[1.0]))
    )
    assert checkpoints_of(store, step) is NO_CHECKPOINTS
    assert isinstance(checkpoints_of(store, plain), BranchStore)
