"""The type of a generative model's frozen weights, and how else it may be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from atlas.backbones import load
from atlas.backbones.generative.backbone import GenerativeBackbone, load_backbone
from atlas.backbones.generative.weights import compute_type
from atlas.backbones.load_options import LoadOptions
from atlas.learners.continual_model import ContinualModel
from atlas.runtime.errors import AtlasError
from tests.backbones.generative.checkpoints import write_smolvlm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smolvlm(tmp_path_factory.mktemp("smolvlm"))


def test_weights_are_bfloat16_where_a_gpu_computes_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [compute_type(one) for one in ("auto", "float32", "bfloat16")] == [
        torch.float32,
        torch.float32,
        torch.bfloat16,
    ]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    assert compute_type() is torch.bfloat16
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: False)
    assert compute_type() is torch.float32


def test_adapters_on_coarse_weights_are_float32_and_the_digest_is_the_same(folder: Path) -> None:
    backbone = load(folder, LoadOptions(weights="bfloat16", recompute=True))
    assert isinstance(backbone, GenerativeBackbone)
    assert backbone.checkpoints
    assert backbone.digest == load(folder).digest
    assert {value.dtype for value in backbone.parameters()} == {torch.bfloat16}
    model = ContinualModel(backbone, {})
    model.add_adapter("one", torch.Generator().manual_seed(0), r=2)
    model.train_head = lambda task: model.requires_grad_(False)  # type: ignore[method-assign]
    model.train_expansion("one")
    trained = [value for value in model.parameters() if value.requires_grad]
    assert {value.dtype for value in trained} == {torch.float32}
    tokens = torch.from_numpy(backbone.processor.tokens("a red star")).long()[None, None]
    pixels = torch.zeros(1, 1, 3, 32, 32, dtype=torch.uint8)
    backbone(pixels, tokens, tokens != backbone.processor.pad_id).float().sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in trained)
    model.detach()


def test_coarse_weights_are_not_tuned(folder: Path) -> None:
    model = ContinualModel(load(folder, LoadOptions(weights="bfloat16")), {})
    with pytest.raises(AtlasError, match="too coarse to be tuned: give --weights float32"):
        model.tuning.train(0)


def test_fewer_bits_need_a_gpu(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AtlasError, match="weights of 4 bits need a GPU"):
        load_backbone(folder, digest="0", bits=4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        AtlasError, match=r"weights of 8 bits need bitsandbytes: pip install 'atlas-continual\[quantised"
    ):
        load_backbone(folder, digest="0", bits=8)


def test_other_families_refuse_these_options() -> None:
    with pytest.raises(AtlasError, match="--weights and --recompute are for models that answer in words"):
        load("clip-tiny", LoadOptions(weights="bfloat16"))
