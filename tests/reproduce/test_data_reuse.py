from __future__ import annotations

import json
from pathlib import Path

import pytest

from atlas.data.card import write_card
from atlas.data.index import IndexEntry, write_index
from atlas.data.prepared import file_digests, fingerprint
from atlas.reproduce.data_reuse import reusable_data, reuse_data
from atlas.runtime.errors import AtlasError
from tests.data.cards import card

FILE = "train.arrow"


def prepared(root: Path, content: str) -> tuple[Path, str]:
    """A folder like a prepared one, and its fingerprint."""
    folder = root / "data" / "digits" / "0123456789abcdef"
    folder.mkdir(parents=True)
    (folder / FILE).write_text(content)
    digests = file_digests(folder, [FILE])
    said = fingerprint(digests)
    files = {FILE: {"bytes": len(content), "sha256": digests[FILE]}}
    write_card(folder, card(files=files, fingerprint=said))
    return folder, said


def test_data_of_the_same_fingerprint_is_found_and_of_another_is_not(tmp_path: Path) -> None:
    folder, said = prepared(tmp_path / "b", "records")
    prepared(tmp_path / "a", "other records")
    storages = [tmp_path / "none", tmp_path / "a", tmp_path / "b"]
    assert reusable_data({"digits": said, "vqa": said}, storages) == {"digits": folder}
    assert reusable_data({"digits": "0" * 64}, storages) == {}


def test_lent_data_is_whole_and_its_source_is_remembered(tmp_path: Path) -> None:
    folder, said = prepared(tmp_path / "a", "records")
    origin = IndexEntry(folder=folder.name, source="/data/digits", recipe=3, version=1)
    write_index(folder.parent / ".index.json", origin)
    write_index(folder.parent / ".other.json", IndexEntry(folder="other", source="/", recipe=3, version=1))
    for _ in range(2):
        reuse_data("digits", folder, tmp_path / "b")
    there = tmp_path / "b" / "data" / "digits"
    assert reusable_data({"digits": said}, [tmp_path / "b"]) == {"digits": there / folder.name}
    assert (there / folder.name / FILE).read_text() == "records"
    assert json.loads((there / ".index.json").read_text()) == origin.model_dump()
    assert not (there / ".other.json").exists()


def test_altered_data_is_not_lent(tmp_path: Path) -> None:
    folder, _ = prepared(tmp_path / "a", "records")
    (folder / FILE).write_text("recordz")
    with pytest.raises(AtlasError, match="changed since it was prepared"):
        reuse_data("digits", folder, tmp_path / "b")
    assert not (tmp_path / "b").exists()
