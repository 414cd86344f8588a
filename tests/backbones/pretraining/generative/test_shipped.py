"""The model that ships: it is the one of its card, small, and answers questions that it was not trained on."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForImageTextToText, AutoProcessor

from atlas.backbones import load, locate
from atlas.backbones.backbone import Backbone
from atlas.backbones.pretraining.generative.tokens import CHAT, build_tokenizer
from atlas.tasks.offline.easy_vqa import EASY_VQA
from atlas.tasks.sample import Record

FOLDER = locate("vlm-tiny")


@pytest.fixture(scope="module")
def backbone() -> Backbone:
    return load("vlm-tiny")


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return [record for record in islice(EASY_VQA.read("test", None), 40) if isinstance(record, Record)]


def test_its_files_are_those_that_the_package_writes_and_small(backbone: Backbone) -> None:
    assert (FOLDER / "tokenizer.json").read_text() == build_tokenizer().to_str(pretty=True)
    assert (FOLDER / "chat_template.jinja").read_text() == CHAT
    assert f"digest: {backbone.digest}" in (FOLDER / "README.md").read_text()
    assert sum(path.stat().st_size for path in Path(FOLDER).iterdir()) < 20e6


def test_it_is_a_backbone_of_two_towers(backbone: Backbone, records: list[Record]) -> None:
    rows, cut = backbone.processor.token_rows([record.texts[0] for record in records[:4]])
    pixels = torch.stack([torch.from_numpy(backbone.processor.pixels(one.pictures[0].open())) for one in records[:4]])
    tokens = torch.from_numpy(rows).long()[:, None]
    with torch.no_grad():
        pooled = backbone(pixels[:, None], tokens, tokens != backbone.processor.pad_id)
    assert pooled.shape == (4, 1, backbone.width)
    assert not cut.any()
    assert set(backbone.towers) == {"language", "vision"}
    assert backbone.processor.max_tokens == 64


def test_it_answers_easy_vqa_in_words(records: list[Record]) -> None:
    processor, model = AutoProcessor.from_pretrained(FOLDER), AutoModelForImageTextToText.from_pretrained(FOLDER)
    asked = [
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": record.texts[0]}]}]
        for record in records
    ]
    prompts = [processor.apply_chat_template(one, add_generation_prompt=True) for one in asked]
    images = [[record.pictures[0].open()] for record in records]
    given = processor(text=prompts, images=images, padding=True, return_tensors="pt")
    written = model.float().generate(**given, max_new_tokens=3, do_sample=False)[:, given["input_ids"].shape[1] :]
    said = processor.batch_decode(written, skip_special_tokens=True)
    right = [EASY_VQA.answers[record.label] for record in records if isinstance(record.label, int)]
    assert sum(one == other for one, other in zip(said, right, strict=True)) >= 32  # of 40; guessing gives 3
