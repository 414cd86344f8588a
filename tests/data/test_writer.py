from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image

import atlas.data.shard as shard
from atlas.backbones.processor import Processor
from atlas.data.executor import Executor
from atlas.data.options import PrepareOptions
from atlas.data.reading import Reader
from atlas.data.shard import ShardContext
from atlas.data.writer import JoinedSplit, Joiner
from atlas.tasks import Picture, Record, Task
from tests.backbones.toys import CHOICES, PAIRS, SHADES

LENIENT = PrepareOptions(most_broken=1.0)


def gone() -> Image.Image:
    raise FileNotFoundError("gone")


def written(task: Task, records: Iterable[Record], folder: Path, processor: Processor) -> JoinedSplit:
    """Read, do and join one split."""
    work = folder / "work"
    work.mkdir(parents=True)
    outline = Reader(task, "train", folder=work, processor=processor, source=None).read(records, LENIENT)
    executor = Executor(work, ShardContext(task=task, processor=processor), ray=False)
    for buffer in (outline.pictures, outline.records):
        executor.run(buffer, lambda items: None)
    joiner = Joiner(task, processor, outline, work=work, folder=folder)
    joiner.join_records()
    result = joiner.join(LENIENT)
    outline.close()
    return result


def table(path: Path) -> pa.Table:
    with pa.memory_map(str(path)) as file:
        return pa.ipc.open_file(file).read_all()


def records_of(task: Task) -> list[Record]:
    return [record for record in task.read("train", None) if isinstance(record, Record)]


def with_gone(records: list[Record], *names: str) -> list[Record]:
    """The records, their pictures of these names without files."""
    bad = functools.partial(gone)
    return [
        replace(
            record,
            pictures=tuple(Picture(name=p.name, open=bad if p.name in names else p.open) for p in record.pictures),
        )
        for record in records
    ]


def test_a_picture_is_written_once(tmp_path: Path, processor: Processor) -> None:
    result = written(SHADES, records_of(SHADES), tmp_path, processor)
    assert (result.records, result.pictures, result.longest) == (25, 13, 4)
    pixels = table(tmp_path / "train-pictures.arrow")["pixels"].to_pylist()
    assert len(pixels) == 13
    rows = [row[0] for row in table(tmp_path / "train.arrow")["pictures"].to_pylist()]
    assert rows == [number // 2 for number in range(25)]
    assert [image[0] for image in pixels] == list(range(13))


def test_a_language_task_gets_one_blank_picture(tmp_path: Path, processor: Processor) -> None:
    assert written(CHOICES, records_of(CHOICES), tmp_path, processor).pictures == 1
    assert table(tmp_path / "train-pictures.arrow")["pixels"].to_pylist() == [processor.blank().tobytes()]


def test_soft_labels_become_one_score_a_class(tmp_path: Path, processor: Processor) -> None:
    result = written(PAIRS, records_of(PAIRS), tmp_path, processor)
    targets = table(tmp_path / "train.arrow")["targets"].to_pylist()
    assert targets[1] == pytest.approx([0.0, 1.0, 0.3])
    assert sum(result.balance.values()) == pytest.approx(25 * 1.3)


@pytest.mark.parametrize("task", [SHADES, CHOICES, PAIRS], ids=lambda task: task.name)
def test_shards_do_not_change_the_rows(
    task: Task, tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = written(task, records_of(task), tmp_path / "one", processor)
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", 4)
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", 3)
    assert written(task, records_of(task), tmp_path / "many", processor) == whole
    for name in ("train.arrow", "train-pictures.arrow"):
        assert table(tmp_path / "one" / name).equals(table(tmp_path / "many" / name))
    assert table(tmp_path / "many" / "train.arrow")["id"].num_chunks == 7


@pytest.mark.parametrize(("records", "pictures"), [(4, 3), (4096, 8192)])
def test_records_with_a_broken_picture_are_left_out_and_the_pictures_are_numbered_anew(
    tmp_path: Path, processor: Processor, monkeypatch: pytest.MonkeyPatch, records: int, pictures: int
) -> None:
    monkeypatch.setattr(shard, "RECORDS_A_SHARD", records)
    monkeypatch.setattr(shard, "PICTURES_A_SHARD", pictures)
    missing = ("shade0", "shade6", "shade7", "shade8", "shade12")  # the first, a whole shard of three, the last
    result = written(SHADES, with_gone(records_of(SHADES), *missing), tmp_path, processor)
    kept = [number for number in range(25) if f"shade{number // 2}" not in missing]
    assert (result.records, result.pictures) == (len(kept), 8)
    found = table(tmp_path / "train.arrow")
    assert found["id"].to_pylist() == [f"train{number}" for number in kept]
    pixels = table(tmp_path / "train-pictures.arrow")["pixels"].to_pylist()
    assert [pixels[row[0]][0] for row in found["pictures"].to_pylist()] == [number // 2 for number in kept]
    assert sum(result.balance.values()) == len(kept)


def test_a_record_with_one_good_and_one_broken_picture_is_broken(tmp_path: Path, processor: Processor) -> None:
    result = written(PAIRS, with_gone(records_of(PAIRS), "shade3"), tmp_path, processor)
    assert (result.records, result.pictures) == (23, 12)
    assert "train6" not in table(tmp_path / "train.arrow")["id"].to_pylist()


def test_only_kept_records_count(tmp_path: Path, processor: Processor) -> None:
    records = with_gone(records_of(SHADES)[:6], "shade0")
    long = replace(records[0], texts=("word1 " * 50,))
    result = written(SHADES, [long, *records[1:]], tmp_path, processor)
    assert (result.records, result.truncated, result.longest) == (4, 0, 4)
