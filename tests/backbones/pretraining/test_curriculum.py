"""Batches of the curriculum fit together."""

from __future__ import annotations

import pytest
import torch

from atlas.backbones.pretraining.curriculum import MAX_TOKENS, NONE, SHARES, Curriculum
from atlas.backbones.pretraining.images import build_images
from atlas.backbones.pretraining.tokens import MASK


@pytest.fixture
def curriculum() -> Curriculum:
    return Curriculum(build_images(1, scenes=30, digits=10), seed=1, size=32)


def test_hidden_words_are_masked_and_kept_as_targets(curriculum: Curriculum) -> None:
    batch = curriculum.batch_of(["dense"] * 32)
    assert torch.equal(batch.tokens == MASK, batch.words != NONE)
    assert (batch.words != NONE).float().sum() > 100
    assert (batch.answers == NONE).all()


@pytest.mark.parametrize("kind", ["ask", "judge", "choose", "text", "digit"])
def test_lessons_for_the_pooled_output_have_one_answer_each(curriculum: Curriculum, kind: str) -> None:
    batch = curriculum.batch_of([kind] * 32)
    assert (batch.answers != NONE).all()
    assert (batch.words == NONE).all()


def test_a_glance_tells_three_things_of_each_quadrant(curriculum: Curriculum) -> None:
    batch = curriculum.batch_of(["glance"] * 32)
    assert batch.parts.shape == (32, 4, 3)
    empty = batch.parts == 0
    assert (empty.all(-1) == empty.any(-1)).all()


def test_text_examples_come_with_a_blank_picture(curriculum: Curriculum) -> None:
    assert (curriculum.batch_of(["text"] * 4).pixels == 128).all()


def test_texts_fit_the_model(curriculum: Curriculum) -> None:
    batch = curriculum.batch_of(list(SHARES) * 20)
    assert batch.tokens.shape[1] <= MAX_TOKENS
    assert batch.mask.any(1).all()


def test_the_seed_decides_the_batches() -> None:
    images = build_images(1, scenes=30, digits=10)
    one, two = (Curriculum(images, seed=3, size=16).batch() for _ in range(2))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(one.pixels, two.pixels)


def test_patches_of_scenes_have_targets_and_those_of_digits_have_none(curriculum: Curriculum) -> None:
    assert (curriculum.batch_of(["ask"] * 8).patches != NONE).all()
    assert (curriculum.batch_of(["digit", "text"] * 4).patches == NONE).all()


def test_a_look_pairs_pictures_with_their_patches(curriculum: Curriculum) -> None:
    pixels, patches = curriculum.patch_batch()
    assert (pixels.shape, patches.shape) == ((32, 3, 64, 64), (32, 16, 3))
    known = curriculum.images.pixels[:30].tolist()
    numbers = [known.index(one.tolist()) for one in pixels]
    assert torch.equal(patches, torch.from_numpy(curriculum.images.patches[numbers]))


def test_the_last_phase_asks_and_judges_more(curriculum: Curriculum) -> None:
    before, last = (
        sum((curriculum.batch(last=late).answers != NONE).sum() for _ in range(20)) for late in (False, True)
    )
    assert last > before
