"""The readouts of RAIL on a dual encoder with random weights, and on a ViLT."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts.ridge import FusedRidge, Ridge, RidgeSettings
from atlas.runtime.errors import AtlasError
from atlas.steps.step import StepInputs
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import write_clip
from tests.small import World, make_world

FORMS = ("digits", "easy-vqa", "easy-pair", "inaturalist-twin")  # prompts alone, after a text, two images, soft scores
LIMITS = {"train": 16, "val": 8, "test": 8}
SETTINGS = RidgeSettings(hidden=32, seed=3, share=0.75)


@pytest.fixture(scope="module")
def clip_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    root = tmp_path_factory.mktemp("ridge")
    return make_world(write_clip(root / "clip"), root / "data", [TASKS[name] for name in FORMS], LIMITS)


@pytest.mark.parametrize("task", FORMS)
def test_the_fused_answer_is_that_of_the_regression_and_of_similarity(task: str, clip_world: World) -> None:
    model, batch = clip_world.model(), clip_world.worker_context.data[task].splits["train"].batch(torch.arange(4))
    model.new_readout = "similarity"
    model.ensure_head(task, torch.Generator())
    with torch.no_grad():
        zero_shot = model(batch, task).softmax(-1)
        model.heads[task] = alone = Ridge.of(model.backbone, model.forms[task], SETTINGS)
        regressed = model(batch, task)
        model.heads[task] = fused = FusedRidge.of(model.backbone, model.forms[task], SETTINGS)
        fused.weight.copy_(alone.weight)
        found, features = model(batch, task), fused.own_features(model.backbone, batch)
    torch.testing.assert_close(features, alone.own_features(model.backbone, batch))
    torch.testing.assert_close(found, 0.25 * zero_shot + 0.75 * regressed, rtol=1e-4, atol=1e-5)


def test_of_records_without_texts_it_reads_the_image_alone(clip_world: World) -> None:
    model, form = clip_world.model(), clip_world.worker_context.data["digits"].form
    batch = clip_world.worker_context.data["digits"].splits["train"].batch(torch.arange(4))
    other = replace(batch, tokens=batch.tokens.flip(-1), mask=batch.mask.flip(-1))
    for modality, alike in (("vision", True), ("vision-language", False)):
        readout = Ridge.of(model.backbone, replace(form, modality=modality), SETTINGS)
        with torch.no_grad():
            one, two = (readout.logits(readout.read(model.backbone, each)) for each in (batch, other))
        assert torch.allclose(one, two) is alike


def test_features_are_of_outputs_of_length_one(clip_world: World) -> None:
    form = clip_world.worker_context.data["easy-pair"].form
    readout = Ridge.of(clip_world.worker_context.backbone, form, SETTINGS)
    pooled = torch.randn(3, 1, 2 * clip_world.worker_context.backbone.width)
    parts = pooled.unflatten(-1, (4, -1))  # image and text, twice
    expected = ((parts / parts.norm(dim=-1, keepdim=True)).flatten(-2) @ readout.projection).clamp(min=0)
    torch.testing.assert_close(readout.random_features(7 * pooled), expected)


def test_it_comes_back_with_its_settings(clip_world: World, tmp_path: Path) -> None:
    models: list[ContinualModel] = [clip_world.model(), clip_world.model()]
    models[0].heads["digits"] = FusedRidge.of(models[0].backbone, models[0].forms["digits"], SETTINGS)
    models[0].save("digits", tmp_path)
    models[1].load("digits", tmp_path)
    again = models[1].readout("digits")
    assert isinstance(again, FusedRidge)
    assert again.made_of == SETTINGS
    assert torch.equal(again.projection, models[0].heads["digits"].get_buffer("projection"))
    assert torch.equal(again.weight, models[0].heads["digits"].get_parameter("weight"))


def test_what_it_cannot_answer_is_refused(clip_world: World, small_world: World) -> None:
    form = clip_world.worker_context.data["digits"].form
    with pytest.raises(AtlasError, match="digits, whose answers are free texts"):
        Ridge.of(clip_world.worker_context.backbone, replace(form, kind="texts", outputs=0), SETTINGS)
    with pytest.raises(AtlasError, match="has none of both"):
        FusedRidge.of(small_world.worker_context.backbone, form, SETTINGS)


def test_templates_are_part_of_a_step_that_compares_with_them() -> None:
    inputs = StepInputs(backbone="b", data={"digits": "d"}, templates={"digits": ("{} !",)})
    assert inputs.templates_for("ridge-similarity", ["digits"]) == (("digits", ("{} !",)),)
    assert inputs.templates_for("ridge", ["digits"]) == ()
