"""α of a dual encoder's text tower: a text's own, whatever texts are beside it in a batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from atlas.adapters import AtlasConfig, with_adapter
from atlas.adapters.layer import AtlasLayer
from atlas.backbones import load
from atlas.backbones.dual.backbone import DualBackbone
from atlas.data.loader import Batch
from atlas.learners import LEARNERS
from atlas.learners.continual_model import ContinualModel
from atlas.learners.readouts.readout import AnswerForm
from tests.backbones.dual.checkpoints import CHECKPOINTS, write_legacy_clip
from tests.contracts.test_learner import small

SHORT, LONG = "no star", "there is a red circle in the image , what is the shape ?"
WRITERS = {**CHECKPOINTS, "clip, end by its number": write_legacy_clip}
FORM = AnswerForm(task="shapes", outputs=3, images=1, answers=("red", "blue circle", "no"))


@pytest.fixture(params=["clip-tiny", *WRITERS])
def backbone(request: pytest.FixtureRequest, tmp_path: Path) -> DualBackbone:
    loaded = load(request.param if request.param not in WRITERS else WRITERS[request.param](tmp_path))
    assert isinstance(loaded, DualBackbone)
    return loaded


def texts(backbone: DualBackbone, *given: str, padding: int = 0) -> tuple[Tensor, Tensor]:
    """Tokens and mask [N, L], as wide as the longest text and some padding."""
    tokens = torch.from_numpy(backbone.processor.token_rows(given)[0]).long()
    tokens = tokens[:, : int((tokens != backbone.processor.pad_id).sum(1).max()) + padding]
    return tokens, tokens != backbone.processor.pad_id


def batch_of(backbone: DualBackbone, *given: str, padding: int = 0) -> Batch:
    side = backbone.processor.image_size
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (len(given), 1, 3, side, side), dtype=torch.uint8, generator=source)
    tokens, mask = (one[:, None] for one in texts(backbone, *given, padding=padding))
    return Batch(pixels=pixels, tokens=tokens, mask=mask, targets=torch.arange(len(given)) % 3)


@pytest.mark.parametrize("weighting", ["whole", "dimension"])
def test_a_text_alone_and_beside_a_longer_one_has_equal_features_and_alpha(
    backbone: DualBackbone, weighting: str
) -> None:
    torch.manual_seed(0)
    sites = backbone.adapter_sites(("text",))
    config = AtlasConfig(target_modules=sites.target_modules, heads=sites.heads, r=4, weighting=weighting)
    with_adapter(backbone.model, config, "one")
    layers = [one for one in backbone.modules() if isinstance(one, AtlasLayer)]
    for layer in layers:
        layer.keep_alpha = True
        layer.atlas_up["one"].data.normal_()
    found = []
    for given in ((SHORT,), (SHORT, LONG)):
        tokens, mask = texts(backbone, *given)
        features = backbone.all_text_features(tokens[:, None], mask[:, None])[0, 0]
        found.append([features, *(layer.alpha[0] for layer in layers if layer.alpha is not None)])
    assert len(found[0]) == 1 + len(layers)
    for alone, beside in zip(*found, strict=True):
        torch.testing.assert_close(beside, alone, rtol=1e-6, atol=1e-6)


def trained(backbone: DualBackbone, learner: str, readout: str) -> ContinualModel:
    """A model of one task whose adapter does something, and so weighs."""
    model = ContinualModel(backbone, {FORM.task: FORM})
    model.new_readout = readout
    (stage,) = small(LEARNERS[learner]()).stages(0)
    stage.begin(model, FORM.task, torch.Generator().manual_seed(0))
    for site in model.adapters.sites().values():
        site.atlas_up[FORM.task].data.normal_(generator=torch.Generator().manual_seed(1))
    return model


@pytest.mark.parametrize("learner", ["atlas", "moe-adapters"])
@pytest.mark.parametrize("readout", ["head", "similarity"])
def test_padding_changes_neither_the_loss_nor_an_answer(backbone: DualBackbone, learner: str, readout: str) -> None:
    model = trained(backbone, learner, readout)
    model.requires_grad_(False)  # gates have no noise then
    narrow, wide = (batch_of(backbone, SHORT, "no red star", padding=padding) for padding in (0, 7))
    losses = [model.loss(batch, FORM.task, "accuracy")[0] for batch in (narrow, wide)]
    torch.testing.assert_close(*losses, rtol=1e-5, atol=1e-6)
    longer = batch_of(backbone, SHORT, LONG)
    alone = replace(longer, pixels=longer.pixels[:1], targets=longer.targets[:1])
    tokens, mask = (one[:, None] for one in texts(backbone, SHORT))
    answers = [model(batch, FORM.task)[0] for batch in (longer, replace(alone, tokens=tokens, mask=mask))]
    torch.testing.assert_close(*answers, rtol=1e-5, atol=1e-5)
    model.detach()
