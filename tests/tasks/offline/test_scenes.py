"""Scenes are the same on every machine, and show what they say."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from PIL import Image

from atlas.tasks.offline.scenes import PALETTE, Background, Scene, SceneShape, render, sample_scene, sample_single
from atlas.tasks.offline.words import COLORS, SHAPES, TEXTURES, word_list

WHITE = Background(kind="plain", color="white", rgb=(255, 255, 255), other=(255, 255, 255))


def lone(shape: str = "circle", **settings: object) -> Scene:
    values = {"color": "red", "texture": "plain", "rgb": (255, 0, 0), "x": 20, "y": 40, "radius": 10}
    return Scene(background=WHITE, shapes=(SceneShape(shape=shape, **(values | settings)),))  # type: ignore[arg-type]


def test_a_seed_decides_the_scene_for_ever() -> None:
    scenes = [sample_scene(i) for i in range(50)] + [sample_single(f"a {i}") for i in range(50)]
    together = hashlib.sha256("".join(scene.digest() for scene in scenes).encode()).hexdigest()
    assert together == "cd33f4e8d7971591ac18b62903c9003cd744d7a92621ffb496877bece074a074"


def test_another_seed_is_another_scene() -> None:
    assert len({sample_scene(i).digest() for i in range(200)}) == 200


def test_a_scene_has_as_many_shapes_as_asked_and_one_a_quadrant() -> None:
    for i in range(100):
        scene = sample_scene(i, shapes=(2, 3))
        assert 2 <= len(scene.shapes) <= 3
        assert len({(s.row, s.column) for s in scene.shapes}) == len(scene.shapes)
        assert all(scene.at(s.row, s.column) is s for s in scene.shapes)


def test_choices_narrow_what_is_drawn() -> None:
    scenes = [sample_scene(i, kinds=("star",), colors=("teal",), textures=("dotted",)) for i in range(20)]
    assert {(s.shape, s.color, s.texture) for scene in scenes for s in scene.shapes} == {("star", "teal", "dotted")}


def test_counting_leaves_open_what_is_not_given() -> None:
    scene = sample_scene(3, shapes=(4, 4))
    first = scene.shapes[0]
    assert scene.count() == 4
    assert scene.count(shape=first.shape, color=first.color, texture=first.texture) >= 1
    assert sum(scene.count(color=color) for color in COLORS) == 4


@pytest.mark.parametrize("shape", SHAPES)
def test_the_picture_shows_the_shape_where_it_is(shape: str) -> None:
    pixels = np.asarray(render(lone(shape)))
    inked = np.argwhere(pixels[..., 1] < 128)
    assert len(inked) > 40
    assert abs(inked.mean(0) - [40, 20]).max() < 3
    assert abs(inked - [40, 20]).max() <= 12


@pytest.mark.parametrize("texture", TEXTURES[1:])
def test_a_texture_takes_ink_away(texture: str) -> None:
    full, holed = (np.asarray(render(lone(texture=t)))[..., 1].mean() for t in ("plain", texture))
    assert holed > full


def test_the_picture_has_the_side_asked_for() -> None:
    assert render(sample_scene(0)).size == (64, 64)
    assert render(sample_scene(0), side=128).size == (128, 128)
    assert isinstance(render(sample_scene(0)), Image.Image)


def test_size_row_and_column_follow_the_numbers() -> None:
    shape = lone(x=40, y=10, radius=12).shapes[0]
    assert (shape.size, shape.row, shape.column) == ("large", "top", "right")


def test_shapes_stand_out_from_the_background() -> None:
    for i in range(100):
        scene = sample_scene(f"contrast {i}")
        ground = np.array(scene.background.rgb)
        assert all(np.linalg.norm(ground - s.rgb) > 90 for s in scene.shapes)


def test_words_are_lower_case_and_name_everything_drawn() -> None:
    words = word_list()
    assert len(words) == len(set(words))
    assert all(word == word.lower() for word in words)
    assert {*COLORS, *SHAPES, *TEXTURES, *PALETTE} <= set(words)
