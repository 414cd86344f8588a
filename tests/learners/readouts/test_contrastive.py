"""The readout `similarity` of captions: transformers' own losses, fewer captions, fewer tokens, prompts of L2P."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from atlas.backbones import load
from atlas.backbones.dual.backbone import DualBackbone
from atlas.data.loader import Batch
from atlas.learners.compute import Compute
from atlas.learners.continual_model import ContinualModel
from atlas.learners.fit import fit
from atlas.learners.process_group import ProcessGroup
from atlas.learners.readouts.contrastive import Contrastive
from atlas.learners.readouts.prompted import PromptedSimilarity
from atlas.learners.readouts.readout import AnswerForm
from atlas.learners.readouts.similarity import Similarity
from atlas.learners.reference import HeadStage
from atlas.learners.schedule import Schedule
from atlas.learners.trainer import Trainer
from atlas.runtime.errors import UserError
from atlas.tasks import TASKS
from tests.backbones.dual.checkpoints import CHECKPOINTS, write_clip
from tests.small import make_world

FORM = AnswerForm(task="shown", outputs=0, images=1, kind="captions")
CAPTIONS = (("a red circle", "there is a star"), ("a blue star .",), ("no shape", "the image", "a green rectangle"))


@pytest.fixture(scope="module", params=sorted(CHECKPOINTS))
def backbone(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DualBackbone:
    loaded = load(CHECKPOINTS[request.param](tmp_path_factory.mktemp(request.param)))
    assert isinstance(loaded, DualBackbone)
    return loaded


def batch_of(captions: tuple[tuple[str, ...], ...]) -> Batch:
    """A record with these captions each, whose own text is nothing."""
    source = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (len(captions), 1, 3, 32, 32), dtype=torch.uint8, generator=source)
    tokens = torch.zeros(len(captions), 1, 2).long()
    mask, targets = tokens == 0, torch.full((len(captions),), -1)
    return Batch(pixels=pixels, tokens=tokens, mask=mask, targets=targets, references=captions)


def built(backbone: DualBackbone, **changed: Any) -> Contrastive:
    found = Similarity.build(backbone, replace(FORM, **changed))
    assert isinstance(found, Contrastive)
    return found


def own_loss(backbone: DualBackbone, pixels: Tensor, texts: list[str]) -> Tensor:
    """The loss that transformers' model has of pairs."""
    rows = torch.from_numpy(backbone.processor.token_rows(texts)[0]).long()
    values = (pixels - backbone.pixel_mean) / backbone.pixel_scale
    model: Any = backbone.model
    for name, value in (("logit_scale", backbone.log_scale), ("logit_bias", backbone.bias)):
        setattr(model, name, torch.tensor(value))
    mask = rows != backbone.processor.pad_id
    given = backbone.text_inputs(rows, mask)
    loss: Tensor = model(**given, pixel_values=values, return_loss=True).loss
    return loss


def test_of_one_caption_each_the_loss_is_the_model_s_own(backbone: DualBackbone) -> None:
    texts = ["a red circle", "a blue star .", "the image"]
    batch = batch_of(tuple((text,) for text in texts))
    found, outputs = built(backbone).loss(backbone, batch, None)
    assert torch.allclose(found, own_loss(backbone, batch.pixels[:, 0], texts), rtol=1e-5)
    assert outputs.shape == (3, 1, backbone.pooled_width(1))


def test_a_record_s_features_do_not_depend_on_how_many_captions_others_have(backbone: DualBackbone) -> None:
    readout = built(backbone)
    whole, alone = (readout.embed(backbone, batch_of(captions)) for captions in (CAPTIONS, CAPTIONS[:1]))
    assert whole.held.tolist() == [[True, True, False], [True, False, False], [True, True, True]]
    assert torch.allclose(whole.images[:1], alone.images, atol=1e-5)
    assert torch.allclose(whole.texts[:1, :2], alone.texts, atol=1e-5)
    assert torch.allclose(whole.texts.norm(dim=-1), torch.ones(3, 3))


def test_the_bias_is_siglip_s_alone_and_both_are_saved(backbone: DualBackbone) -> None:
    expected = {"log_scale"} | ({"bias"} if backbone.contrast == "sigmoid" else set())
    assert built(backbone).state_dict().keys() == expected


def test_captions_are_cut_to_the_tokens_that_texts_are_given(backbone: DualBackbone) -> None:
    batch = batch_of((("there is a star in the image",),))
    whole, cut = (built(backbone, most_tokens=most).ask(batch).mask.sum().item() for most in (None, 4))
    assert (whole, cut) == (9, 4)


def test_candidates_of_a_served_record_are_its_own_texts(backbone: DualBackbone) -> None:
    readout = built(backbone)
    asked = readout.ask(batch_of(CAPTIONS[2:]))
    served = replace(asked, references=None)
    logits = readout.logits(readout.read(backbone, served))
    features = readout.embed(backbone, batch_of(CAPTIONS[2:]))
    cosines = features.texts[0] @ features.images[0]
    assert torch.allclose(logits[0], readout.log_scale.exp() * cosines + (readout.bias or 0), atol=1e-4)


def test_l2p_prompts_the_pictures_of_captions_too(backbone: DualBackbone) -> None:
    readout = PromptedSimilarity.build(backbone, FORM, torch.Generator().manual_seed(0))
    loss, _ = readout.loss(backbone, batch_of(CAPTIONS), None)
    loss.backward()
    assert readout.contrasts
    assert readout.pool.prompts.grad is not None
    assert readout.pool.prompts.grad.abs().sum() > 0
    plain, prompted = (one.embed(backbone, batch_of(CAPTIONS)) for one in (built(backbone), readout))
    assert torch.allclose(plain.texts, prompted.texts, atol=1e-5)
    assert not torch.allclose(plain.images, prompted.images, atol=1e-3)


def test_a_task_without_pictures_is_refused(backbone: DualBackbone) -> None:
    with pytest.raises(UserError, match="its records have no image"):
        built(backbone, modality="language")


def test_a_batch_is_not_cut_where_records_are_compared_and_its_scale_learns(tmp_path: Path) -> None:
    task = "flickr30k-twin"
    world = make_world(
        write_clip(tmp_path / "clip"), tmp_path / "data", [TASKS[task]], {"train": 8, "val": 4, "test": 4}
    )
    model, data = world.model(), world.worker_context.data[task]
    assert isinstance(model, ContinualModel)
    model.new_readout = "similarity"
    stage = HeadStage(schedule=Schedule(steps=2, batch_size=4, learning_rate=0.1), readout="similarity")
    stage.begin(model, task, torch.Generator().manual_seed(0))
    group = ProcessGroup(compute=replace(Compute(), halve=True))
    assert not Trainer(model, stage, data, group, 2).halves
    before = model.readout(task).state_dict()["log_scale"].clone()
    curve = fit(model, stage, data, seed=0, group=group)
    assert len(curve.losses) == 2
    assert not torch.equal(model.readout(task).state_dict()["log_scale"], before)
    model.detach()
