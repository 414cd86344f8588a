from __future__ import annotations

import torch

from atlas.learners import HeadOnly, HeadStage, SingleTaskAdapters
from tests.small import SCHEDULE, World, atlas


def test_only_the_head_is_trained(small_world: World) -> None:
    model = small_world.model()
    HeadStage(schedule=SCHEDULE).begin(model, "digits", torch.Generator().manual_seed(0))
    trained = {name for name, value in model.named_parameters() if value.requires_grad}
    assert trained == {f"heads.digits.{part}" for part in ("0.weight", "0.bias", "1.weight", "1.bias")} | {
        "heads.digits.3.weight",
        "heads.digits.3.bias",
    }
    assert model.order == []


def test_the_head_alone_is_the_same_at_each_position() -> None:
    learner = HeadOnly(schedule=SCHEDULE)
    assert learner.stages(0) == learner.stages(3)


def test_lone_adapters_take_the_first_step_of_atlas_at_each_position() -> None:
    learner = SingleTaskAdapters(like=atlas(rank=7))
    assert learner.stages(3) == atlas(rank=7).stages(0)
    assert learner.stages(0)[0].settings()["rank"] == 7
