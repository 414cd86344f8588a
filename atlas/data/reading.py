"""Read a split once: check and count its records, and cut them into shards, before any picture is decoded."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from atlas.backbones.processor import Processor
from atlas.data.broken import BrokenRecords
from atlas.data.columns import flaw
from atlas.data.interner import Interner
from atlas.data.options import PrepareOptions
from atlas.data.shard import PictureShard, RecordShard, pictures_a_shard, records_a_shard
from atlas.data.shard_buffer import ShardBuffer
from atlas.runtime.errors import UserError
from atlas.tasks.sample import Broken, Picture, Record, Skipped
from atlas.tasks.task import Task

BLANK = "blank"


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The work on a split: the shards of its distinct pictures and of its records, and the records left out so far."""

    split: str
    pictures: ShardBuffer
    records: ShardBuffer
    broken: BrokenRecords
    seen: int

    def close(self) -> None:
        """Close the files."""
        self.pictures.close()
        self.records.close()


class Reader:
    """Cuts the stream of a split's records into shards. Each picture is taken once, in order of appearance."""

    def __init__(self, task: Task, split: str, *, folder: Path, processor: Processor, source: Path | None) -> None:
        self.task, self.split, self.processor = task, split, processor
        self.pictures, self.records = ShardBuffer(folder), ShardBuffer(folder)
        self.broken = BrokenRecords(folder / f"{split}-broken.jsonl", split=split, source=source)
        self.most_pictures, self.most_records = pictures_a_shard(processor), records_a_shard()
        self.blank = blank_picture(processor)
        self.waiting_pictures: list[Picture] = []
        self.waiting_records: list[Record] = []
        self.rows: list[list[int]] = []

    def read(self, records: Iterable[Record | Broken], prepare_options: PrepareOptions) -> Outline:
        """Read all. Raises UserError where there are no records or too many are broken."""
        seen = 0
        with ExitStack() as stack:
            self.picture_names, self.ids = Interner(), Interner()
            stack.callback(self.picture_names.close)
            stack.callback(self.ids.close)
            for seen, record in enumerate(records, start=1):
                self.take(record)
                if seen % self.most_records == 0:
                    prepare_options.report(self.split, "reading", seen, None)
        self.end_pictures()
        self.end_records()
        prepare_options.report(self.split, "reading", seen, None)
        self.broken.check(self.task.name, seen=seen, most=prepare_options.most_broken)
        if not self.records.total:
            raise UserError(f"{self.task.name}: the split {self.split!r} is empty. Check its source")
        return Outline(split=self.split, pictures=self.pictures, records=self.records, broken=self.broken, seen=seen)

    def take(self, record: Record | Broken) -> None:
        """Put a record into its shard, or among those that are left out."""
        if isinstance(record, Skipped):
            return self.broken.skip(record.reason)
        if isinstance(record, Broken):
            return self.broken.add(record.where, record.reason)
        if reason := flaw(self.task, record):
            return self.broken.add(place(self.split, record.id, record.where), reason)
        if not self.ids.add(record.id)[1]:
            return self.broken.add(place(self.split, record.id, record.where), "a second record of this id")
        self.rows.append([self.row(picture) for picture in record.pictures or (self.blank,) * self.task.images])
        self.waiting_records.append(replace(record, pictures=()))
        if len(self.waiting_records) == self.most_records:
            self.end_records()
        return None

    def row(self, picture: Picture) -> int:
        """The number of a picture, new or known."""
        number, new = self.picture_names.add(picture.name)
        if new:
            self.waiting_pictures.append(picture)
            if len(self.waiting_pictures) == self.most_pictures:
                self.end_pictures()
        return number

    def end_pictures(self) -> None:
        """Close the shard of pictures that is being filled."""
        if self.waiting_pictures:
            file = f"{self.split}-pictures-{len(self.pictures.files):06}.arrow"
            self.pictures.add(PictureShard(file=file, pictures=tuple(self.waiting_pictures)))
        self.waiting_pictures = []

    def end_records(self) -> None:
        """Close the shard of records that is being filled."""
        if self.waiting_records:
            file = f"{self.split}-records-{len(self.records.files):06}.arrow"
            rows = np.array(self.rows, dtype=np.int32)
            self.records.add(RecordShard(file=file, records=tuple(self.waiting_records), rows=rows))
        self.waiting_records, self.rows = [], []


def place(split: str, record: str, where: str) -> str:
    """The place of a record that was read but is broken: its line, where the reader gives it, and its id."""
    return f"{where or split}: record {record!r}"


def blank_picture(processor: Processor) -> Picture:
    """The constant image that a record without pictures gets."""
    from PIL import Image

    return Picture(name=BLANK, open=Image.fromarray(processor.blank().transpose(1, 2, 0)).copy)
