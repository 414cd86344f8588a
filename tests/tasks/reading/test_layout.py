from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.layout import Layout, Needed

LAYOUT = Layout(
    needs=(Needed(paths=("train.json",)), Needed(paths=("val.json", "dev.json")), Needed(paths=("images/",))),
    obtain="Get it from https://example.org.",
)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "images").mkdir(parents=True)
    for name in ("train.json", "dev.json", "images/1.jpg"):
        (root / name).write_text("x")
    return root


def refused(source: Path) -> str:
    with pytest.raises(AtlasError) as error:
        LAYOUT.check("toy", source)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_whole_layout_passes_with_any_of_the_alternatives(source: Path) -> None:
    LAYOUT.check("toy", source)
    assert LAYOUT.path(source, "val.json") == source / "dev.json"
    (source / "val.json").write_text("x")
    assert LAYOUT.path(source, "dev.json") == source / "val.json"


def test_everything_that_is_missing_is_told_at_once(source: Path) -> None:
    (source / "train.json").unlink()
    (source / "dev.json").unlink()
    assert refused(source) == (
        f"toy: 2 of 3 files are missing under {source}: train.json; val.json or dev.json. "
        "Get it from https://example.org."
    )


def test_an_empty_folder_is_missing_and_a_file_is_no_folder(source: Path) -> None:
    (source / "images" / "1.jpg").unlink()
    assert "images/" in refused(source)
    (source / "images").rmdir()
    (source / "images").write_text("x")
    assert "images/" in refused(source)


def test_a_folder_is_no_file(source: Path) -> None:
    (source / "train.json").unlink()
    (source / "train.json").mkdir()
    assert "1 of 3 files is missing" in refused(source)


def test_a_link_to_nothing_is_missing(source: Path) -> None:
    (source / "train.json").unlink()
    os.symlink(source / "gone", source / "train.json")
    assert "1 of 3 files is missing" in refused(source)


def test_the_folder_above_is_told_which_folder_to_name(source: Path) -> None:
    said = refused(source.parent)
    assert f"They are in {source}: name that folder." in said
    assert "example.org" not in said


def test_what_stands_in_a_needed_files_place_is_told(source: Path) -> None:
    (source / "train.json").unlink()
    (source / "train.json").symlink_to(source / "moved.json")
    shutil.rmtree(source / "images")
    (source / "images").mkdir()
    (source / "images" / "Thumbs.db").touch()
    said = refused(source)
    assert f"train.json (a link to {source / 'moved.json'}, which is not there)" in said
    assert "images/ (a folder without files)" in said
    (source / "images" / "Thumbs.db").unlink()
    (source / "images").rmdir()
    (source / "images").touch()
    assert "images/ (a file)" in refused(source)


def test_what_is_no_folder_is_refused(source: Path) -> None:
    assert "train.json' is not a folder. Get it from" in refused(source / "train.json")
    shutil.rmtree(source)
    assert "is not a folder" in refused(source)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_folder_that_may_not_be_read_is_told(source: Path) -> None:
    (source / "images").chmod(0)
    assert "cannot be read: Permission denied" in refused(source)


def test_the_digests_are_those_of_the_files_at_hand(source: Path) -> None:
    before = LAYOUT.digests(source)
    assert set(before) == {"train.json", "dev.json"}
    (source / "dev.json").write_text("y")
    assert {name for name, found in LAYOUT.digests(source).items() if found != before[name]} == {"dev.json"}
    (source / "train.json").unlink()
    with pytest.raises(AtlasError, match=r"train\.json cannot be read"):
        LAYOUT.digests(source)
    with pytest.raises(AtlasError, match="name the folder"):
        LAYOUT.digests(None)


def test_a_layout_of_plain_paths_needs_each() -> None:
    assert Layout.of("a", "b/", obtain="x").needs == (Needed(paths=("a",)), Needed(paths=("b/",)))
