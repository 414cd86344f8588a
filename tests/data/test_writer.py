from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

import atlas.data.writer as writer
from atlas.data.processor import Processor
from atlas.data.writer import write_split
from atlas.errors import AtlasError
from atlas.tasks import Picture, Record, Task
from data.toys import CHOICES, PAIRS, SHADES, picture_of


def write(task: Task, records: list[Record], folder: Path, processor: Processor) -> writer.Written:
    return write_split(task, records, split="train", folder=folder, processor=processor, progress=None)


def table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def records_of(task: Task) -> list[Record]:
    return list(task.read("train", None))


def test_a_picture_is_written_once(tmp_path: Path, processor: Processor) -> None:
    written = write(SHADES, records_of(SHADES), tmp_path, processor)
    assert (written.records, written.pictures) == (25, 13)
    pixels = table(tmp_path / "train-pictures.arrow")["pixels"].to_pylist()
    assert len(pixels) == 13
    rows = [row[0] for row in table(tmp_path / "train.arrow")["pictures"].to_pylist()]
    assert rows == [number // 2 for number in range(25)]
    assert [image[0] for image in pixels] == list(range(13))


def test_a_language_task_gets_one_blank_picture(tmp_path: Path, processor: Processor) -> None:
    assert write(CHOICES, records_of(CHOICES), tmp_path, processor).pictures == 1
    assert table(tmp_path / "train-pictures.arrow")["pixels"].to_pylist() == [processor.blank().tobytes()]


def test_soft_labels_become_one_score_a_class(tmp_path: Path, processor: Processor) -> None:
    written = write(PAIRS, records_of(PAIRS), tmp_path, processor)
    targets = table(tmp_path / "train.arrow")["targets"].to_pylist()
    assert targets[1] == pytest.approx([0.0, 1.0, 0.3])
    assert sum(written.mass) == pytest.approx(25 * 1.3)


def test_batches_do_not_change_the_rows(tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "many").mkdir()
    write(SHADES, records_of(SHADES), tmp_path / "one", processor)
    monkeypatch.setattr(writer, "RECORDS_A_BATCH", 4)
    monkeypatch.setattr(writer, "PICTURE_BYTES_A_BATCH", 3 * 3 * processor.image_size**2)
    write(SHADES, records_of(SHADES), tmp_path / "many", processor)
    for name in ("train.arrow", "train-pictures.arrow"):
        assert table(tmp_path / "one" / name).equals(table(tmp_path / "many" / name))
    assert table(tmp_path / "many" / "train.arrow")["id"].num_chunks == 7


def test_progress_counts_the_records(tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "RECORDS_A_BATCH", 10)
    seen: list[tuple[str, int]] = []
    write_split(
        SHADES,
        records_of(SHADES),
        split="train",
        folder=tmp_path,
        processor=processor,
        progress=lambda split, done: seen.append((split, done)),
    )
    assert seen == [("train", 10), ("train", 20), ("train", 25)]


def test_records_are_taken_as_they_are_needed(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never more records in hand than a batch, however long the stream."""
    monkeypatch.setattr(writer, "RECORDS_A_BATCH", 5)
    taken = 0

    def stream() -> Iterator[Record]:
        nonlocal taken
        for record in records_of(SHADES):
            taken += 1
            yield record

    done: list[int] = []
    write_split(
        SHADES,
        stream(),
        split="train",
        folder=tmp_path,
        processor=processor,
        progress=lambda split, count: done.append(taken - count),
    )
    assert done == [0] * 5


GOOD = Record(id="a", pictures=(picture_of("train", 0),), texts=("word1",), label=1)


@pytest.mark.parametrize(
    ("task", "record", "message"),
    [
        (SHADES, replace(GOOD, texts=("word1", "word2")), "2 texts, the task declares 1"),
        (SHADES, replace(GOOD, pictures=()), "0 pictures, the task declares 1"),
        (SHADES, replace(GOOD, label=3), "label 3 .* out of range 0 to 2"),
        (SHADES, replace(GOOD, label=-1), "label -1 .* out of range"),
        (SHADES, replace(GOOD, label=((1, 1.0),)), "does not fit a task scored by 'accuracy'"),
        (PAIRS, replace(GOOD, pictures=GOOD.pictures * 2), "does not fit a task scored by 'soft'"),
        (PAIRS, replace(GOOD, pictures=GOOD.pictures * 2, label=((0, 1.5),)), "score 1.5"),
        (CHOICES, replace(GOOD, texts=("word1",) * 4), "1 pictures in a language-only task"),
        (CHOICES, replace(GOOD, pictures=(), texts=("word1",) * 5), "5 texts, the task declares 4"),
    ],
)
def test_a_malformed_record_is_refused_by_name(
    tmp_path: Path, processor: Processor, task: Task, record: Record, message: str
) -> None:
    with pytest.raises(AtlasError, match=f"record 'a': .*{message}"):
        write(task, [record], tmp_path, processor)


def test_two_records_of_one_id_are_refused(tmp_path: Path, processor: Processor) -> None:
    with pytest.raises(AtlasError, match="two records have the id 'a'"):
        write(SHADES, [GOOD, GOOD], tmp_path, processor)


def test_an_empty_split_is_refused(tmp_path: Path, processor: Processor) -> None:
    with pytest.raises(AtlasError, match="'train' is empty"):
        write(SHADES, [], tmp_path, processor)


def test_a_picture_that_is_none_is_named(tmp_path: Path, processor: Processor) -> None:
    (tmp_path / "bad.png").write_bytes(b"no image")
    bad = Picture(name="bad.png", open=lambda: Image.open(tmp_path / "bad.png"))
    with pytest.raises(AtlasError, match=r"cannot read picture 'bad.png'"):
        write(SHADES, [replace(GOOD, pictures=(bad,))], tmp_path, processor)
