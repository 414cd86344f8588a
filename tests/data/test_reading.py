from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.options import PrepareOptions, Progress
from atlas.data.reading import Outline, Reader
from atlas.data.refusal import refuse_broken
from atlas.data.shard import PictureShard, RecordShard
from atlas.runtime.errors import AtlasError
from atlas.tasks.sample import Broken, Record
from atlas.tasks.task import Task
from tests.backbones.toys import CHOICES, SHADES, picture_of

LENIENT = PrepareOptions(most_broken=1.0)
GOOD = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), label=1)


def read(
    task: Task,
    records: Iterable[Record | Broken],
    folder: Path,
    processor: Processor,
    prepare_options: PrepareOptions = LENIENT,
) -> Outline:
    return Reader(task, "train", folder=folder, processor=processor, source=None).read(records, prepare_options)


def pictures_of(outline: Outline) -> list[list[str]]:
    return [[one.name for one in found.pictures] for found in outline.pictures if isinstance(found, PictureShard)]


def records_of(outline: Outline) -> list[RecordShard]:
    return [found for found in outline.records if isinstance(found, RecordShard)]


def test_shards_are_cut_by_number_and_each_picture_is_taken_once(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 10)
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 5)
    outline = read(SHADES, SHADES.read("train", None), tmp_path, processor)
    assert pictures_of(outline) == [[f"shade{i}" for i in range(n, min(n + 5, 13))] for n in (0, 5, 10)]
    assert [len(one) for one in outline.records] == [10, 10, 5]
    rows = [row for one in records_of(outline) for row in one.rows[:, 0].tolist()]
    assert rows == [number // 2 for number in range(25)]
    assert outline.pictures.files == [f"train-pictures-00000{i}.arrow" for i in range(3)]
    assert (outline.seen, outline.broken.count) == (25, 0)
    outline.close()


def test_a_record_without_pictures_shows_the_blank_one(tmp_path: Path, processor: Processor) -> None:
    outline = read(CHOICES, CHOICES.read("train", None), tmp_path, processor)
    assert pictures_of(outline) == [["blank"]]
    (found,) = (one for one in outline.pictures if isinstance(one, PictureShard))
    assert (processor.pixels(found.pictures[0].open()) == processor.blank()).all()
    assert {tuple(row) for one in records_of(outline) for row in one.rows.tolist()} == {(0,)}
    outline.close()


def test_broken_records_are_counted_and_their_pictures_are_not_taken(tmp_path: Path, processor: Processor) -> None:
    records = [
        GOOD,
        Broken(where="train.jsonl:2", reason="no JSON"),
        replace(GOOD, id="b", label=7, pictures=(picture_of("train", 8),)),
        replace(GOOD, pictures=(picture_of("train", 6),)),
        replace(GOOD, id="c"),
    ]
    outline = read(SHADES, records, tmp_path, processor)
    assert (outline.seen, outline.records.total, outline.broken.count) == (5, 2, 3)
    assert pictures_of(outline) == [["shade0"]]
    assert [one.where for one in outline.broken.first] == ["train.jsonl:2", "train: record 'b'", "train: record 'a'"]
    outline.close()


def test_records_are_taken_as_they_are_needed(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more records in hand than a shard, however long the stream."""
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 5)
    in_hand: list[int] = []
    reader = Reader(SHADES, "train", folder=tmp_path, processor=processor, source=None)

    def stream() -> Iterator[Record | Broken]:
        for record in SHADES.read("train", None):
            in_hand.append(len(reader.waiting_records))
            yield record

    reader.read(stream(), LENIENT).close()
    assert in_hand == [number % 5 for number in range(25)]


def test_reading_tells_how_far_it_is_without_a_total(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 10)
    marks: list[Progress] = []
    prepare_options = PrepareOptions(progress=marks.append)
    read(SHADES, SHADES.read("train", None), tmp_path, processor, prepare_options).close()
    assert [(mark.split, mark.phase, mark.done, mark.total) for mark in marks] == [
        ("train", "reading", done, None) for done in (10, 20, 25)
    ]


def test_a_split_with_nothing_in_it_is_refused(tmp_path: Path, processor: Processor) -> None:
    with pytest.raises(AtlasError, match="'train' is empty"):
        read(SHADES, [], tmp_path, processor)


def test_too_many_broken_records_are_refused_with_the_first_few(tmp_path: Path, processor: Processor) -> None:
    records = [GOOD, *(Broken(where=f"a:{i}", reason="bad") for i in range(5))]
    message = r"shades: 5 of 6 records of 'train' .*50 %.*a:0: bad; a:1: bad; a:2: bad\. Repair"
    outline = read(SHADES, records, tmp_path, processor)
    with pytest.raises(AtlasError, match=message):
        refuse_broken("shades", [outline], most=0.5, path=tmp_path / "all.jsonl")
    assert len((tmp_path / "all.jsonl").read_text().splitlines()) == 5
    outline.close()
