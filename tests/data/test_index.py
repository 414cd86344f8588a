from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.backbones.processor import Processor
from atlas.data.index import IndexEntry, index_path, read_index, write_index
from atlas.data.prepare import find_prepared, prepare
from atlas.runtime.errors import AtlasError
from tests.backbones.toys import write_folder
from tests.data.album import ALBUM, answers_of, write_album

ORIGIN = IndexEntry(folder="abc", source="/data/größe", recipe=1, version=2)


def test_what_is_remembered_is_recalled_and_the_last_word_counts(tmp_path: Path) -> None:
    path = tmp_path / "index.json"
    assert read_index(path) is None
    for folder in ("abc", "def"):
        origin = IndexEntry(folder=folder, source="/data/größe", recipe=1, version=2)
        write_index(path, origin)
        assert read_index(path) == origin
    assert [found.name for found in tmp_path.iterdir()] == ["index.json"]


def test_each_processor_and_limit_has_a_file_of_its_own(tmp_path: Path) -> None:
    paths = {
        index_path(tmp_path, "album", processor=processor, limits=limits)
        for processor in ("a", "b")
        for limits in (None, {"train": 1}, {"train": 2})
    }
    assert len(paths) == 6
    assert index_path(tmp_path, "album", processor="a", limits={}) in paths


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"folder": "a"}'])
def test_a_file_that_cannot_be_read_remembers_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / "index.json").write_text(content)
    assert read_index(tmp_path / "index.json") is None
    write_index(tmp_path / "index.json", ORIGIN)
    assert read_index(tmp_path / "index.json") == ORIGIN


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return write_album(tmp_path / "album")


def test_a_published_task_is_found_without_its_source_once_prepared(
    tmp_path: Path, album: Path, processor: Processor
) -> None:
    root = tmp_path / "root"
    assert find_prepared(ALBUM, processor=processor, root=root) is None
    first = prepare(ALBUM, processor=processor, root=root, source=album)
    shutil.rmtree(album)
    assert prepare(ALBUM, processor=processor, root=root) == first
    assert find_prepared(ALBUM, processor=processor, root=root) == first


def test_a_published_task_that_was_never_prepared_says_where_to_get_it(tmp_path: Path, processor: Processor) -> None:
    with pytest.raises(AtlasError, match=r"needs its published files.*album\.example"):
        prepare(ALBUM, processor=processor, root=tmp_path / "root")
    assert not (tmp_path / "root").exists()


def test_what_was_lost_is_prepared_again_from_the_source_that_is_known(
    tmp_path: Path, album: Path, processor: Processor
) -> None:
    first = prepare(ALBUM, processor=processor, root=tmp_path / "root", source=album)
    (first.path / "val.arrow").unlink()
    assert prepare(ALBUM, processor=processor, root=tmp_path / "root") == first
    first.verify()


def test_a_newer_reader_prepares_anew_from_the_source_that_is_known(
    tmp_path: Path, album: Path, processor: Processor
) -> None:
    newer = replace(ALBUM, version=2)
    first = prepare(ALBUM, processor=processor, root=tmp_path / "root", source=album)
    assert find_prepared(newer, processor=processor, root=tmp_path / "root") is None
    again = prepare(newer, processor=processor, root=tmp_path / "root")
    assert again.card.version == 2
    assert again.path != first.path


def test_other_limits_and_processors_are_not_mistaken_for_it(tmp_path: Path, album: Path, processor: Processor) -> None:
    prepare(ALBUM, processor=processor, root=tmp_path / "root", source=album)
    other = Processor.load(write_folder(tmp_path / "other", size=4))
    assert find_prepared(ALBUM, processor=other, root=tmp_path / "root") is None
    assert find_prepared(ALBUM, processor=processor, root=tmp_path / "root", limits={"train": 2}) is None


def test_answers_that_only_the_source_knows_are_saved_in_the_card(
    tmp_path: Path, album: Path, processor: Processor
) -> None:
    task = replace(ALBUM, answers=(), answers_of=answers_of)
    card = prepare(task, processor=processor, root=tmp_path / "root", source=album).card
    assert (card.answers, card.classes, card.chance) == (("red", "blue"), 2, 50.0)
    assert prepare(task, processor=processor, root=tmp_path / "root").card == card
