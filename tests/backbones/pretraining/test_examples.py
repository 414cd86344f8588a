"""Lessons carry answers that are known."""

from __future__ import annotations

from random import Random

import pytest

from atlas.backbones.pretraining.examples import ANSWERS, VERDICTS, ask, choose, dense, judge, wrong_answer
from atlas.tasks.offline.scenes import sample_scene

SCENES = [sample_scene(i) for i in range(100)]


def test_answers_are_without_repeats() -> None:
    assert len(ANSWERS) == len(set(ANSWERS))


@pytest.mark.parametrize(("maker", "answers"), [(ask, ANSWERS), (judge, VERDICTS), (choose, ("right", "wrong"))])
def test_lessons_for_the_pooled_output_have_an_answer_and_hide_nothing(maker: object, answers: tuple[str, ...]) -> None:
    rng = Random(0)
    drawn = [maker(rng, scene) for scene in SCENES]  # type: ignore[operator]
    assert {example.answer for example in drawn} <= set(answers)
    assert all(example.masked == 0 for example in drawn)


def test_dense_lessons_hide_most_words_and_ask_nothing() -> None:
    example = dense(Random(0), SCENES[0])
    assert (example.answer, example.masked) == (None, 0.8)


def test_a_wrong_answer_is_of_the_same_kind_and_wrong() -> None:
    rng = Random(0)
    assert wrong_answer(rng, "yes") == "no"
    assert all(wrong_answer(rng, answer) != answer for answer in ("red", "star", "two", "left", "small"))
