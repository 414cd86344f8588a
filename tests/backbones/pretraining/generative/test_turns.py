"""Turns about scenes have answers that are true of them."""

from __future__ import annotations

from random import Random

import pytest

from atlas.backbones.pretraining.generative import turns
from atlas.backbones.pretraining.generative.tokens import build_tokenizer, words
from atlas.backbones.pretraining.images import scene_of
from atlas.tasks.offline.scenes import Scene

SCENES = [scene_of(5, number) for number in range(60)]
SINGLE = [scene for scene in SCENES if len(scene.shapes) == 1]


def compared(left: Scene, right: Scene, wanted: str) -> set[tuple[str, str]]:
    rng = Random(0)
    drawn = [turns.compare(rng, left, right) for _ in range(300)]
    return {(turn.prompt, turn.answer) for turn in drawn if wanted in turn.prompt}


def test_a_comparison_is_answered_by_the_side_that_it_asks_of() -> None:
    left = next(scene for scene in SINGLE if scene.shapes[0].shape == "circle")
    right = next(scene for scene in SINGLE if scene.shapes[0].shape == "star")
    asked = compared(left, right, "what shape is in the")
    assert asked == {("what shape is in the left image ?", "circle"), ("what shape is in the right image ?", "star")}
    assert compared(left, right, "it one shape in both") == {("is it one shape in both images ?", "no")}
    assert compared(left, left, "it one shape in both") == {("is it one shape in both images ?", "yes")}


def test_the_image_with_more_shapes_is_named() -> None:
    few, many = SINGLE[0], next(scene for scene in SCENES if len(scene.shapes) > 2)
    assert {answer for _, answer in compared(few, many, "more shapes")} == {"right"}
    assert {answer for _, answer in compared(many, few, "more shapes")} == {"left"}


def test_the_name_of_a_shape_has_its_texture_only_where_nothing_is_asked() -> None:
    (seen,) = SINGLE[0].shapes
    drawn = [turns.name(Random(number), SINGLE[0]) for number in range(80)]
    assert {turn.answer for turn in drawn if turn.kind == "name"} == {f"{seen.color} {seen.shape}"}
    titles = {turn.answer for turn in drawn if turn.kind == "title"}
    assert titles == {f"{seen.color} {seen.shape}", f"{seen.texture} {seen.color} {seen.shape}"}


def test_shapes_are_counted_in_figures() -> None:
    drawn = [turns.ask(Random(number), scene) for number, scene in enumerate(SCENES * 5)]
    counts = {turn.answer for turn in drawn if turn.prompt.startswith("how many")}
    assert counts
    assert all(answer.isdigit() for answer in counts)


def test_a_text_to_repeat_is_its_own_answer() -> None:
    rng = Random(1)
    said = [turn for turn in (turns.text(rng) for _ in range(100)) if turn.kind == "say"]
    assert said
    assert all(turn.prompt.endswith(turn.answer) for turn in said)


@pytest.mark.parametrize("maker", [turns.about_scene, turns.ask, turns.judge, turns.describe, turns.tell])
def test_questions_about_scenes_need_no_spelling(maker: object) -> None:
    tokenizer, known = build_tokenizer(), set(words())
    for number, scene in enumerate(SCENES):
        turn = maker(Random(number), scene)  # type: ignore[operator]
        for word in f"{turn.prompt} {turn.answer}".split():
            assert word in known or len(tokenizer.encode(word).ids) == 1
