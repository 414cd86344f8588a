from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from atlas.backbones.processor import Processor
from atlas.data.cache import obtain
from atlas.data.listing import page_of, table_of
from atlas.data.prepare import prepare
from atlas.storage.filesystem import StoragePath
from tests.backbones.toys import SHADES
from tests.data.album import ALBUM, write_album

TASKS = {"shades": SHADES, "album": ALBUM}


def shown(processor: Processor, root: Path) -> str:
    said = io.StringIO()
    Console(file=said, width=80).print(table_of(TASKS, processor=processor, place=StoragePath.at(root)))
    return said.getvalue()


def rows(text: str, task: str) -> str:
    """Both lines of a task."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.startswith(f"│ {task} "))
    return "\n".join(lines[first : first + 2])


def test_the_table_says_what_is_prepared_and_what_a_task_needs(tmp_path: Path, processor: Processor) -> None:
    before = shown(processor, tmp_path / "root")
    assert "│ no " in rows(before, "shades")
    for words in ("needs its published files:", "atlas tasks album", "downstream", "vision-language"):
        assert words in rows(before, "album")
    prepared = prepare(SHADES, processor=processor, root=tmp_path / "root")
    prepare(ALBUM, processor=processor, root=tmp_path / "root", source=write_album(tmp_path / "album"))
    after = shown(processor, tmp_path / "root")
    for words in ("train 25, val 5, test 7", f"shades/{prepared.path.name}"):
        assert words in rows(after, "shades")
    assert "train 24, val 8, test 8" in rows(after, "album")


def test_one_task_is_told_in_full(tmp_path: Path, processor: Processor) -> None:
    page = page_of(ALBUM, processor=processor, place=StoragePath.at(tmp_path / "root"))
    for words in (
        "album: Album",
        "CC0",
        "downstream",
        "val.jsonl",
        "images/",
        "https://album.example",
        "As published.",
    ):
        assert words in page
    assert "no: atlas prepare album --source FOLDER" in page


def test_one_prepared_task_is_told_with_where_it_lies(tmp_path: Path, processor: Processor) -> None:
    album = write_album(tmp_path / "album")
    prepared = prepare(ALBUM, processor=processor, root=tmp_path / "root", source=album)
    page = page_of(ALBUM, processor=processor, place=StoragePath.at(tmp_path / "root"))
    for words in (str(prepared.path), str(album), prepared.fingerprint, "train 24, val 8, test 8", "0 records"):
        assert words in page


def test_what_another_machine_prepared_in_an_object_store_is_shown_and_stays_there(
    bucket: str, tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    album, place = write_album(tmp_path / "album"), StoragePath.at(bucket) / "data"
    made = obtain(ALBUM, processor=processor, place=place, source=album)
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "another machine"))
    elsewhere = StoragePath.at(bucket) / "data"
    table = io.StringIO()
    Console(file=table, width=80).print(table_of(TASKS, processor=processor, place=elsewhere))
    assert f"under {bucket}/data" in table.getvalue()
    assert "│ no " in rows(table.getvalue(), "shades")
    assert "train 24, val 8, test 8" in rows(table.getvalue(), "album")
    page = page_of(ALBUM, processor=processor, place=elsewhere)
    for words in (f"{bucket}/data/album/{made.path.name}", str(album), made.fingerprint):
        assert words in page
    assert list((tmp_path / "another machine").rglob("*.arrow")) == []
