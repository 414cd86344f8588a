"""The model is asked what its examples ask, and nothing else."""

from __future__ import annotations

import pytest
import torch

from atlas.backbones.pretraining.curriculum import NONE, Curriculum
from atlas.backbones.pretraining.examples import ANSWERS
from atlas.backbones.pretraining.images import PARTS, build_images
from atlas.backbones.pretraining.model import PretrainingModel, tiny_config
from atlas.backbones.pretraining.tokens import vocabulary


@pytest.fixture(scope="module")
def curriculum() -> Curriculum:
    return Curriculum(build_images(1, scenes=20, digits=10), seed=1, size=8)


@pytest.fixture(scope="module")
def model() -> PretrainingModel:
    torch.manual_seed(0)
    return PretrainingModel(tiny_config())


def test_logits_have_a_row_a_target(model: PretrainingModel, curriculum: Curriculum) -> None:
    batch = curriculum.batch_of(["dense", "ask"] * 4)
    predictions = model(batch)
    assert all(len(logits) == len(targets) for logits, targets in predictions.values())
    assert predictions["word"][0].shape == ((batch.words != NONE).sum(), len(vocabulary()))
    assert predictions["answer"][0].shape == (8, len(ANSWERS))
    assert [predictions[f"quadrant {i}"][0].shape for i in range(3)] == [(32, len(names)) for names in PARTS]
    assert [predictions[f"patch {i}"][0].shape for i in range(3)] == [(128, len(names)) for names in PARTS]


def test_looking_trains_the_lower_half_and_leaves_the_rest(curriculum: Curriculum) -> None:
    model = PretrainingModel(tiny_config())
    sum(logits.sum() for logits, _ in model.predict_patches(*curriculum.patch_batch()).values()).backward()  # type: ignore[union-attr]
    layers = model.model.encoder.layer
    assert [layer.output.dense.weight.grad is not None for layer in layers] == [True, True, False, False]


def test_it_has_about_a_million_parameters() -> None:
    assert 0.9e6 < sum(p.numel() for p in PretrainingModel(tiny_config()).model.parameters()) < 1.1e6
