"""The fast ViLT computes what Hugging Face's does."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import ViltForMaskedLM, ViltModel

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.backbones.vilt.model import load_model
from atlas.runtime.errors import AtlasError
from tests.backbones.conftest import small_config, write_processing


@pytest.fixture(scope="module")
def backbone(vilt_folder: Path) -> Backbone:
    return load(vilt_folder)


def inputs(*, batch: int = 3, images: int = 1, choices: int = 1) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, tokens and a mask with texts of different lengths."""
    source = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (batch, images, 3, 64, 64), dtype=torch.uint8, generator=source)
    tokens = torch.randint(5, 300, (batch, choices, 24), generator=source)
    lengths = torch.randint(4, 25, (batch, choices, 1), generator=source)
    mask = torch.arange(24) < lengths
    return pixels, tokens * mask, mask


def hugging_face(folder: Path, pixels: Tensor, tokens: Tensor, mask: Tensor, *, modality: int = 1) -> Tensor:
    """The pooled output of HF's own model and forward, for one image and one text a record."""
    model = ViltModel.from_pretrained(folder).eval()
    if modality == 2:  # as the published NLVR2 model does
        known = model.embeddings.token_type_embeddings.weight.data
        model.embeddings.token_type_embeddings = torch.nn.Embedding.from_pretrained(known[[0, 1, 1]])
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in ([0.4, 0.5, 0.6], [0.5, 0.4, 0.3]))
    with torch.no_grad():
        return model(
            input_ids=tokens,
            attention_mask=mask.long(),
            pixel_values=(pixels / 255 - mean) / std,
            image_token_type_idx=modality,
        ).pooler_output


def test_pooled_output_is_hugging_faces(backbone: Backbone, vilt_folder: Path) -> None:
    pixels, tokens, mask = inputs()
    ours = backbone(pixels, tokens, mask)
    theirs = hugging_face(vilt_folder, pixels[:, 0], tokens[:, 0], mask[:, 0])
    assert ours.shape == (3, 1, 32)
    torch.testing.assert_close(ours[:, 0], theirs, rtol=0, atol=1e-5)


def test_token_types_change_the_output_as_hugging_faces_do(vilt_folder: Path) -> None:
    pixels, tokens, mask = inputs()
    types = (torch.arange(24) > 5).long().expand(3, -1)
    fast, slow = load_model(vilt_folder).eval(), ViltModel.from_pretrained(vilt_folder).eval()
    values, tokens, mask = pixels[:, 0] / 255, tokens[:, 0], mask[:, 0]
    with torch.no_grad():
        ours = fast(tokens, mask, fast.embed_images(values), token_type_ids=types).pooler_output
        theirs = slow(tokens, mask.long(), types, pixel_values=values).pooler_output
        plain = fast(tokens, mask, fast.embed_images(values)).pooler_output
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert (ours - plain).abs().max() > 1e-3


def test_choices_are_the_same_folded_as_one_by_one(backbone: Backbone) -> None:
    pixels, tokens, mask = inputs(choices=4)
    folded = backbone(pixels, tokens, mask)
    looped = [backbone(pixels, tokens[:, c : c + 1], mask[:, c : c + 1]) for c in range(4)]
    torch.testing.assert_close(folded, torch.cat(looped, dim=1), rtol=0, atol=1e-6)


def test_two_images_are_two_passes_with_modality_one_and_two(backbone: Backbone, vilt_folder: Path) -> None:
    pixels, tokens, mask = inputs(images=2)
    ours = backbone(pixels, tokens, mask)[:, 0]
    first = hugging_face(vilt_folder, pixels[:, 0], tokens[:, 0], mask[:, 0])
    second = hugging_face(vilt_folder, pixels[:, 1], tokens[:, 0], mask[:, 0], modality=2)
    torch.testing.assert_close(ours, torch.cat([first, second], dim=-1), rtol=0, atol=1e-5)


def test_a_second_modality_of_its_own_is_kept(vilt_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(vilt_folder, tmp_path / "pairs")
    config = json.loads((vilt_folder / "config.json").read_text()) | {"modality_type_vocab_size": 3}
    (tmp_path / "pairs" / "config.json").write_text(json.dumps(config))
    weights = load_file(vilt_folder / "model.safetensors")
    own = torch.randn(3, 32)
    save_file(weights | {"embeddings.token_type_embeddings.weight": own}, tmp_path / "pairs" / "model.safetensors")
    assert torch.equal(load_model(tmp_path / "pairs").embeddings.token_type_embeddings.weight, own)


def test_padding_does_not_change_the_output(backbone: Backbone) -> None:
    pixels, tokens, mask = inputs()
    mask[..., 12:] = False
    wide = backbone(pixels, tokens, mask)
    narrow = backbone(pixels, tokens[..., :12], mask[..., :12])
    torch.testing.assert_close(wide, narrow, rtol=0, atol=5e-6)


def test_nothing_of_the_backbone_is_trainable_and_dropout_is_off(backbone: Backbone) -> None:
    assert not any(p.requires_grad for p in backbone.parameters())
    assert not any(module.training for module in backbone.modules() if module is not backbone)


def test_there_is_no_dropout_even_in_training_mode(vilt_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(vilt_folder, tmp_path / "dropping")
    config = json.loads((vilt_folder / "config.json").read_text())
    config |= {"hidden_dropout_prob": 0.5, "attention_probs_dropout_prob": 0.5}
    (tmp_path / "dropping" / "config.json").write_text(json.dumps(config))
    backbone = load(tmp_path / "dropping").train()
    assert torch.equal(backbone(*inputs()), backbone(*inputs()))


def test_sites_name_two_modules_a_layer(backbone: Backbone) -> None:
    names = [n for n, _ in backbone.model.named_modules() if any(n.endswith(f".{s}") for s in backbone.sites)]
    wanted = [f"encoder.layer.{i}.{part}.dense" for i in range(2) for part in ("attention.output", "output")]
    assert names == wanted


def test_gradient_reaches_the_first_site_and_goes_no_deeper(vilt_folder: Path) -> None:
    backbone = load(vilt_folder)
    first = backbone.model.encoder.layer[0].attention
    first.output.dense.bias.requires_grad_(True)
    below: list[Tensor] = []
    first.attention.register_forward_hook(lambda _m, _i, out: below.append(out[0]))
    backbone(*inputs()).sum().backward()
    assert first.output.dense.bias.grad is not None
    assert first.output.dense.bias.grad.abs().max() > 0
    assert not below[0].requires_grad


def test_loading_is_deterministic(vilt_folder: Path) -> None:
    one, two = load(vilt_folder), load(vilt_folder)
    assert torch.equal(one(*inputs()), two(*inputs()))
    assert one.digest == two.digest


def test_the_global_random_state_is_left_alone(backbone: Backbone) -> None:
    before = torch.get_rng_state()
    backbone(*inputs())
    assert torch.equal(before, torch.get_rng_state())


def test_a_masked_language_models_checkpoint_loads(tmp_path: Path) -> None:
    torch.manual_seed(1)
    whole = ViltForMaskedLM(small_config())
    whole.save_pretrained(tmp_path)
    write_processing(tmp_path)
    loaded = load(tmp_path).model.state_dict()
    for name, weight in whole.vilt.state_dict().items():
        if "token_type_embeddings" not in name:
            assert torch.equal(loaded[name], weight), name


def test_missing_weights_are_an_error_that_names_them(vilt_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(vilt_folder, tmp_path / "part")
    weights = load_file(vilt_folder / "model.safetensors")
    weights.pop("pooler.dense.weight")
    save_file(weights, tmp_path / "part" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(AtlasError, match=r"lack pooler\.dense\.weight"):
        load(tmp_path / "part")


def test_broken_weights_are_an_error(vilt_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(vilt_folder, tmp_path / "broken")
    (tmp_path / "broken" / "model.safetensors").write_bytes(b"not weights")
    with pytest.raises(AtlasError, match="cannot be read as a ViLT"):
        load(tmp_path / "broken")
