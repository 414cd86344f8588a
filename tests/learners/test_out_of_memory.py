from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from atlas.data.loader import Batch
from atlas.learners import HeadOnly, HeadStage, Schedule
from atlas.learners.compute import Compute
from atlas.learners.continual_model import ContinualModel
from atlas.learners.evaluation import score
from atlas.learners.fit import fit
from atlas.learners.out_of_memory import OutOfMemory, is_out_of_memory
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import next_parts
from atlas.steps.train import train_step
from atlas.storage.store import Store
from tests.small import SCHEDULE, World

AUTO = ProcessGroup(compute=Compute(halve=True))


class SmallMemory(ContinualModel):
    """A model on a device whose memory holds a forward pass of so many records."""

    room = 3
    asked: list[int]

    def pool(self, batch: Batch, task: str) -> Tensor:
        self.allocate(batch)
        return super().pool(batch, task)

    def loss(self, batch: Batch, task: str, scoring: str, group: ProcessGroup | None = None) -> tuple[Tensor, Tensor]:
        self.allocate(batch)
        return super().loss(batch, task, scoring, group)

    def allocate(self, batch: Batch) -> None:
        self.asked.append(len(batch))
        torch.rand(())  # as dropout would
        if len(batch) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nGPU 0 has")


def model_of(world: World, room: int | None) -> ContinualModel:
    model = world.model()
    if room is not None:
        model.__class__ = SmallMemory
        model.room, model.asked = room, []  # type: ignore[assignment]
    return model


def learn(
    world: World, schedule: Schedule, *, room: int | None = None, group: ProcessGroup = AUTO
) -> tuple[list[Tensor], list[int], Tensor]:
    """A head learnt alone: its weights, the sizes of all forward passes, and a random number drawn afterwards."""
    model, stage = model_of(world, room), HeadStage(schedule=schedule)
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    fit(model, stage, world.worker_context.data["digits"], seed=0, group=group)
    weights = [value.detach().clone() for value in model.heads["digits"].parameters()]
    model.detach()
    return weights, getattr(model, "asked", []), torch.rand(())


@pytest.mark.parametrize(
    ("room", "accumulate", "sizes"),
    [(3, 1, [8, 4, 2, 2, 2, 2, 2, 2, 2, 2]), (1, 2, [4, 2, *[1] * 16]), (8, 1, [8, 8])],
)
def test_auto_cuts_a_batch_until_it_fits_and_learns_the_same(
    small_world: World, room: int, accumulate: int, sizes: list[int]
) -> None:
    schedule = replace(SCHEDULE, accumulate=accumulate)
    whole, _, _ = learn(small_world, schedule)
    cut, asked, _ = learn(small_world, schedule, room=room)
    assert asked == sizes
    for one, other in zip(whole, cut, strict=True):
        assert torch.allclose(one, other, atol=1e-5)


def test_a_batch_that_was_cut_draws_the_random_numbers_of_its_parts_alone(small_world: World) -> None:
    _, _, cut = learn(small_world, SCHEDULE, room=4)
    _, _, accumulated = learn(small_world, replace(SCHEDULE, accumulate=2), room=4)
    assert cut == accumulated


@pytest.mark.parametrize(("room", "group"), [(0, AUTO), (3, ProcessGroup())])
def test_without_auto_or_with_a_single_record_that_is_too_large_it_is_raised(
    small_world: World, room: int, group: ProcessGroup
) -> None:
    with pytest.raises(torch.OutOfMemoryError):
        learn(small_world, SCHEDULE, room=room, group=group)


def test_batches_are_cut_into_equal_parts() -> None:
    assert [next_parts(parts, [12]) for parts in (1, 2, 3, 4, 6, 12)] == [2, 3, 4, 6, 12, None]
    assert next_parts(1, [12, 9]) == 3
    assert next_parts(1, [7]) == 7


def test_scoring_cuts_batches_and_scores_the_same(small_world: World) -> None:
    scores = []
    for room in (None, 5):
        model = model_of(small_world, room)
        model.ensure_head("digits", torch.Generator().manual_seed(0))
        data = small_world.worker_context.data["digits"]
        scores.append(score(model, data, "test", limit=None, group=ProcessGroup()))
        model.detach()
    assert scores[0] == scores[1]


def test_a_step_that_memory_does_not_hold_fails_in_one_line(
    small_world: World, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("atlas.steps.train.ContinualModel", SmallMemory)
    monkeypatch.setattr(SmallMemory, "asked", [], raising=False)
    (step,) = small_world.walk("digits", learner=HeadOnly(schedule=SCHEDULE))
    with pytest.raises(OutOfMemory, match="lower --batch-size") as failed:
        train_step(step, small_world.worker_context, store)
    assert "\n" not in str(failed.value)
    assert "Tried to allocate 2.00 GiB." in str(failed.value)
    assert store.find(step.key) is None


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (torch.OutOfMemoryError("CUDA out of memory."), True),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"), True),
        (RuntimeError("CUDA error: out of memory"), True),
        (RuntimeError("mat1 and mat2 must have the same dtype"), False),
        (ValueError("out of memory"), False),
    ],
)
def test_only_errors_for_want_of_memory_count(error: Exception, expected: bool) -> None:
    assert is_out_of_memory(error) is expected
