"""The type of a generative model's frozen weights, and how else it may be loaded."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from atlas.backbones import load
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.backbones.generative.weights import compute_type, load_model, quantisation
from atlas.backbones.load_options import LoadOptions
from atlas.cluster.options import QUANTISED, Weights
from atlas.learners.continual_model import ContinualModel
from atlas.runtime.errors import AtlasError
from tests.backbones.generative.checkpoints import write_smolvlm


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_smolvlm(tmp_path_factory.mktemp("smolvlm"))


def test_weights_are_of_the_type_that_is_asked_for_whatever_the_device(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for asked, held in (("auto", torch.float32), ("float32", torch.float32), ("bfloat16", torch.bfloat16)):
        assert load_model(folder, asked).dtype is held  # type: ignore[arg-type]


def test_adapters_on_coarse_weights_are_float32_and_the_digest_is_the_same(folder: Path) -> None:
    backbone = load(folder, LoadOptions(weights="bfloat16", recompute=True))
    assert isinstance(backbone, GenerativeBackbone)
    assert backbone.checkpoints
    whole = load(folder)
    assert backbone.digest == whole.digest
    assert (backbone.weights, whole.weights, load("clip-tiny").weights) == ("bfloat16", "float32", "")
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


@pytest.mark.parametrize("weights", QUANTISED)
def test_fewer_bits_need_their_package_and_a_gpu(
    weights: Weights, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(AtlasError, match=r"-bit needs bitsandbytes: pip install 'atlas-continual\[quantised"):
        load(folder, LoadOptions(weights=weights))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(AtlasError, match=f"--weights {weights} needs a GPU"):
        load(folder, LoadOptions(weights=weights))


def test_the_settings_of_fewer_bits_are_bitsandbytes_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    eight, four = map(quantisation, QUANTISED)
    assert (eight.load_in_8bit, eight.load_in_4bit) == (True, False)
    assert (four.load_in_4bit, four.bnb_4bit_quant_type, four.bnb_4bit_use_double_quant) == (True, "nf4", True)
    assert {compute_type(one) for one in QUANTISED} == {four.bnb_4bit_compute_dtype} == {torch.bfloat16}


def test_other_families_refuse_these_options() -> None:
    with pytest.raises(AtlasError, match="--weights and --recompute are for models that answer in words"):
        load("clip-tiny", LoadOptions(weights="bfloat16"))
