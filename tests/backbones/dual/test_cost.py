"""The cost of a dual encoder: images and texts are counted apart."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.backbones.families import encoder_shapes
from atlas.metrics import forward_flops
from atlas.sweep.cost import shapes_on
from tests.backbones.dual.checkpoints import CHECKPOINTS, TEXT, VISION
from tests.data.cards import card


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return CHECKPOINTS["clip"](tmp_path_factory.mktemp("clip"))


def test_each_tower_has_a_shape_of_its_own(folder: Path) -> None:
    images, texts = encoder_shapes(folder)
    assert (images.width, images.depth, images.patches, images.text_tokens) == (32, 3, 16, 0)
    assert (texts.width, texts.depth, texts.patches, texts.text_tokens) == (24, 2, 0, 16)
    assert (images.inner, texts.inner) == (VISION["intermediate_size"], TEXT["intermediate_size"])


def test_a_record_costs_a_pass_an_image_and_a_pass_a_text(folder: Path) -> None:
    images, texts = shapes_on(card(choices=4, images=2), encoder_shapes(folder))
    assert (images.passes, texts.passes) == (2, 4)
    one_image, one_text = shapes_on(card(choices=1, images=1), encoder_shapes(folder))
    assert forward_flops(images) == 2 * forward_flops(one_image)
    assert forward_flops(texts) == 4 * forward_flops(one_text)


def test_a_configuration_without_numbers_has_no_shape(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "clip", "vision_config": {"hidden_size": "wide"}}')
    assert encoder_shapes(tmp_path) == ()
