"""Read a split once: check and count its records, and cut them into shards, before any picture is decoded."""

from __future__ import annotations

import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from atlas.backbones.processor import Processor
from atlas.data.broken import BrokenRecords
from atlas.data.interner import Interner
from atlas.data.opener import opener_digest
from atlas.data.options import PrepareOptions
from atlas.data.record_check import checked
from atlas.data.shard import PictureShard, RecordShard, pictures_a_shard, records_a_shard
from atlas.data.shard_buffer import ShardBuffer
from atlas.runtime.errors import UserError
from atlas.tasks.reading.files import Unreadable
from atlas.tasks.sample import Broken, Picture, Record, Skipped
from atlas.tasks.task import Task

BLANK = "blank"
REPORT_SECONDS = 1.0  # between two reports of a reader that takes long


@dataclass(frozen=True, kw_only=True)
class Outline:
    """The work on a split: the shards of its distinct pictures and of its records, and the records left out so far.

    seen: what the reader gave. apart: pictures that have the name of another one.
    """

    split: str
    pictures: ShardBuffer
    records: ShardBuffer
    broken: BrokenRecords
    seen: int
    apart: int = 0

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
        self.seen = self.apart = 0

    def read(self, records: Iterable[Record | Broken], prepare_options: PrepareOptions) -> Outline:
        """Read all. Raises UserError where there are no records, not even broken ones."""
        with ExitStack() as stack:
            self.picture_names, self.ids = Interner(), Interner()
            stack.callback(self.picture_names.close)
            stack.callback(self.ids.close)
            said = time.monotonic()
            for self.seen, record in enumerate(records, start=1):
                self.take(record)
                if self.seen % self.most_records == 0 or time.monotonic() - said >= REPORT_SECONDS:
                    said = time.monotonic()
                    prepare_options.report(self.split, "reading", self.seen, None)
        self.end_pictures()
        self.end_records()
        prepare_options.report(self.split, "reading", self.seen, None)
        if not self.records.total and not self.broken.count:
            raise UserError(f"{self.task.name}: the split {self.split!r} is empty. Check its source")
        return Outline(
            split=self.split,
            pictures=self.pictures,
            records=self.records,
            broken=self.broken,
            seen=self.seen,
            apart=self.apart,
        )

    def take(self, item: Record | Broken) -> None:
        """Put a record into its shard, or among those that are left out."""
        if isinstance(item, Skipped):
            return self.broken.skip(item.reason)
        if isinstance(item, Broken):
            return self.broken.add(item.where, item.reason)
        try:
            record = checked(self.task, item)
            if not self.ids.add(record.id)[1]:
                raise Unreadable("a second record of this id")
        except Unreadable as error:
            return self.broken.add(self.place_of(item), str(error))
        self.rows.append([self.row(picture) for picture in record.pictures or (self.blank,) * self.task.images])
        self.waiting_records.append(replace(record, pictures=()))
        if len(self.waiting_records) == self.most_records:
            self.end_records()
        return None

    def place_of(self, item: object) -> str:
        """The place of what the reader gave: its line and id, or else its number."""
        if isinstance(item, Record) and isinstance(item.id, str):
            return place(self.split, item.id, str(item.where or ""))
        return str(getattr(item, "where", "") or f"{self.split}: record {self.seen}")

    def row(self, picture: Picture) -> int:
        """The number of a picture, new or known. One that is opened otherwise than the first of its name is another."""
        opened = opener_digest(picture.open)
        number, new, first = self.picture_names.add_noted(picture.name, opened)
        if opened and first and opened != first:
            picture = replace(picture, name=f"{picture.name} [{opened.hex()}]")
            number, new = self.picture_names.add(picture.name)
            self.apart += new
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
