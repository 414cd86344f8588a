"""Contract of every backbone in the catalogue."""

from __future__ import annotations

from functools import cache

import pytest
import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor

from atlas.backbones import BACKBONES, load
from atlas.backbones.backbone import Backbone


@cache
def loaded(name: str) -> Backbone:
    return load(name)


@pytest.fixture(params=sorted(BACKBONES))
def backbone(request: pytest.FixtureRequest) -> Backbone:
    place = BACKBONES[request.param]
    if isinstance(place, str) and not isinstance(try_to_load_from_cache(place, "config.json"), str):
        pytest.skip(f"{place} is not in the hub's cache")
    return loaded(request.param)


def batch(backbone: Backbone, *, images: int = 1, texts: tuple[str, ...] = ("a red circle .",)) -> tuple[Tensor, ...]:
    """Two records with these texts as choices."""
    side = backbone.processor.image_size
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, images, 3, side, side), dtype=torch.uint8, generator=source)
    rows = [torch.from_numpy(backbone.processor.tokens(text)).long() for text in texts]
    tokens = torch.stack(rows).expand(2, -1, -1)
    return pixels, tokens, tokens != backbone.processor.pad_id


def test_pooled_outputs_have_a_row_a_choice_and_a_width_an_image(backbone: Backbone) -> None:
    texts = ("a red circle .", "a blue star .", "no .")
    assert backbone(*batch(backbone, texts=texts)).shape == (2, 3, backbone.width)
    assert backbone(*batch(backbone, images=2)).shape == (2, 1, 2 * backbone.width)


def test_it_is_frozen_and_repeats_itself(backbone: Backbone) -> None:
    assert not any(p.requires_grad for p in backbone.parameters())
    assert torch.equal(backbone(*batch(backbone)), backbone(*batch(backbone)))


def test_image_and_text_both_matter(backbone: Backbone) -> None:
    pixels, tokens, mask = batch(backbone, texts=("a red circle .", "is there a blue star ?"))
    pooled = backbone(pixels, tokens, mask)
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3
    assert (pooled[:, 0] - pooled[:, 1]).abs().max() > 1e-3


def test_its_sites_are_linear_and_of_its_width(backbone: Backbone) -> None:
    found = [m for n, m in backbone.model.named_modules() if any(n.endswith(f".{s}") for s in backbone.sites)]
    assert len(found) == 2 * backbone.depth
    assert all(isinstance(m, torch.nn.Linear) and m.out_features == backbone.width for m in found)


def test_its_heads_divide_its_width(backbone: Backbone) -> None:
    assert backbone.width % backbone.heads == 0


def test_its_digest_is_a_sha256(backbone: Backbone) -> None:
    assert len(backbone.digest) == 64
    assert int(backbone.digest, 16) >= 0


def test_loading_again_gives_the_same(backbone: Backbone) -> None:
    again = load(backbone.processor.folder)
    assert again.digest == backbone.digest
    assert torch.equal(again(*batch(again)), backbone(*batch(backbone)))
