"""Pre-training on questions writes a LLaVA that transformers loads, at the pace that is asked for."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from atlas.backbones.base import digest
from atlas.backbones.pretraining.generative.clock import TrainingClock
from atlas.backbones.pretraining.generative.plan import GenerativePlan
from atlas.backbones.pretraining.generative.supply import build_bank, mapped, pool_of
from atlas.backbones.pretraining.generative.train import main
from atlas.backbones.pretraining.images import build_images


def test_the_command_writes_a_model_that_transformers_loads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "tiny"
    monkeypatch.setattr(sys, "argv", ["pretrain", "--quick", "--out", str(folder)])
    main()
    assert f"digest: {digest(folder)}" in (folder / "README.md").read_text()
    assert "exact {'ask'" in capsys.readouterr().out
    processor, model = AutoProcessor.from_pretrained(folder), AutoModelForImageTextToText.from_pretrained(folder)
    conversation = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "is there a ring ?"}]}]
    prompt = processor.apply_chat_template(conversation, add_generation_prompt=True)
    given = processor(text=[prompt], images=[Image.new("RGB", (90, 70))], return_tensors="pt").to(dtype=model.dtype)
    written = model.generate(**given, max_new_tokens=2, do_sample=False)
    assert written.shape[1] == given["input_ids"].shape[1] + 2
    assert (given["input_ids"] == model.config.image_token_id).sum() == 16


def test_a_bank_holds_the_scenes_and_digits_of_its_seed_whoever_makes_them() -> None:
    plan = GenerativePlan(scenes=520, digits=10)
    pixels, patches = build_bank(plan, None)
    images = build_images(1, scenes=520, digits=10)
    assert np.array_equal(pixels, images.pixels)
    assert np.array_equal(patches[:520], images.patches)
    assert (patches[520:] == -100).all()


def test_results_come_in_the_order_of_what_is_given() -> None:
    with pool_of(0) as none:
        assert list(mapped(none, abs, [-3, 2, -1])) == [3, 2, 1]
    with pool_of(1) as pool:
        assert list(mapped(pool, abs, range(-20, 0))) == list(range(20, 0, -1))


def test_the_rate_rises_and_falls_to_the_last_update() -> None:
    clock, shares = TrainingClock(updates=10, warm=2, minutes=None, every=1e9), []
    for _ in clock.updates():
        shares.append(clock.share_of_rate())
        clock.done_one()
    assert shares == pytest.approx([0.5, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
    assert clock.ended


def test_by_the_clock_a_training_ends_whatever_its_number_of_updates() -> None:
    clock = TrainingClock(updates=1, warm=1, minutes=0.0001, every=1e9)
    for _ in clock.updates():
        clock.done_one()
        if clock.ended:
            break
    assert clock.done >= 1
    assert clock.share_of_rate() == 0
