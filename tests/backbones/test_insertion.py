"""Learnt prompts before the tokens of every family's backbone, with random weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from atlas.backbones import load
from atlas.backbones.backbone import Backbone
from atlas.runtime.errors import AtlasError
from tests.backbones.checkpoints import CHECKPOINTS

Given = tuple[Tensor, Tensor, Tensor]


@pytest.fixture(scope="module", params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Backbone:
    return load(CHECKPOINTS[request.param](tmp_path_factory.mktemp("insertion") / request.param))


@pytest.fixture(scope="module")
def given(backbone: Backbone) -> Given:
    """Three records of one image and two texts that compete."""
    processor = backbone.processor
    texts = ["a red circle", "the blue star is there", "no"]
    rows = torch.stack([torch.from_numpy(processor.tokens(text)).long() for text in texts])
    tokens = torch.stack([rows, rows.roll(1, 0)], 1)
    side, generator = processor.image_size, torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, 1, 3, side, side), dtype=torch.uint8, generator=generator)
    return pixels, tokens, tokens != processor.pad_id


def prompts_of(backbone: Backbone, count: int = 3) -> Tensor:
    return torch.rand(count, 4, backbone.prompt_width, generator=torch.Generator().manual_seed(1))


def test_prompts_change_what_is_pooled_while_they_last_alone(backbone: Backbone, given: Given) -> None:
    with torch.no_grad():
        bare = backbone(*given)
        with backbone.prompted(prompts_of(backbone)):
            found = backbone(*given)
        assert torch.equal(backbone(*given), bare)
    assert found.shape == bare.shape
    assert not torch.allclose(found, bare, atol=1e-3)


def test_a_record_alone_is_as_in_a_batch(backbone: Backbone, given: Given) -> None:
    prompts = prompts_of(backbone)
    with torch.no_grad():
        with backbone.prompted(prompts):
            whole = backbone(*given)
        with backbone.prompted(prompts[1:2]):
            alone = backbone(*(one[1:2] for one in given))
    torch.testing.assert_close(alone, whole[1:2], rtol=1e-3, atol=1e-3)


def test_prompts_learn(backbone: Backbone, given: Given) -> None:
    prompts = prompts_of(backbone).requires_grad_(True)
    with backbone.prompted(prompts):
        backbone(*given).square().sum().backward()
    assert prompts.grad is not None
    assert (prompts.grad.abs().amax((1, 2)) > 0).all()


@pytest.mark.parametrize("backbone", ["clip"], indirect=True)
def test_on_clip_they_stand_before_the_class_token(backbone: Backbone, given: Given) -> None:
    whole: Any = backbone
    model, pixels, prompts = whole.model, given[0][:, 0], prompts_of(backbone)
    with torch.no_grad():
        vision = model.vision_model
        values = ((pixels - whole.pixel_mean) / whole.pixel_scale).float()
        states = torch.cat([prompts, vision.pre_layrnorm(vision.embeddings(values))], 1)
        for layer in vision.encoder.layers:
            states = layer(states, None)
        expected = model.visual_projection(vision.post_layernorm(states[:, 4]))
        with backbone.prompted(prompts):
            found = whole.image_features(pixels)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("backbone", ["smolvlm"], indirect=True)
def test_on_a_decoder_they_are_the_first_of_a_sequence(backbone: Backbone, given: Given) -> None:
    whole: Any = backbone
    pixels, tokens, mask = given
    prompts = prompts_of(backbone)
    with torch.no_grad():
        sequences = whole.sequences(tokens[:, 0], mask[:, 0])
        embedded = torch.cat([prompts, whole.embed(sequences, pixels)], 1)
        seen = nn.functional.pad(sequences.mask, (4, 0), value=True)
        states = whole.decoder(inputs_embeds=embedded, attention_mask=seen.long()).last_hidden_state
        expected = states[torch.arange(3), 3 + sequences.lengths]
        with backbone.prompted(prompts):
            found = backbone(pixels, tokens[:, :1], mask[:, :1])
    torch.testing.assert_close(found[:, 0], expected, rtol=1e-3, atol=1e-3)


def test_a_backbone_that_reads_none_says_so(backbone: Backbone) -> None:
    with pytest.raises(AtlasError, match="reads no learnt prompts before its tokens: give another --backbone"):
        Backbone.prompted(backbone, prompts_of(backbone))
