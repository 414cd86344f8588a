"""Pre-training writes a backbone that loads, and teaches it something."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from atlas.backbones import digest, load
from atlas.backbones.pretraining.card import write_folder
from atlas.backbones.pretraining.curriculum import SHARES, Curriculum
from atlas.backbones.pretraining.images import build_images
from atlas.backbones.pretraining.model import PretrainingModel, tiny_config
from atlas.backbones.pretraining.plan import PretrainingPlan
from atlas.backbones.pretraining.train import losses, main, optimise, train

SHORT = PretrainingPlan(updates=6, size=8, scenes=20, digits=10, tests=1)


def test_the_command_writes_a_backbone_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["pretrain", "--quick", "--out", str(tmp_path / "tiny")])
    main()
    backbone = load(tmp_path / "tiny")
    tokens = torch.from_numpy(backbone.processor.tokens("is there a red circle ?")).long().view(1, 1, -1)
    pixels = torch.zeros(1, 1, 3, 64, 64, dtype=torch.uint8)
    assert backbone(pixels, tokens, tokens != backbone.processor.pad_id).shape == (1, 1, 128)


def test_the_same_seed_gives_the_same_weights() -> None:
    one, two, other = (train(replace(SHORT, seed=seed))[0].state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_last_phase_alone_continues_from_given_weights() -> None:
    start, _ = train(replace(SHORT, updates=3))
    before = {name: weight.clone() for name, weight in start.state_dict().items()}
    continued, _ = train(replace(SHORT, updates=4), start=start)
    apart = max((weight - before[name]).abs().max() for name, weight in continued.state_dict().items())
    assert 0 < apart < 0.01  # one update at 1e-3, where fresh weights would differ by more


def test_a_card_names_the_weights_that_were_continued(tmp_path: Path) -> None:
    model, figures = train(replace(SHORT, updates=3))
    write_folder(model, tmp_path, plan=replace(SHORT, start="abcdef123456789"), figures=figures, minutes=1.0)
    assert "with digest abcdef123456…" in (tmp_path / "README.md").read_text()


def test_figures_are_shares_for_every_kind_of_lesson() -> None:
    _, figures = train(SHORT)
    assert figures.keys() == SHARES.keys()
    assert all(0 <= value <= 100 for value in figures.values())


def test_updates_on_one_batch_lower_its_losses() -> None:
    torch.manual_seed(0)
    model, curriculum = (
        PretrainingModel(tiny_config()),
        Curriculum(build_images(1, scenes=20, digits=10), seed=1, size=16),
    )
    batch = curriculum.batch_of(list(SHARES) * 2)
    before = sum(losses(model(batch)).values())
    optimise(model, lambda: model(batch), updates=10, rate=1e-3)
    assert sum(losses(model(batch)).values()) < 0.8 * before


def test_the_card_states_licence_seed_figures_and_digest(tmp_path: Path) -> None:
    model, figures = train(SHORT)
    written = write_folder(model, tmp_path, plan=SHORT, figures=figures, minutes=1.0)
    card = (tmp_path / "README.md").read_text()
    assert written == digest(tmp_path)
    for words in ("license: apache-2.0", "--seed 1", "| dense |", f"digest: {written}"):
        assert words in card
