"""Dual encoders: the numbers of transformers' own classes, the sites of both towers, records of every form."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import AutoModel

from atlas.adapters import AtlasConfig
from atlas.backbones import load
from atlas.backbones.dual.backbone import DualBackbone
from atlas.runtime.errors import AtlasError
from tests.backbones.dual.checkpoints import CHECKPOINTS, CROPPED, END, TEXT, VISION

TEXTS = ("there is a red circle .", "no blue star", "what is the shape in the image ?")


@pytest.fixture(scope="module", params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DualBackbone:
    loaded = load(CHECKPOINTS[request.param](tmp_path_factory.mktemp(request.param)))
    assert isinstance(loaded, DualBackbone)
    return loaded


def images(count: int) -> Tensor:
    source = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=source)


def rows(backbone: DualBackbone) -> Tensor:
    return torch.from_numpy(backbone.processor.token_rows(TEXTS)[0]).long()


def theirs(backbone: DualBackbone) -> tuple[Tensor, Tensor]:
    """The features of `images(3)` and TEXTS by transformers' model, with texts padded to the model's longest."""
    model = AutoModel.from_pretrained(backbone.processor.folder).eval()
    mean, std = (
        torch.tensor(CROPPED[name] if backbone.processor.crops else [0.5] * 3) for name in ("image_mean", "image_std")
    )
    values = (images(3) / 255 - mean.view(3, 1, 1)) / std.view(3, 1, 1)
    tokens = rows(backbone)
    with torch.no_grad():
        out = model(input_ids=tokens.where(tokens != backbone.processor.pad_id, torch.tensor(END)), pixel_values=values)
    return out.image_embeds, out.text_embeds


def test_its_features_are_those_of_transformers_own_class(backbone: DualBackbone) -> None:
    found, tokens = theirs(backbone), rows(backbone)
    ours = backbone.image_features(images(3)), backbone.text_features(tokens, tokens != backbone.processor.pad_id)
    for one, other in zip(ours, found, strict=True):
        assert torch.allclose(torch.nn.functional.normalize(one, dim=-1), other, atol=1e-5)


def test_the_pooled_output_is_the_features_of_an_image_and_of_a_text(backbone: DualBackbone) -> None:
    tokens = rows(backbone)
    mask = tokens != backbone.processor.pad_id
    pixels = images(4).view(2, 2, 3, 32, 32)
    pooled = backbone(pixels, tokens.expand(2, -1, -1), mask.expand(2, -1, -1)).view(2, 3, 2, 2, -1)
    image, text = backbone.image_features(images(4)).view(2, 1, 2, -1), backbone.text_features(tokens, mask)
    assert torch.allclose(pooled[..., 0, :], image.expand(-1, 3, -1, -1), atol=1e-5)
    assert torch.allclose(pooled[..., 1, :], text[None, :, None].expand(2, -1, 2, -1), atol=1e-5)


def test_texts_that_are_each_encoded_have_the_features_of_those_that_are_told_apart(backbone: DualBackbone) -> None:
    tokens = rows(backbone)[[0, 1, 0, 2]].unflatten(0, (2, 2))
    mask = tokens != backbone.processor.pad_id
    told_apart = backbone.text_features(tokens.flatten(0, 1), mask.flatten(0, 1)).unflatten(0, (2, 2))
    assert torch.allclose(backbone.all_text_features(tokens, mask), told_apart, atol=1e-6)


def test_a_text_is_the_same_however_wide_its_row_is(backbone: DualBackbone) -> None:
    whole = rows(backbone)
    seen = whole != backbone.processor.pad_id
    width = int(seen.sum(1).max())
    assert width < whole.shape[1]
    cut = backbone.text_features(whole[:, :width], seen[:, :width])
    assert torch.allclose(cut, backbone.text_features(whole, seen), atol=1e-6)


def test_the_end_of_a_text_is_no_padding(backbone: DualBackbone) -> None:
    """Published models pad with their end-of-text token."""
    tokens = rows(backbone)
    assert ((tokens == END) & (tokens != backbone.processor.pad_id)).sum(1).tolist() == [1, 1, 1]


def test_adapters_go_to_both_towers_with_their_own_heads(backbone: DualBackbone) -> None:
    sites = backbone.adapter_sites()
    assert isinstance(sites.target_modules, str)
    found = [name for name, _ in backbone.model.named_modules() if re.fullmatch(sites.target_modules, name)]
    expected = [
        f"{tower}_model.encoder.layers.{layer}.{site}"
        for tower, depth in (("text", TEXT["num_hidden_layers"]), ("vision", VISION["num_hidden_layers"]))
        for layer in range(depth)
        for site in ("self_attn.out_proj", "mlp.fc2")
    ]
    assert sorted(found) == sorted(expected)
    config = AtlasConfig(target_modules=sites.target_modules, heads=sites.heads)
    assert {config.heads_at(name) for name in found if name.startswith("text")} == {TEXT["num_attention_heads"]}
    assert {config.heads_at(name) for name in found if name.startswith("vision")} == {VISION["num_attention_heads"]}


def test_layers_are_counted_from_the_top_that_both_towers_have(backbone: DualBackbone) -> None:
    tops = [f"{tower}_model.encoder.layers.{top}.mlp.fc2.weight" for tower, top in (("text", 1), ("vision", 2))]
    assert [backbone.layer_of(name) for name in tops] == [backbone.depth - 1] * 2
    layers = {backbone.layer_of(name) for name, _ in backbone.model.named_parameters()}
    assert layers == {None, -1, 0, 1, 2}
    assert backbone.layer_of("logit_scale") is None


def test_weights_that_are_missing_are_named(backbone: DualBackbone, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for path in backbone.processor.folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    lost = "text_model.final_layer_norm.weight"
    save_file({name: value for name, value in weights.items() if name != lost}, tmp_path / "model.safetensors")
    with pytest.raises(AtlasError, match=re.escape(lost)):
        load(tmp_path)


def test_half_precision_and_shards_are_read_as_float32(backbone: DualBackbone, tmp_path: Path) -> None:
    model = AutoModel.from_pretrained(backbone.processor.folder).half()
    model.save_pretrained(tmp_path, max_shard_size="40KB")
    for name in ("tokenizer.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((backbone.processor.folder / name).read_bytes())
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    half = load(tmp_path)
    assert {value.dtype for value in half.parameters()} == {torch.float32}
    tokens = rows(backbone)
    both = [
        one(images(3)[:, None], tokens[:, None], (tokens != one.processor.pad_id)[:, None]) for one in (half, backbone)
    ]
    assert torch.allclose(*both, rtol=0.05, atol=0.05)


def test_numbers_that_a_published_file_leaves_out_are_transformers_own(backbone: DualBackbone) -> None:
    from transformers import AutoConfig

    from atlas.backbones.dual.config import MEMBERS

    kind = json.loads((backbone.processor.folder / "config.json").read_text())["model_type"]
    config = AutoConfig.for_model(kind)
    for tower, numbers in MEMBERS[kind].defaults.items():
        assert {name: getattr(getattr(config, tower), name) for name in numbers} == numbers
