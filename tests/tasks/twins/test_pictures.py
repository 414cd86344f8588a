from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from atlas.tasks.offline.scenes import Scene, render
from atlas.tasks.twins.pictures import PLACES, distinct_things, encode, pictures, save_pictures, scene_of


def some_scene(seed: str) -> Scene:
    rng = random.Random(seed)
    return scene_of(rng, distinct_things(rng, 3))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_things_of_a_scene_share_neither_colour_nor_shape_nor_quadrant(count: int) -> None:
    rng = random.Random("things")
    for _ in range(50):
        things = distinct_things(rng, count)
        shapes = scene_of(rng, things).shapes
        assert sorted((s.color, s.shape) for s in shapes) == sorted(things)
        assert len({s.color for s in shapes}) == len({s.shape for s in shapes}) == count
        assert len({(s.row, s.column) for s in shapes}) == count <= len(PLACES)


@pytest.mark.parametrize("name", ["a/b.jpg", "b.png"])
def test_what_opens_is_what_the_file_shows(name: str, tmp_path: Path) -> None:
    shown = {name: some_scene("one")}
    save_pictures(tmp_path, [shown])
    (picture,) = pictures(shown)
    with Image.open(tmp_path / name) as file, picture.open() as opened:
        assert file.format == ("JPEG" if name.endswith("jpg") else "PNG")
        assert file.convert("RGB").tobytes() == opened.convert("RGB").tobytes()


def test_a_png_keeps_every_pixel() -> None:
    (picture,) = pictures({"a.png": some_scene("one")})
    assert picture.open().tobytes() == render(some_scene("one")).tobytes()


def test_a_jpeg_of_a_scene_is_near_it() -> None:
    (picture,) = pictures({"a.jpg": some_scene("one")})
    before, after = render(some_scene("one")).tobytes(), picture.open().convert("RGB").tobytes()
    assert sum(abs(a - b) for a, b in zip(before, after, strict=True)) / len(before) < 4


def test_every_picture_is_written_with_its_own_scene(tmp_path: Path) -> None:
    shown = [{"0.png": some_scene("0")}, {"0.png": some_scene("0"), "1.png": some_scene("1")}]
    shown += [{f"{i}.png": some_scene(str(i))} for i in range(2, 12)]
    save_pictures(tmp_path, shown)
    assert {path.name for path in tmp_path.iterdir()} == {f"{i}.png" for i in range(12)}
    assert all((tmp_path / f"{i}.png").read_bytes() == encode(some_scene(str(i)), ".png") for i in range(12))
