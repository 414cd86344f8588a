from __future__ import annotations

from pathlib import Path

import pytest

from atlas.backbones.processor import Processor
from atlas.data.card import read_card
from atlas.data.prepare import prepare
from atlas.data.prepared import Prepared, fingerprint
from atlas.runtime.errors import AtlasError
from tests.backbones.toys import SHADES


@pytest.fixture
def prepared(tmp_path: Path, processor: Processor) -> Prepared:
    return prepare(SHADES, processor=processor, root=tmp_path)


def test_a_folder_loads_as_it_was_returned(prepared: Prepared) -> None:
    assert Prepared.load(prepared.path) == prepared


def test_a_folder_without_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="no whole prepared data"):
        Prepared.load(tmp_path)


def test_a_whole_folder_verifies(prepared: Prepared) -> None:
    prepared.verify()
    assert Prepared.load(prepared.path) == prepared


def test_an_altered_file_is_found_and_named(prepared: Prepared) -> None:
    path = prepared.path / "val.arrow"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(AtlasError, match=r"val\.arrow changed"):
        prepared.verify()


def test_a_missing_file_is_found_and_named(prepared: Prepared) -> None:
    (prepared.path / "test.arrow").unlink()
    with pytest.raises(AtlasError, match=r"test\.arrow"):
        prepared.verify()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"files": {"none.arrow": {"bytes": 1}}}'])
def test_a_broken_card_is_no_card(tmp_path: Path, text: str) -> None:
    (tmp_path / "card.json").write_text(text)
    assert read_card(tmp_path) is None


def test_the_fingerprint_is_that_of_names_and_digests_in_any_order() -> None:
    assert fingerprint({"a": "1", "b": "2"}) == fingerprint({"b": "2", "a": "1"})
    assert fingerprint({"a": "1", "b": "2"}) != fingerprint({"a": "2", "b": "1"})
