"""Statements are true or false as ordered."""

from __future__ import annotations

from random import Random

import pytest

from atlas.backbones.pretraining.statements import (
    STATEMENTS,
    caption,
    say_count,
    say_exists,
    say_relation,
    statement,
    unknown,
)
from atlas.tasks.offline.scenes import sample_scene, sample_single
from atlas.tasks.offline.words import COLORS, NUMBERS, SHAPES, TEXTURES

SCENES = [sample_scene(i) for i in range(80)] + [sample_single(i) for i in range(40)]


def noun_count(text: str, scene: object) -> int:
    words = {word.rstrip("s") if word not in ("cross", "crosses") else "cross" for word in text.split()}
    one = [next((n for n in names if n in words), None) for names in (SHAPES, COLORS, TEXTURES)]
    return scene.count(shape=one[0], color=one[1], texture=one[2])  # type: ignore[attr-defined]


def test_existence_is_as_said() -> None:
    rng = Random(0)
    for scene in SCENES:
        text, truth = say_exists(rng, scene)
        denied = bool({"no", "not"} & set(text.split()))
        assert truth == ((noun_count(text, scene) > 0) != denied), text


def test_counts_are_as_said() -> None:
    rng = Random(1)
    for scene in SCENES:
        text, truth = say_count(rng, scene)
        said = next(NUMBERS.index(word) for word in text.split() if word in NUMBERS)
        assert truth == (said == noun_count(text, scene)), text


def test_relations_need_two_shapes_and_can_be_turned_round() -> None:
    rng = Random(2)
    assert say_relation(rng, sample_single(0)) is None
    said = [say_relation(rng, sample_scene("relation", shapes=(2, 2))) for _ in range(300)]
    truths = dict(filter(None, said))
    for text, truth in truths.items():
        for one, other in (("left of", "right of"), ("above", "below")):
            turned = text.replace(one, other)
            if one in text and turned in truths:
                assert truths[turned] != truth


@pytest.mark.parametrize("truth", [True, False])
def test_captions_that_are_judged_agree_with_the_scene(truth: bool) -> None:
    rng = Random(3)
    for scene in SCENES:
        text = statement(rng, scene, truth=truth)
        if " , " in text:
            assert (text == caption(scene)) == truth


def test_every_kind_of_statement_comes_true_and_false() -> None:
    rng = Random(4)
    for maker, _ in STATEMENTS:
        truths = {said[1] for scene in SCENES for said in [maker(rng, scene)] if said is not None}
        assert truths == {True, False}, maker.__name__


def test_open_statements_end_as_sentences() -> None:
    rng = Random(5)
    assert all(unknown(rng, scene).endswith(" .") for scene in SCENES)
