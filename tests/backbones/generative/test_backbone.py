"""Generative models: the numbers of transformers' own classes, the sites of their decoders, records of every form."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import AutoModelForImageTextToText

from atlas.backbones import load
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.runtime.errors import AtlasError
from tests.backbones.generative.checkpoints import CHECKPOINTS, IMAGE

TEXTS = ("there is a red circle .", "no blue star", "what is the shape in the image ?")
ROOT: list[Path] = []


@pytest.fixture(scope="module", autouse=True)
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    ROOT[:] = [tmp_path_factory.mktemp("generative")]
    return ROOT[0]


@cache
def loaded(name: str) -> GenerativeBackbone:
    found = load(CHECKPOINTS[name](ROOT[0] / name))
    assert isinstance(found, GenerativeBackbone)
    return found


@pytest.fixture(params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest) -> GenerativeBackbone:
    return loaded(request.param)


def pictures(*shape: int) -> Tensor:
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (*shape, 3, 32, 32), dtype=torch.uint8, generator=source)


def rows(backbone: GenerativeBackbone, images: int) -> tuple[Tensor, Tensor]:
    tokens = torch.from_numpy(backbone.processor.token_rows(TEXTS, images=images)[0]).long()
    return tokens, tokens != backbone.processor.pad_id


def theirs(backbone: GenerativeBackbone, number: int, images: int) -> dict[str, Any]:
    """What transformers' model takes for one of TEXTS, without any padding."""
    tokens, mask = rows(backbone, images)
    sequences = backbone.sequences(tokens, mask, images=images)
    ids = sequences.tokens[number][sequences.mask[number]][None]
    given: dict[str, Any] = {"input_ids": ids, "attention_mask": torch.ones_like(ids)}
    if not images:
        return given
    values = (pictures(len(TEXTS), images)[number] - backbone.pixel_mean) / backbone.pixel_scale
    if "qwen" in str(type(backbone)).lower():
        grid = torch.tensor([[1, 8, 8]]).expand(images, -1)
        kinds = (ids == IMAGE).int()
        return given | {"pixel_values": patches(values), "image_grid_thw": grid, "mm_token_type_ids": kinds}
    return given | {"pixel_values": values if "llava" in str(type(backbone)).lower() else values[None]}


def patches(values: Tensor) -> Tensor:
    """As transformers' own processor of Qwen2.5-VL cuts images [N, 3, 32, 32] into patches of 4 × 4, merged by 2."""
    films = values[:, None].expand(-1, 2, -1, -1, -1)
    cut = films.reshape(len(values), 1, 2, 3, 4, 2, 4, 4, 2, 4)
    return cut.permute(0, 1, 4, 7, 5, 8, 3, 2, 6, 9).reshape(-1, 3 * 2 * 4 * 4)


@pytest.mark.parametrize("images", [0, 1, 2])
def test_its_states_are_those_of_transformers_own_class(backbone: GenerativeBackbone, images: int) -> None:
    model = AutoModelForImageTextToText.from_pretrained(backbone.processor.folder).eval()
    pixels = pictures(len(TEXTS), max(images, 1))
    tokens, mask = rows(backbone, images)
    with torch.no_grad():
        pooled = backbone(pixels, tokens[:, None], mask[:, None])[:, 0]
        for number, one in enumerate(pooled):
            states = model(**theirs(backbone, number, images), output_hidden_states=True).hidden_states[-1]
            assert torch.allclose(one, states[0, -1], atol=1e-4)


def test_adapters_go_to_the_decoder_unless_a_tower_is_named(backbone: GenerativeBackbone) -> None:
    sites = backbone.adapter_sites()
    names = [name for name, _ in backbone.model.named_modules()]
    found = [name for name in names if re.fullmatch(str(sites.target_modules), name)]
    decoder = backbone.decoder_name
    assert found == [f"{decoder}.layers.{n}.{site}" for n in (0, 1) for site in ("self_attn.o_proj", "mlp.down_proj")]
    vision = backbone.adapter_sites(("vision",))
    found = [name for name in names if re.fullmatch(str(vision.target_modules), name)]
    assert len(found) == 2 * backbone.towers["vision"].depth
    assert all(name.startswith(backbone.vision_name) for name in found)


def test_a_text_is_the_same_however_wide_its_row_is(backbone: GenerativeBackbone) -> None:
    tokens, mask = rows(backbone, 1)
    width = int(mask.sum(1).max())
    pixels = pictures(len(TEXTS), 1)
    whole = backbone(pixels, tokens[:, None], mask[:, None])
    assert torch.allclose(whole, backbone(pixels, tokens[:, None, :width], mask[:, None, :width]), atol=1e-5)


def test_an_image_too_many_is_told(backbone: GenerativeBackbone) -> None:
    tokens, mask = rows(backbone, 1)
    with pytest.raises(AtlasError, match="places for 1 image, and records have 2"):
        backbone(pictures(len(TEXTS), 2), tokens[:, None], mask[:, None])


def test_gradients_with_checkpoints_are_the_same(backbone: GenerativeBackbone) -> None:
    tokens, mask = rows(backbone, 1)
    pixels = pictures(len(TEXTS), 1)
    weight = backbone.decoder.layers[0].mlp.down_proj.weight.requires_grad_(True)
    try:
        found = []
        for checkpoints in (False, True):
            if checkpoints:
                backbone.checkpoint_gradients()
            (grad,) = torch.autograd.grad(backbone(pixels, tokens[:, None], mask[:, None]).square().sum(), weight)
            found.append(grad)
    finally:
        backbone.checkpoints = False
        weight.requires_grad_(False)
    assert torch.allclose(*found, atol=1e-5)
