from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from atlas.backbones import load
from atlas.learners import HeadStage, Precision
from atlas.learners.continual_model import ContinualModel
from atlas.learners.precision import autocast
from atlas.learners.process_group import ProcessGroup
from atlas.learners.trainer import Trainer
from tests.small import SCHEDULE, World, atlas

CPU = torch.device("cpu")


@pytest.fixture
def model(small_world: World) -> Iterator[ContinualModel]:
    """ATLAS's first stage begun on digits."""
    model, (stage, *_) = small_world.model(), atlas().stages(0)
    stage.begin(model, "digits", torch.Generator().manual_seed(0))
    yield model
    model.detach()


def outcome(model: ContinualModel, world: World, precision: Precision) -> list[Tensor]:
    """The logits of a batch, and the gradients of all that is trained."""
    model.zero_grad(set_to_none=True)
    batch = world.worker_context.data["digits"].splits["train"].batch(torch.arange(6))
    with autocast(CPU, precision):
        logits = model(batch, "digits")
    logits.float().square().sum().backward()
    return [logits.detach(), *(one.grad for one in model.parameters() if one.grad is not None)]


def backbone_weights(world: World) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in world.worker_context.backbone.named_parameters()}


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_held_weights_give_what_autocast_gives_to_the_bit(
    model: ContinualModel, small_world: World, precision: Precision
) -> None:
    cast = outcome(model, small_world, precision)
    model.hold_frozen(precision)
    held = outcome(model, small_world, precision)
    assert len(held) > 4
    assert all(torch.equal(one, other) for one, other in zip(cast, held, strict=True))


def test_frozen_weights_take_half_the_memory_and_adapters_and_heads_stay_in_float32(
    model: ContinualModel,
) -> None:
    model.hold_frozen("bfloat16")
    types = {name: value.dtype for name, value in model.named_parameters()}
    held = [name for name, dtype in types.items() if dtype is torch.bfloat16]
    assert any(name.endswith("query.weight") for name in held)
    assert any(name.endswith("patch_embeddings.projection.weight") for name in held)
    assert not any("atlas_" in name or name.startswith("heads") or "layernorm" in name for name in held)


def test_the_originals_come_back_exactly(model: ContinualModel, small_world: World) -> None:
    before = backbone_weights(small_world)
    model.hold_frozen("bfloat16")
    model.hold_frozen("bfloat16")
    model.detach()
    after = {name: value for name, value in backbone_weights(small_world).items() if name in before}
    assert all(torch.equal(value, before[name]) and value.dtype is before[name].dtype for name, value in after.items())


def test_an_adapter_that_is_added_is_drawn_in_float32(small_world: World) -> None:
    drawn = []
    precisions: tuple[Precision, ...] = ("float32", "bfloat16")
    for precision in precisions:
        model, stages = small_world.model(), atlas().stages(0)
        stages[0].begin(model, "digits", torch.Generator().manual_seed(0))
        model.hold_frozen(precision)
        stages[0].begin(model, "easy-vqa", torch.Generator().manual_seed(1))
        drawn.append([value.detach().clone() for name, value in model.named_parameters() if "atlas_" in name])
        model.detach()
    assert all(torch.equal(one, other) for one, other in zip(*drawn, strict=True))


def test_used_in_another_precision_they_are_the_originals(model: ContinualModel, small_world: World) -> None:
    whole = outcome(model, small_world, "float32")
    model.hold_frozen("bfloat16")
    again = outcome(model, small_world, "float32")
    assert all(torch.equal(one, other) for one, other in zip(whole, again, strict=True))


def test_a_backbone_that_is_tuned_stays_in_float32(small_world: World) -> None:
    model = small_world.model()
    model.ensure_head("digits", torch.Generator().manual_seed(0))
    model.train_backbone("digits")
    model.hold_frozen("bfloat16")
    assert model.backbone.frozen.dtype is torch.float32
    model.detach()


def test_a_trainer_in_bfloat16_holds_them(small_world: World, model: ContinualModel) -> None:
    stage = HeadStage(schedule=replace(SCHEDULE, precision="bfloat16"))
    Trainer(model, stage, small_world.worker_context.data["digits"], ProcessGroup(), 2)
    assert model.backbone.frozen.dtype is torch.bfloat16


def test_both_towers_of_a_dual_encoder_give_the_same_numbers() -> None:
    backbone = load("clip-tiny")
    size, (batch, length) = backbone.processor.image_size, (3, 9)
    generator = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (batch, 1, 3, size, size), generator=generator, dtype=torch.uint8)
    tokens = torch.randint(1, 200, (batch, 1, length), generator=generator)
    mask = torch.ones_like(tokens, dtype=torch.bool)
    model = ContinualModel(backbone, {})
    outputs = []
    for hold in (False, True):
        if hold:
            model.hold_frozen("bfloat16")
        with torch.no_grad(), autocast(CPU, "bfloat16"):
            outputs.append(backbone(pixels, tokens, mask))
    assert torch.equal(*outputs)
