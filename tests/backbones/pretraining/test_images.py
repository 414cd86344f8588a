"""The images holds what it names."""

from __future__ import annotations

from random import Random

import numpy as np

from atlas.backbones.pretraining.images import PARTS, WRITTEN, build_images, draw_digit
from atlas.tasks.offline.scenes import render


def test_pictures_are_those_of_the_scenes_and_then_of_the_digits() -> None:
    images = build_images(7, scenes=10, digits=12)
    assert images.pixels.shape == (22, 3, 64, 64)
    assert np.array_equal(images.pixels[4], np.asarray(render(images.scenes[4])).transpose(2, 0, 1))
    assert images.digits == (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1)


def test_the_seed_decides_the_pictures() -> None:
    one, two, other = (build_images(seed, scenes=5, digits=5).pixels for seed in (1, 1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, other)


def test_four_in_ten_scenes_hold_one_shape_of_any_size() -> None:
    scenes = build_images(1, scenes=20, digits=0).scenes
    assert all(len(scene.shapes) == 1 for i, scene in enumerate(scenes) if i % 10 < 4)


def test_every_digit_can_be_written_and_leaves_ink() -> None:
    assert len(WRITTEN) == 10
    for digit in range(10):
        drawn = np.asarray(draw_digit(Random(f"ink {digit}"), digit))
        assert drawn.shape == (64, 64, 3)
        assert drawn.std() > 20


def test_patches_tell_the_shape_that_covers_them() -> None:
    images = build_images(3, scenes=40, digits=0)
    for scene, patches in zip(images.scenes, images.patches, strict=True):
        told = {tuple(names[i] for names, i in zip(PARTS, patch, strict=True)) for patch in patches.tolist()}
        assert told - {("none", "none", "none")} <= {(s.shape, s.color, s.texture) for s in scene.shapes}
        for shape in scene.shapes:
            covering = patches[shape.y // 16 * 4 + shape.x // 16]
            assert covering[0] != 0
