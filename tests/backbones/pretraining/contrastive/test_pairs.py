from __future__ import annotations

from random import Random

import pytest
import torch

from atlas.backbones.pretraining.contrastive.pairs import CHOICES, Pairs, caption_of, competing, encode
from atlas.backbones.pretraining.contrastive.tokens import END, MAX_TOKENS, PAD, build_tokenizer, token_number
from atlas.backbones.pretraining.images import ImageSet, build_images
from atlas.tasks.offline.scenes import sample_scene, sample_single


@pytest.fixture(scope="module")
def images() -> ImageSet:
    return build_images(1, scenes=20, digits=10)


def test_the_draw_depends_on_the_seed_alone(images: ImageSet) -> None:
    one, two, other = (Pairs(images, seed=seed, size=4).batch() for seed in (1, 1, 2))
    assert all(torch.equal(value, getattr(two, name)) for name, value in vars(one).items())
    assert not torch.equal(one.tokens, other.tokens)


def test_equal_captions_are_told(images: ImageSet) -> None:
    batch = Pairs(images, seed=1, size=32).batch()
    width = batch.tokens.shape[1]
    equal = (batch.tokens[:, None] == batch.tokens[None]).sum(-1) == width
    assert torch.equal(batch.same, equal)
    assert batch.same.diagonal().all()


def test_texts_that_compete_differ_from_the_right_one() -> None:
    for seed in range(40):
        right, *wrong = competing(Random(seed), sample_scene(f"scene {seed}"))
        assert len(wrong) == CHOICES - 1
        assert right not in wrong


def test_a_caption_names_the_only_shape() -> None:
    for seed in range(20):
        scene = sample_single(f"scene {seed}")
        assert f"{scene.shapes[0].color} {scene.shapes[0].shape}" in caption_of(Random(seed), scene)


def test_every_text_ends_once_and_a_separator_is_not_its_end() -> None:
    tokens = encode(build_tokenizer(), ["a red circle [SEP] yes", "word " * 2 * MAX_TOKENS])
    assert tokens.shape == (2, MAX_TOKENS)
    assert ((tokens == token_number(END)).sum(1) == 1).all()
    assert (tokens[0] == token_number("[SEP]")).sum() == 1
    assert tokens[1, -1] == token_number(END)
    assert tokens[0, -1] == PAD
