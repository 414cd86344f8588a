from __future__ import annotations

from pathlib import Path

from atlas.tasks import TASKS, Record
from atlas.tasks.twins import Sizes
from atlas.tasks.twins.places365 import ARRANGEMENTS, TWIN
from tests.tasks.twins.probes import scene

TASK = TASKS["places365-twin"]


def test_a_scene_is_a_background_with_an_arrangement_whatever_its_things() -> None:
    colors = set()
    for record in TASK.read("val", None):
        assert isinstance(record, Record)
        found = scene(record.pictures[0])
        ground, arrangement = TASK.answers[record.label].split("_")  # type: ignore[index]
        spots = ARRANGEMENTS[arrangement]
        assert len(found.shapes) == len(spots)
        assert all(max(abs(s.x - x), abs(s.y - y)) <= 2 for s, (x, y) in zip(found.shapes, spots, strict=True))
        assert found.background.kind == ground
        colors |= {shape.color for shape in found.shapes}
    assert len(colors) == 8


def test_the_lists_name_every_image_and_its_class(tmp_path: Path) -> None:
    TWIN.write_raw(tmp_path, Sizes(train=40, val=4, test=4))
    lines = (tmp_path / "categories_places365.txt").read_text().splitlines()
    assert lines[0] == "/c/checkered_column 0"
    assert len(lines) == len(TASK.answers)
    listed = (tmp_path / "places365_train_standard.txt").read_text().splitlines()
    assert all((tmp_path / f"data_256{line.split()[0]}").is_file() for line in listed)
    assert all(line.startswith(lines[int(line.split()[1])].split()[0] + "/") for line in listed)
