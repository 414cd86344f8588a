"""Contrastive pre-training writes a dual encoder that loads, and teaches it something."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from atlas.backbones import load
from atlas.backbones.dual.backbone import DualBackbone
from atlas.backbones.pretraining.contrastive.model import ContrastiveModel, tiny_config
from atlas.backbones.pretraining.contrastive.pairs import Pairs
from atlas.backbones.pretraining.contrastive.train import main
from atlas.backbones.pretraining.images import build_images


def test_the_command_writes_a_backbone_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", "--quick", "--out", str(tmp_path / "tiny")])
    main()
    backbone = load(tmp_path / "tiny")
    assert isinstance(backbone, DualBackbone)
    assert f"digest: {backbone.digest}" in (tmp_path / "tiny" / "README.md").read_text()
    assert {tower.width % tower.heads for tower in backbone.towers.values()} == {0}


def test_updates_on_one_batch_lower_its_losses() -> None:
    torch.manual_seed(0)
    model, batch = ContrastiveModel(tiny_config()), Pairs(build_images(1, scenes=20, digits=10), seed=1, size=8).batch()
    optimiser = torch.optim.AdamW(model.parameters(), lr=2e-3)
    losses = []
    for _ in range(8):
        parts = model(batch)
        losses.append({name: float(value.detach()) for name, value in parts.items()})
        optimiser.zero_grad()
        torch.stack(list(parts.values())).sum().backward()
        optimiser.step()
    assert all(losses[-1][name] < losses[0][name] for name in losses[0])


def test_the_shipped_model_knows_a_red_circle_from_a_blue_rectangle() -> None:
    from atlas.tasks.offline.easy_vqa import EASY_VQA

    backbone = load("clip-tiny")
    assert isinstance(backbone, DualBackbone)
    questions = [record for record, _ in zip(EASY_VQA.read("test", None), range(300), strict=False)]
    asked = [one for one in questions if one.texts[0].startswith("what color")][:24]  # type: ignore[union-attr]
    colours = EASY_VQA.answers[:8]
    pixels = torch.stack([torch.from_numpy(backbone.processor.pixels(one.pictures[0].open())) for one in asked])  # type: ignore[union-attr]
    tokens = torch.from_numpy(
        backbone.processor.token_rows([f"a photo of a {one} shape ." for one in colours])[0]
    ).long()
    with torch.no_grad():
        images = torch.nn.functional.normalize(backbone.image_features(pixels), dim=-1)
        texts = backbone.text_features(tokens, tokens != backbone.processor.pad_id)
        found = (images @ torch.nn.functional.normalize(texts, dim=-1).T).argmax(1)
    right = torch.tensor([one.label for one in asked])  # type: ignore[union-attr]
    assert (found == right).float().mean() > 0.5  # chance: 0.125
