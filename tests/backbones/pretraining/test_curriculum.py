"""Batches of the course fit together."""

from __future__ import annotations

import pytest
import torch

from atlas.backbones.pretraining.curriculum import MAX_TOKENS, NONE, SHARES, Curriculum
from atlas.backbones.pretraining.images import build_gallery
from atlas.backbones.pretraining.tokens import MASK


@pytest.fixture
def course() -> Curriculum:
    return Curriculum(build_gallery(1, scenes=30, digits=10), seed=1, size=32)


def test_hidden_words_are_masked_and_kept_as_targets(course: Curriculum) -> None:
    batch = course.of(["dense"] * 32)
    assert torch.equal(batch.tokens == MASK, batch.words != NONE)
    assert (batch.words != NONE).float().sum() > 100
    assert (batch.answers == NONE).all()


@pytest.mark.parametrize("kind", ["ask", "judge", "choose", "riddle", "digit"])
def test_lessons_for_the_pooled_output_have_one_answer_each(course: Curriculum, kind: str) -> None:
    batch = course.of([kind] * 32)
    assert (batch.answers != NONE).all()
    assert (batch.words == NONE).all()


def test_a_glance_tells_three_things_of_each_quadrant(course: Curriculum) -> None:
    batch = course.of(["glance"] * 32)
    assert batch.parts.shape == (32, 4, 3)
    empty = batch.parts == 0
    assert (empty.all(-1) == empty.any(-1)).all()


def test_riddles_come_with_a_blank_picture(course: Curriculum) -> None:
    assert (course.of(["riddle"] * 4).pixels == 128).all()


def test_texts_fit_the_model(course: Curriculum) -> None:
    batch = course.of(list(SHARES) * 20)
    assert batch.tokens.shape[1] <= MAX_TOKENS
    assert batch.mask.any(1).all()


def test_the_seed_decides_the_batches() -> None:
    gallery = build_gallery(1, scenes=30, digits=10)
    one, two = (Curriculum(gallery, seed=3, size=16).batch() for _ in range(2))
    assert torch.equal(one.tokens, two.tokens)
    assert torch.equal(one.pixels, two.pixels)


def test_patches_of_scenes_have_targets_and_those_of_digits_have_none(course: Curriculum) -> None:
    assert (course.of(["ask"] * 8).patches != NONE).all()
    assert (course.of(["digit", "riddle"] * 4).patches == NONE).all()


def test_a_look_pairs_pictures_with_their_patches(course: Curriculum) -> None:
    pixels, patches = course.look()
    assert (pixels.shape, patches.shape) == ((32, 3, 64, 64), (32, 16, 3))
    known = course.gallery.pixels[:30].tolist()
    numbers = [known.index(one.tolist()) for one in pixels]
    assert torch.equal(patches, torch.from_numpy(course.gallery.patches[numbers]))


def test_the_last_phase_asks_and_judges_more(course: Curriculum) -> None:
    before, last = (sum((course.batch(last=late).answers != NONE).sum() for _ in range(20)) for late in (False, True))
    assert last > before
