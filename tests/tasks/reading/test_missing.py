from __future__ import annotations

from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.layout import Layout
from atlas.tasks.reading.missing import nearest

LAYOUT = Layout.of("train.json", "images/", obtain="Get it from https://example.org.")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("train.json", "images/1.jpg"):
        (tmp_path / "data" / "toy" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "data" / "toy" / name).write_text("x")
    return tmp_path / "data"


def refused(source: Path) -> str:
    with pytest.raises(AtlasError) as error:
        LAYOUT.check("toy", source)
    return str(error.value)


def test_the_folder_one_level_up_or_down_is_named(root: Path) -> None:
    assert f"They are in {root / 'toy'}: name that folder." in refused(root)
    assert f"They are in {root / 'toy'}: name that folder." in refused(root / "toy" / "images")


def test_several_folders_that_have_all_are_all_named_and_none_is_chosen(root: Path) -> None:
    (root / "copy" / "images").mkdir(parents=True)
    for name in ("train.json", "images/1.jpg"):
        (root / "copy" / name).write_text("x")
    both = f"{root / 'copy'}, {root / 'toy'}"
    assert f"2 folders have them: {both}; name the one that is meant." in refused(root)


def test_a_part_that_lies_elsewhere_is_named_with_where_to_get_the_rest(root: Path) -> None:
    (root / "annotations").mkdir()
    (root / "toy" / "train.json").rename(root / "annotations" / "train.json")
    said = refused(root / "toy")
    assert f"Get it from https://example.org. But train.json lies in {root / 'annotations'}: put it where" in said
    (root / "annotations").rename(root / "toy" / "annotations")
    assert f"train.json lies in {root / 'toy' / 'annotations'}" in refused(root / "toy")


def test_archives_that_were_not_unpacked_are_named(root: Path) -> None:
    (root / "toy" / "images" / "1.jpg").unlink()
    (root / "toy" / "images.tar.gz").write_text("x")
    (root / "toy" / "._images.zip").write_text("x")
    assert refused(root / "toy").endswith("Not unpacked: images.tar.gz.")


def test_a_path_that_does_not_exist_says_what_lies_there(root: Path) -> None:
    assert nearest(root / "toi") == f"Did you mean {root / 'toy'}?"
    assert nearest(root / "other" / "deep") == f"{root} holds toy."
    assert (
        nearest(root / "toy" / "train.json")
        == f"{root / 'toy' / 'train.json'} is a file; its folder is {root / 'toy'}."
    )
    assert nearest(root / "toy" / "images" / "1.jpg" / "x").endswith("1.jpg holds nothing.")
    assert str(root / "toi") in refused(root / "toi")


def test_a_relative_path_is_told_in_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    assert f"Looked at {root / 'toi'}" in refused(Path("toi"))
