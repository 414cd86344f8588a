from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch

from atlas.learners import HeadStage
from atlas.learners.continual_model import ContinualModel
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import TrainingCurve
from atlas.learners.training_state import NO_CHECKPOINTS, Checkpoints, TrainingProgress, TrainingState
from tests.small import SCHEDULE, World

STAGE = HeadStage(schedule=replace(SCHEDULE, steps=6, patience=9, evaluate_every=2))


class MemoryCheckpoints(Checkpoints):
    """Keeps the checkpoint after one update, and begins from another."""

    def __init__(self, *, at: int = 0, begin: TrainingState | None = None) -> None:
        self.at, self.begin = at, begin
        self.kept: list[TrainingState] = []

    def load(self) -> TrainingState | None:
        return self.begin

    def due(self, update: int) -> bool:
        return update == self.at

    def save(self, training_state: TrainingState) -> None:
        copies = {name: value.clone() for name, value in training_state.tensors.items()}
        self.kept.append(TrainingState(progress=_through_json(training_state.progress), tensors=copies))


def _through_json(progress: TrainingProgress) -> TrainingProgress:
    return TrainingProgress.model_validate(json.loads(json.dumps(progress.model_dump(mode="json"))))


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    model = small_world.model()
    yield model
    model.detach()


def learn(
    world: World, model: ContinualModel, checkpoints: Checkpoints, *, rank: int = 0, stage: HeadStage = STAGE
) -> tuple[TrainingCurve, list[torch.Tensor]]:
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    curve = fit(
        model,
        stage,
        world.worker_context.data["digits"],
        seed=0,
        group=ProcessGroup(rank=rank),
        limit=16,
        checkpoints=checkpoints,
    )
    return curve, [value.detach().clone() for value in model.heads["digits"].parameters()]


def test_a_stage_resumed_from_a_checkpoint_ends_as_the_uninterrupted_one(
    small_world: World, model: ContinualModel
) -> None:
    at_three = MemoryCheckpoints(at=3)
    whole, weights = learn(small_world, model, at_three)
    with torch.no_grad():
        for value in model.heads["digits"].parameters():
            value.add_(1.0)
    rest, again = learn(small_world, model, MemoryCheckpoints(begin=at_three.kept[0]))
    assert [torch.equal(one, other) for one, other in zip(weights, again, strict=True)] == [True] * len(weights)
    assert (rest.losses, rest.updates, rest.records) == (whole.losses, whole.updates, whole.records)
    assert rest.early_stopping.scores == whole.early_stopping.scores


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        ({"decay": "constant", "warmup": 0.0}, True),
        ({"decay": "constant", "warmup": 0.5}, False),  # a share of the length
        ({"decay": "linear", "warmup": 0.0}, False),
        ({"decay": "cosine", "warmup": 0.0}, False),
    ],
)
def test_a_longer_schedule_goes_on_from_the_end_of_a_shorter_one_to_the_bit_where_the_rate_is_constant(
    small_world: World, model: ContinualModel, changed: dict[str, Any], same: bool
) -> None:
    """Given the same seeds, which a step draws from its key: two lengths never have them (ADR 58)."""
    short, long = (HeadStage(schedule=replace(SCHEDULE, steps=steps, **changed)) for steps in (4, 8))
    end = MemoryCheckpoints(at=4)
    learn(small_world, model, end, stage=short)
    continued, weights = learn(small_world, model, MemoryCheckpoints(begin=end.kept[0]), stage=long)
    del model.heads["digits"]  # it begins anew
    whole, expected = learn(small_world, model, NO_CHECKPOINTS, stage=long)
    assert continued.updates == whole.updates == 8
    assert all(torch.equal(one, other) for one, other in zip(weights, expected, strict=True)) is same
    assert (continued.losses == whole.losses) is same


def test_processes_that_a_group_has_more_than_before_draw_numbers_of_their_own(
    small_world: World, model: ContinualModel
) -> None:
    """Their dropout masks would be those of the process whose state they begin from."""
    at_three = MemoryCheckpoints(at=3)
    learn(small_world, model, at_three)
    drawn = []
    for rank in (0, 1, 2, 2):
        torch.manual_seed(99)
        learn(small_world, model, MemoryCheckpoints(begin=at_three.kept[0]), rank=rank)
        drawn.append(torch.rand(3).tolist())
    torch.set_rng_state(at_three.kept[0].tensors["random"][0])
    assert drawn[0] == torch.rand(3).tolist()
    assert drawn[2] == drawn[3]
    assert len({tuple(one) for one in drawn}) == 3


def test_a_checkpoint_holds_weights_optimiser_best_state_and_generators(
    small_world: World, model: ContinualModel
) -> None:
    at_three = MemoryCheckpoints(at=3)
    learn(small_world, model, at_three)
    (found,) = at_three.kept
    assert {name.partition("/")[0] for name in found.tensors} == {"weight", "moment", "best", "random"}
    assert found.progress.updates == 3
    assert found.progress.records == 3 * STAGE.schedule.batch_size
    assert found.progress.rates == [pytest.approx(STAGE.schedule.learning_rate * STAGE.schedule.rate(3, 6))] * 2
    assert found.tensors["random"].shape == (1, len(torch.get_rng_state()))


def test_the_base_keeps_no_checkpoints() -> None:
    assert NO_CHECKPOINTS.load() is None
    assert not NO_CHECKPOINTS.due(1)
    assert (NO_CHECKPOINTS.resumed_at, NO_CHECKPOINTS.workers_changed) == ((), ())
