"""Adapters on a decoder: what follows a prompt, and how a batch is padded, do not change its α or its states."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from atlas.adapters import AtlasModel
from atlas.backbones import load
from atlas.backbones.generative.backbone import GenerativeBackbone
from atlas.learners.continual_model import ContinualModel
from tests.backbones.generative.checkpoints import CHECKPOINTS

PROMPTS = ("there is a red circle", "what is the shape in the image ?")


@pytest.fixture(scope="module", params=["llava", "qwen2_5_vl"])
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ContinualModel:
    """A model of two tasks' adapters."""
    model = ContinualModel(load(CHECKPOINTS[request.param](tmp_path_factory.mktemp(request.param))), {})
    for number, weighting in enumerate(("whole", "whole")):
        model.add_adapter(
            f"task{number}", torch.Generator().manual_seed(number), r=4, weighting=weighting, init_scale=0.5
        )
    model.activate("task1")
    return model


def rows(model: ContinualModel, answer: str, width: int = 40) -> tuple[Tensor, Tensor, Tensor]:
    """Pixels, tokens and mask of prompts with an answer."""
    processor = model.backbone.processor
    assert processor.prompts is not None
    found = processor.prompts.rows([f"{one} [SEP] {answer}" for one in PROMPTS], width, answered=True).rows
    tokens = torch.from_numpy(found).long()
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (2, 1, 3, 32, 32), dtype=torch.uint8, generator=source)
    return pixels, tokens, tokens != processor.pad_id


def states(model: ContinualModel, pixels: Tensor, tokens: Tensor, mask: Tensor, *, left: bool = False) -> list[Tensor]:
    """The states of each prompt's own tokens, [L_n, D]."""
    backbone = model.backbone
    assert isinstance(backbone, GenerativeBackbone)
    sequences = backbone.sequences(tokens, mask)
    sequences = sequences.left_padded() if left else sequences
    with torch.no_grad():
        hidden = backbone.decode(sequences, backbone.embed(sequences, pixels))
    return [one[seen] for one, seen in zip(hidden, sequences.prompt, strict=True)]


def weights(model: ContinualModel, *given: Tensor, left: bool = False) -> list[Tensor]:
    adapters = model.adapters
    assert isinstance(adapters, AtlasModel)
    with adapters.keep_combination_weights():
        states(model, *given, left=left)
        return list(adapters.combination_weights().values())


def test_an_answer_changes_no_state_of_its_prompt(model: ContinualModel) -> None:
    one, other = (states(model, *rows(model, answer)) for answer in ("a blue star", "no"))
    for first, second in zip(one, other, strict=True):
        assert torch.allclose(first, second, atol=1e-6)
    for first, second in zip(
        weights(model, *rows(model, "a blue star")), weights(model, *rows(model, "no")), strict=True
    ):
        assert torch.allclose(first, second, atol=1e-6)


@pytest.mark.parametrize("left", [False, True])
def test_padding_changes_neither_states_nor_weights(model: ContinualModel, left: bool) -> None:
    given, wide = rows(model, "no", 28), rows(model, "no", 40)
    expected = states(model, *given)
    for first, second in zip(expected, states(model, *wide, left=left), strict=True):
        assert torch.allclose(first, second, atol=1e-5)
    for first, second in zip(weights(model, *given), weights(model, *wide, left=left), strict=True):
        assert torch.allclose(first, second, atol=1e-5)
    alone = states(model, *(one[:1] for one in given))
    assert torch.allclose(alone[0], expected[0], atol=1e-5)


def test_the_weights_of_adapters_differ_by_prompt(model: ContinualModel) -> None:
    assert all((one[0] - one[1]).abs().max() > 1e-4 for one in weights(model, *rows(model, "no")))


def test_gradients_with_checkpoints_are_the_same(model: ContinualModel) -> None:
    """A batch's layers are computed again when another batch has gone through them since."""
    backbone = model.backbone
    assert isinstance(backbone, GenerativeBackbone)
    model.adapters.train_expansion("task1")
    trained = [value for value in model.backbone.parameters() if value.requires_grad]
    batches = [tuple(one[:, None] if one.dim() == 2 else one for one in rows(model, text)) for text in ("no", "a star")]
    found = []
    for checkpoints in (False, True):
        if checkpoints:
            backbone.checkpoint_gradients()
        loss = sum((backbone(*batch).square().sum() for batch in batches), torch.zeros(()))
        found.append(torch.autograd.grad(loss, trained))
    backbone.checkpoints = False
    assert trained
    for first, second in zip(*found, strict=True):
        assert torch.allclose(first, second, rtol=1e-4, atol=1e-6)
