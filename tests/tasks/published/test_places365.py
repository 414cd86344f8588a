from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks import NO_TEXT, SPLITS, Broken, Record
from atlas.tasks.published.places365 import PLACES365
from tests.tasks.raw_unimodal import SCENES, draw, write_lines, write_places_by_folder, write_places_by_list

Write = Callable[[Path], Path]


@pytest.fixture(params=[write_places_by_folder, write_places_by_list])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    write: Write = request.param
    return write(tmp_path / "places")


@pytest.fixture
def by_folder(tmp_path: Path) -> Path:
    return write_places_by_folder(tmp_path / "places")


@pytest.fixture
def by_list(tmp_path: Path) -> Path:
    return write_places_by_list(tmp_path / "places")


def read(split: str, source: Path) -> list[Record]:
    found = list(PLACES365.read(split, source))
    assert not [record for record in found if isinstance(record, Broken)]
    return [record for record in found if isinstance(record, Record)]


def broken(split: str, source: Path) -> dict[str, str]:
    return {record.where: record.reason for record in PLACES365.read(split, source) if isinstance(record, Broken)}


def everything(source: Path) -> list[tuple[str, int]]:
    return [(record.id, record.label) for split in SPLITS for record in read(split, source)]  # type: ignore[misc]


def test_the_classes_are_the_category_files(source: Path) -> None:
    task = PLACES365.at(source)
    assert task.answers == ("airfield", "apartment_building/outdoor", "beach", "yard")
    assert task.chance == 25.0
    assert pytest.approx(0.274, abs=1e-3) == PLACES365.chance


def test_every_image_has_its_class(source: Path) -> None:
    names = ("airfield", "apartment_building", "beach", "yard")
    for name, label in everything(source):
        if "Places365_val" in name:
            assert label == int(name[-5]) % 4
        else:
            assert names[label] in name
    assert {label for _, label in everything(source)} == {0, 1, 2, 3}


def test_the_classes_follow_the_category_file_alone(by_folder: Path) -> None:
    write_lines(by_folder / "categories_places365.txt", (f"{path} {3 - i}" for i, path in enumerate(SCENES)))
    assert {label for name, label in everything(by_folder) if "airfield" in name} == {3}
    assert PLACES365.at(by_folder).answers[3] == "airfield"


def test_val_is_a_part_of_the_training_images_and_test_the_published_ones(source: Path) -> None:
    ids = {split: {record.id for record in read(split, source)} for split in SPLITS}
    assert len(ids["test"]) == 8
    assert 0 < len(ids["val"]) < 10
    assert len(ids["train"] | ids["val"]) == len(ids["train"]) + len(ids["val"]) == 60


def test_classes_are_mixed_and_the_order_does_not_depend_on_the_listing(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = everything(source)
    assert len({label for _, label in before[:8]}) > 1
    walk = os.walk

    def backwards(top: Path, **options: object) -> Iterator[tuple[str, list[str], list[str]]]:
        for parent, folders, names in walk(top, **options):  # type: ignore[call-overload]
            folders.reverse()
            yield parent, folders, names[::-1]

    monkeypatch.setattr(os, "walk", backwards)
    assert everything(source) == before


def test_a_record_has_its_image_under_its_relative_path(source: Path) -> None:
    record = read("train", source)[0]
    assert record.texts == (NO_TEXT,)
    assert record.pictures[0].name == record.id
    assert (source / record.id).is_file()
    with record.pictures[0].open() as image:
        assert image.size == (12, 8)


def test_official_folders_tell_the_classes_where_the_training_list_is_missing(by_list: Path) -> None:
    listed = {(r.id, r.label) for split in ("train", "val") for r in read(split, by_list)}
    (by_list / "places365_train_standard.txt").unlink()
    assert {(r.id, r.label) for split in ("train", "val") for r in read(split, by_list)} == listed
    assert set(PLACES365.sources(by_list)) == {"categories_places365.txt", "places365_val.txt", "data_256/"}


def test_the_folder_that_the_archive_unpacks_to_serves_too(by_folder: Path) -> None:
    before = {(name, label) for name, label in everything(by_folder)}
    (by_folder / "places365_standard").mkdir()
    for part in ("train", "val"):
        (by_folder / part).rename(by_folder / "places365_standard" / part)
    assert PLACES365.at(by_folder).classes == 4
    assert {(name.removeprefix("places365_standard/"), label) for name, label in everything(by_folder)} == before


def test_a_folder_that_is_gone_is_told_by_the_sources_too(by_folder: Path) -> None:
    shutil.rmtree(by_folder / "val")
    with pytest.raises(AtlasError, match="the folder .*val.* cannot be read: No such file"):
        PLACES365.sources(by_folder)


def test_lists_beside_the_release_by_folders_are_not_taken_for_its_own(by_folder: Path) -> None:
    before = everything(by_folder)
    write_lines(by_folder / "places365_train_standard.txt", ["/a/airfield/00000001.jpg 0"])
    write_lines(by_folder / "places365_val.txt", ["Places365_val_00000001.jpg 1"])
    assert everything(by_folder) == before


def test_validation_images_without_their_list_are_refused_before_anything_is_read(by_list: Path) -> None:
    (by_list / "places365_val.txt").unlink()
    with pytest.raises(AtlasError, match=r"val_256 has no folders .* put places365_val.txt beside it"):
        PLACES365.sources(by_list)


def test_what_a_list_has_wrong_is_told_with_its_line(by_list: Path) -> None:
    os.symlink(draw(by_list / "inside.jpg"), by_list / "val_256" / "linked.jpg")
    good = "Places365_val_00000003.jpg 3"
    lines = ["Places365_val_00000000.jpg", "gone.jpg 1", "Places365_val_00000001.jpg 4", "../x.jpg 0", "linked.jpg 2"]
    write_lines(by_list / "places365_val.txt", [*lines, good])
    said = broken("test", by_list)
    assert len(said) == 4
    assert "a file's name, a space and a class" in said["places365_val.txt:1"]
    assert "there is no image 'val_256/gone.jpg'" in said["places365_val.txt:2"]
    assert "the class '4' is none of categories_places365.txt" in said["places365_val.txt:3"]
    assert "leaves its folder" in said["places365_val.txt:4"]
    os.unlink(by_list / "val_256" / "linked.jpg")
    os.symlink(draw(by_list.parent / "outside.jpg"), by_list / "val_256" / "linked.jpg")
    assert "is a link out of its folder" in broken("test", by_list)["places365_val.txt:5"]


def test_a_folder_that_is_no_category_is_told_an_image(by_folder: Path) -> None:
    draw(by_folder / "val" / "Wüste" / "día 1.jpg")
    draw(by_folder / "val" / "stray.jpg")
    write_lines(by_folder / "val" / "beach" / "notes.txt", ["no image"])
    said = broken("test", by_folder)
    assert "the class 'Wüste' is none" in said["val/Wüste/día 1.jpg"]
    assert "the class '' is none" in said["val/stray.jpg"]
    assert len(said) == 2


def test_unicode_names_are_names(by_folder: Path) -> None:
    draw(by_folder / "val" / "beach" / "海 ☀.jpg")
    assert ("val/beach/海 ☀.jpg", 2) in everything(by_folder)


def test_a_name_that_is_no_unicode_is_told(by_folder: Path) -> None:
    shutil.copy(draw(by_folder / "a.jpg"), os.fsencode(by_folder / "val" / "beach") + b"/\xff.jpg")
    assert "there is no image" in broken("test", by_folder)["val/beach/\ufffd.jpg"]
    assert len(PLACES365.sources(by_folder)["val/"]) == 64


def test_a_linked_folder_of_a_class_is_refused(by_folder: Path) -> None:
    (by_folder / "val" / "yard").rename(by_folder.parent / "yard")
    os.symlink(by_folder.parent / "yard", by_folder / "val" / "yard")
    with pytest.raises(AtlasError, match="val/yard is a link, .* put the folder itself there"):
        PLACES365.sources(by_folder)


def test_hidden_files_are_no_images(by_folder: Path) -> None:
    before = everything(by_folder)
    for name in ("val/beach/._val_00000000.jpg", "val/.thumbs/1.jpg", "val/__MACOSX/beach/1.jpg"):
        draw(by_folder / name)
    assert everything(by_folder) == before
    assert not broken("test", by_folder)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["airfield 0"], "categories_places365.txt:1: 'airfield 0' should be a category's path and its number"),
        (["/a/airfield"], "should be a category's path and its number"),
        (["/a/airfield 0", "/b/beach 2"], "missing or doubled"),
        (["/a/airfield 0", "/b/beach 1", "/c/cave 1"], "missing or doubled"),
        (["/a/airfield 0", "/a/airfield 1"], "missing or doubled"),
        ([], "is empty"),
    ],
)
def test_a_category_file_that_is_of_no_use_is_refused(by_folder: Path, lines: list[str], message: str) -> None:
    write_lines(by_folder / "categories_places365.txt", lines)
    with pytest.raises(AtlasError, match=message):
        PLACES365.at(by_folder)


def test_what_is_missing_is_told_with_its_alternatives(by_folder: Path) -> None:
    shutil.rmtree(by_folder / "train")
    (by_folder / "categories_places365.txt").unlink()
    with pytest.raises(
        AtlasError,
        match="categories_places365.txt; data_256/ or .* or train/ or places365_standard/train/. Get Places365",
    ):
        PLACES365.at(by_folder)


def test_the_sources_change_with_the_names_in_folders(by_folder: Path) -> None:
    before = PLACES365.sources(by_folder)
    (by_folder / "val" / "beach" / "val_00000000.jpg").rename(by_folder / "val" / "beach" / "other.jpg")
    after = PLACES365.sources(by_folder)
    assert {name for name in before if before[name] != after[name]} == {"val/"}
