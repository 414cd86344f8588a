from __future__ import annotations

import json
import pickle
from pathlib import Path

import pytest
from PIL import Image

from atlas.tasks.reading.files import Unreadable
from atlas.tasks.reading.regions import COLOURS, boxes_of, colour_of, marked

BOXES = [[2, 3, 12, 20, 0.9], [20, 10, 90, 90], [-5, -5, 8, 8]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    Image.new("L", (40, 30), 7).save(tmp_path / "a.png")
    return tmp_path


def test_the_outline_of_an_object_has_its_colour_and_nothing_else_changes(root: Path) -> None:
    picture = marked(root, "a.png", boxes=BOXES, places=[0])
    with picture.open() as image:
        assert image.mode == "RGB"
        assert image.getpixel((2, 3)) == image.getpixel((12, 20)) == image.getpixel((7, 3)) == COLOURS["red"]
        assert image.getpixel((7, 10)) == image.getpixel((1, 3)) == (7, 7, 7)


def test_a_box_that_leaves_the_image_is_cut_at_its_edge(root: Path) -> None:
    with marked(root, "a.png", boxes=BOXES, places=[1, 2]).open() as image:
        assert image.getpixel((39, 15)) == image.getpixel((25, 29)) == COLOURS[colour_of(1)]
        assert image.getpixel((0, 4)) == image.getpixel((8, 8)) == COLOURS[colour_of(2)]


def test_a_box_outside_the_image_draws_nothing(root: Path) -> None:
    with marked(root, "a.png", boxes=[[50, 50, 60, 60]], places=[0]).open() as image:
        assert image.getcolors() == [(40 * 30, (7, 7, 7))]


def test_outlines_of_a_large_image_are_thicker(tmp_path: Path) -> None:
    Image.new("RGB", (600, 400)).save(tmp_path / "large.png")
    with marked(tmp_path, "large.png", boxes=[[100, 100, 300, 300]], places=[0]).open() as image:
        row = [image.getpixel((x, 200)) for x in range(90, 120)]
    assert row.count(COLOURS["red"]) == 6


def test_the_name_tells_which_objects_are_marked(root: Path) -> None:
    assert marked(root, "a.png", boxes=BOXES, places=[2, 0, 2]).name == "a.png#0,2"
    assert marked(root, "a.png", boxes=BOXES, places=[]).name == "a.png"


def test_a_marked_picture_travels_to_another_process(root: Path) -> None:
    picture = marked(root, "a.png", boxes=BOXES, places=[0])
    with picture.open() as here, pickle.loads(pickle.dumps(picture)).open() as there:
        assert here.tobytes() == there.tobytes()


def test_every_object_has_one_colour_and_neighbours_differ() -> None:
    assert len({colour_of(place) for place in range(12)}) == 12
    assert colour_of(12) == colour_of(0) == "red"
    assert len(set(COLOURS.values())) == len(COLOURS)


@pytest.mark.parametrize(
    ("boxes", "said"),
    [
        ([], "object 0 has no box: None"),
        ([[1, 2, 3]], "object 0 has no box"),
        ([["1", 2, 3, 4]], "object 0 has no box"),
        ([{"x": 1}], "object 0 has no box"),
        ([[9, 2, 3, 4]], "box of object 0 is empty"),
        ([[float("nan"), 2, 3, 4]], "box of object 0 is empty"),
    ],
)
def test_a_box_that_is_none_is_refused(boxes: list[object], said: str, root: Path) -> None:
    with pytest.raises(Unreadable, match=said):
        marked(root, "a.png", boxes=boxes, places=[0])


def test_a_missing_image_is_refused(root: Path) -> None:
    with pytest.raises(Unreadable, match="no image 'b.png'"):
        marked(root, "b.png", boxes=BOXES, places=[0])


def test_an_image_that_is_none_is_left_to_whoever_opens_it(root: Path) -> None:
    (root / "bad.png").write_bytes(b"no image")
    picture = marked(root, "bad.png", boxes=BOXES, places=[0])
    with pytest.raises(OSError, match="bad.png"):
        picture.open()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (None, "no metadata 'a.json'"),
        ("{", "cannot be read as JSON"),
        ("[]", "missing field 'boxes'"),
        (json.dumps({"boxs": BOXES}), "Did you mean 'boxs'"),
        (json.dumps({"boxes": 3}), "'boxes' is 3, a int"),
    ],
)
def test_metadata_that_is_none_is_refused(written: str | None, said: str, tmp_path: Path) -> None:
    if written is not None:
        (tmp_path / "a.json").write_text(written)
    with pytest.raises(Unreadable, match=said):
        boxes_of(tmp_path, "a.json")


def test_metadata_outside_the_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="leaves its folder"):
        boxes_of(tmp_path, "../a.json")
