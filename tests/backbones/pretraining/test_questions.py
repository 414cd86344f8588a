"""Questions are about the scene, and their answers are true of it."""

from __future__ import annotations

from random import Random

import pytest

from atlas.backbones.pretraining.examples import ANSWERS
from atlas.backbones.pretraining.questions import Noun, ask_count, ask_exists, ask_same, name, question
from atlas.tasks.offline.scenes import Scene, sample_scene, sample_single
from atlas.tasks.offline.words import COLORS, NUMBERS, SHAPES

SCENES = [sample_scene(i) for i in range(60)] + [sample_single(i) for i in range(60)]


def named(text: str, names: tuple[str, ...]) -> str | None:
    return next((word for word in text.split() if word in names), None)


@pytest.mark.parametrize("seed", range(3))
def test_every_answer_is_in_the_vocabulary_of_answers(seed: int) -> None:
    rng = Random(seed)
    for scene in SCENES:
        text, answer = question(rng, scene)
        assert text.endswith(" ?")
        assert answer in ANSWERS


def test_existence_is_answered_by_what_is_there() -> None:
    rng = Random(0)
    for scene in SCENES:
        text, answer = ask_exists(rng, scene)
        texture = named(text, ("plain", "striped", "dotted"))
        there = scene.count(shape=named(text, SHAPES), color=named(text, COLORS), texture=texture) > 0
        negated = bool({"no", "not"} & set(text.split()))
        assert answer == ("yes" if there != negated else "no"), text


def test_yes_and_no_are_about_as_frequent() -> None:
    rng = Random(1)
    answers = [ask_exists(rng, scene)[1] for scene in SCENES * 20]
    assert 0.4 < answers.count("yes") / len(answers) < 0.6


def test_counts_count() -> None:
    rng = Random(2)
    scene = Scene(background=SCENES[0].background, shapes=sample_scene("four", shapes=(4, 4)).shapes)
    counted = {ask_count(rng, scene) for _ in range(200)}
    assert ("how many shapes are there", NUMBERS[4]) in counted


def test_comparisons_of_two_pictures_need_one_shape() -> None:
    rng = Random(3)
    assert ask_same(rng, sample_scene(1, shapes=(2, 4))) is None
    lone = sample_single(5)
    assert ask_same(rng, lone)[1] in (lone.shapes[0].shape, lone.shapes[0].color)  # type: ignore[index]


def test_a_name_fits_one_shape_only() -> None:
    rng = Random(4)
    for scene in SCENES:
        called = name(rng, scene, scene.shapes[0])
        if called is not None:
            assert scene.count(shape=named(called, SHAPES), color=named(called, COLORS)) == 1


def test_plurals_are_words_of_the_list() -> None:
    assert Noun(color="red", shape="cross").words(plural=True) == "red crosses"
    assert Noun(texture="striped").words() == "striped shape"
