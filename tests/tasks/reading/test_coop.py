from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tasks.reading.coop import CoopSplit, in_words
from atlas.tasks.sample import Broken

SPLIT = CoopSplit(file="split_zhou_Food101.json", folder="images/")
LISTS: dict[str, Any] = {
    "train": [["a_b/1.jpg", 1, "a_b"], ["c/2.jpg", 0, "c"]],
    "val": [["c/3.jpg", 0, "c"]],
    "test": [["/a_b/4.jpg", 1, "a_b"]],
}


def written(folder: Path, **changed: Any) -> Path:
    (folder / SPLIT.file).write_text(json.dumps(LISTS | changed))
    return folder


def test_classes_are_in_the_order_of_their_numbers_and_in_words(tmp_path: Path) -> None:
    assert SPLIT.classes(written(tmp_path)) == ("c", "a b")


def test_lines_are_paths_under_the_source_with_their_places(tmp_path: Path) -> None:
    source = written(tmp_path)
    assert list(SPLIT.lines(source, "train")) == [
        ("split_zhou_Food101.json: train[0]", ("images/a_b/1.jpg", "a b")),
        ("split_zhou_Food101.json: train[1]", ("images/c/2.jpg", "c")),
    ]
    assert [one for _, one in SPLIT.lines(source, "test")] == [("images/a_b/4.jpg", "a b")]


@pytest.mark.parametrize("entry", [["a.jpg", "1", "a"], ["a.jpg", 1], "a.jpg", ["a.jpg", 1, " "], ["a.jpg", True, "a"]])
def test_an_entry_of_another_form_is_broken(tmp_path: Path, entry: Any) -> None:
    (found,) = (one for _, one in SPLIT.lines(written(tmp_path, val=[entry]), "val"))
    assert isinstance(found, Broken)
    assert "no path, label and class name" in found.reason


def test_a_split_whose_classes_are_not_certain_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match=r"val\[0\] names class 0 'other', another entry 'c'"):
        SPLIT.classes(written(tmp_path, val=[["c/3.jpg", 0, "other"]]))
    with pytest.raises(AtlasError, match="not numbered 0, 1, 2"):
        SPLIT.classes(written(tmp_path, test=[["d/4.jpg", 5, "d"]]))


def test_a_file_without_the_list_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="has no list 'val'"):
        list(SPLIT.lines(written(tmp_path, val={}), "val"))


def test_names_in_words() -> None:
    assert in_words("apple_pie") == "apple pie"
    assert in_words(" Banded  wood_") == "Banded wood"
