"""Contract of every backbone in the catalogue."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import torch
from huggingface_hub import try_to_load_from_cache
from torch import Tensor

from atlas.backbones import BACKBONES, load
from atlas.backbones.backbone import Backbone
from atlas.backbones.families import FAMILIES, encoder_shapes
from tests.backbones.checkpoints import CHECKPOINTS


@cache
def loaded(name: str | Path) -> Backbone:
    return load(name)


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a checkpoint of each family with random weights, by the family's name."""
    root = tmp_path_factory.mktemp("checkpoints")
    for family, write in CHECKPOINTS.items():
        write(root / family)
    return root


@pytest.fixture(params=[*sorted(BACKBONES), *(f"random {family}" for family in sorted(CHECKPOINTS))])
def backbone(request: pytest.FixtureRequest, random_weights: Path) -> Backbone:
    if request.param.startswith("random "):
        return loaded(random_weights / request.param.removeprefix("random "))
    place = BACKBONES[request.param]
    if isinstance(place, str) and not isinstance(try_to_load_from_cache(place, "config.json"), str):
        pytest.skip(f"{place} is not in the hub's cache")
    return loaded(request.param)


def test_every_family_has_a_checkpoint_here() -> None:
    assert CHECKPOINTS.keys() == FAMILIES.keys()


def batch(backbone: Backbone, *, images: int = 1, texts: tuple[str, ...] = ("a red circle .",)) -> tuple[Tensor, ...]:
    """Two records with these texts as choices."""
    side = backbone.processor.image_size
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, images, 3, side, side), dtype=torch.uint8, generator=source)
    rows = [torch.from_numpy(backbone.processor.tokens(text, images=images)).long() for text in texts]
    tokens = torch.stack(rows).expand(2, -1, -1)
    return pixels, tokens, tokens != backbone.processor.pad_id


def test_pooled_outputs_have_a_row_a_choice_and_the_width_of_their_images(backbone: Backbone) -> None:
    texts = ("a red circle .", "a blue star .", "no .")
    assert backbone.pooled_width(1) == backbone.width
    assert backbone(*batch(backbone, texts=texts)).shape == (2, 3, backbone.width)
    assert backbone(*batch(backbone, images=2)).shape == (2, 1, backbone.pooled_width(2))


def test_it_is_frozen_and_repeats_itself(backbone: Backbone) -> None:
    assert not any(p.requires_grad for p in backbone.parameters())
    assert torch.equal(backbone(*batch(backbone)), backbone(*batch(backbone)))


def test_image_and_text_both_matter(backbone: Backbone) -> None:
    pixels, tokens, mask = batch(backbone, texts=("a red circle .", "is there a blue star ?"))
    pooled = backbone(pixels, tokens, mask)
    assert (pooled[0] - pooled[1]).abs().max() > 1e-3
    assert (pooled[:, 0] - pooled[:, 1]).abs().max() > 1e-3


def test_its_sites_are_linear_and_of_its_width(backbone: Backbone) -> None:
    for tower in backbone.towers.values():
        found = [module for name, module in backbone.model.named_modules() if tower.has_site(name)]
        assert len(found) == 2 * tower.depth
        assert all(isinstance(m, torch.nn.Linear) and m.out_features == tower.width for m in found)


def test_its_heads_divide_its_width(backbone: Backbone) -> None:
    assert all(tower.width % tower.heads == 0 for tower in backbone.towers.values())


def test_the_sites_of_its_towers_are_those_that_adapters_get(backbone: Backbone) -> None:
    names = [name for name, _ in backbone.model.named_modules()]
    usual = [name for name, tower in backbone.towers.items() if tower.default]
    for chosen, towers in (((), usual), (tuple(backbone.towers), list(backbone.towers))):
        sites = backbone.adapter_sites(chosen)
        by_tower = [name for name in names if any(backbone.towers[tower].has_site(name) for tower in towers)]
        assert by_tower
        assert [name for name in names if is_target(sites.target_modules, name)] == by_tower


def is_target(modules: list[str] | str, name: str) -> bool:
    """Whether PEFT adapts a module."""
    if isinstance(modules, str):
        return re.fullmatch(modules, name) is not None
    return any(name == one or name.endswith(f".{one}") for one in modules)


def test_a_record_alone_is_as_in_a_batch(backbone: Backbone) -> None:
    pixels, tokens, mask = batch(backbone, images=2, texts=("a red circle .", "no ."))
    pooled = backbone(pixels, tokens, mask)
    alone = torch.cat([backbone(pixels[i : i + 1], tokens[i : i + 1], mask[i : i + 1]) for i in range(2)])
    assert torch.allclose(pooled, alone, atol=1e-5)


def test_half_precision_is_near(backbone: Backbone) -> None:
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        near = backbone(*batch(backbone)).float()
    pooled = backbone(*batch(backbone))
    assert torch.nn.functional.cosine_similarity(near, pooled, dim=-1).min() > 0.99


def test_every_parameter_has_a_place_among_its_layers(backbone: Backbone) -> None:
    places = {backbone.layer_of(name) for name, _ in backbone.model.named_parameters()}
    assert places == {None, *range(-1, backbone.depth)}


def test_its_cost_is_known_from_its_files(backbone: Backbone) -> None:
    shapes = encoder_shapes(backbone.processor.folder)
    widths = [(shape.width, shape.depth) for shape in shapes]
    assert sorted(widths) == sorted((tower.width, tower.depth) for tower in backbone.towers.values())


def test_its_digest_is_a_sha256(backbone: Backbone) -> None:
    assert len(backbone.digest) == 64
    assert int(backbone.digest, 16) >= 0


def test_loading_again_gives_the_same(backbone: Backbone) -> None:
    again = load(backbone.processor.folder)
    assert again.digest == backbone.digest
    assert torch.equal(again(*batch(again)), backbone(*batch(backbone)))


def test_every_weight_takes_part_in_its_output(backbone: Backbone) -> None:
    """A group of workers that tunes it waits for the gradients of all of them."""
    backbone.model.requires_grad_(True)
    try:
        backbone(*batch(backbone, images=2, texts=("a red circle .", "no ."))).square().sum().backward()
        idle = [name for name, value in backbone.model.named_parameters() if value.grad is None]
    finally:
        backbone.model.requires_grad_(False)
        backbone.model.zero_grad(set_to_none=True)
    assert idle == []
