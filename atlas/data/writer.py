"""Join the shards of a split into its two files: records, and the pictures that they share.

Records with a broken picture are left out here, and pictures are renumbered without the broken ones. The rest is a
copy of record batches, from one mapped file into another.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from atlas.backbones.processor import Processor
from atlas.backbones.text_rows import widest
from atlas.data.columns import array, column, picture_schema, record_schema
from atlas.data.label_counts import label_counts
from atlas.data.options import PrepareOptions
from atlas.data.overlap import SplitDigests
from atlas.data.picture_files import PictureFileWriter
from atlas.data.reading import Outline, place
from atlas.data.shard import pictures_a_shard, read_batch, read_metadata, writing
from atlas.data.text_counts import TextCounts, counts_in, tied_records
from atlas.runtime.errors import UserError
from atlas.tasks.task import Task

APART = "kept apart from another picture of the same name"


@dataclass(frozen=True, kw_only=True)
class JoinedSplit:
    """The counts of a joined split.

    records, distinct pictures, tied records, counts of texts, captions, tokens of the longest text, what is right
    how often and what the best constant answer scores (see `LabelCounts`), and pictures by the change that shows them
    as people see them.
    """

    records: int
    pictures: int
    tied: int
    texts: TextCounts
    captions: int
    longest: int
    balance: Mapping[str, float]
    majority: float
    changed: Mapping[str, int]

    @property
    def truncated(self) -> int:
        """The texts that were cut."""
        return self.texts.cut


class Joiner:
    """Joins the shards of one split that lie in `work` into two files in `folder`."""

    def __init__(
        self,
        task: Task,
        processor: Processor,
        outline: Outline,
        *,
        work: Path,
        folder: Path,
        source: Path | None = None,
    ) -> None:
        self.source = source
        self.task, self.processor, self.outline = task, processor, outline
        self.work, self.folder = work, folder
        self.changed: Counter[str] = Counter({APART: outline.apart} if outline.apart else {})
        self.reasons = self.broken_pictures()
        self.broken_numbers = np.array(sorted(self.reasons), dtype=np.int64)
        self.count = self.tied = self.longest = self.captions = 0
        self.texts = TextCounts()
        self.labels = label_counts(task)
        self.digests = SplitDigests(blank=task.modality == "language")

    def join(self, prepare_options: PrepareOptions) -> JoinedSplit:
        """Write `<split>-pictures.arrow`, after `join_records`. Raises UserError where no record is left."""
        if not self.count:
            raise UserError(f"{self.task.name}: all records of the split {self.outline.split!r} are broken")
        with writing(self.folder):
            self.join_pictures(prepare_options)
            self.list_files()
        return JoinedSplit(
            records=self.count,
            pictures=self.outline.pictures.total - len(self.broken_numbers),
            tied=self.tied,
            texts=self.texts,
            captions=self.captions,
            longest=self.longest,
            balance=self.labels.balance(),
            majority=self.labels.majority(self.count),
            changed=dict(self.changed),
        )

    def broken_pictures(self) -> dict[int, str]:
        """Number in the split -> reason, of those that could not be opened; the others' changes are added up."""
        most, found = pictures_a_shard(self.processor), {}
        for shard, file in enumerate(self.outline.pictures.files):
            metadata = read_metadata(self.work / file)
            self.changed.update(metadata.changed)
            for number, reason in metadata.broken:
                found[shard * most + number] = reason
        return found

    def join_records(self) -> None:
        """Write `<split>.arrow`; records with a broken picture are counted as broken."""
        split, schema = self.outline.split, record_schema(self.task, self.processor)
        with writing(self.folder), pa.ipc.new_file(self.folder / f"{split}.arrow", schema) as writer:
            for file in self.outline.records.files:
                batch = self.kept(read_batch(self.work / file))
                if batch.num_rows:
                    writer.write_batch(self.counted(batch))

    def kept(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The records without a broken picture; the others are counted as broken."""
        if not len(self.broken_numbers):
            return batch
        hit = np.isin(array(batch.column("pictures")), self.broken_numbers)
        for row in np.flatnonzero(hit.any(1)):
            pictures = array(batch.column("pictures"))[row]
            reason = next(self.reasons[number] for number in pictures.tolist() if number in self.reasons)
            record, where = (batch.column(name)[row].as_py() for name in ("id", "where"))
            self.outline.broken.add(place(self.outline.split, record, where), reason)
        return batch.filter(pa.array(~hit.any(1)))

    def counted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The batch as it is written, its pictures renumbered; its counts are added up."""
        tokens = array(batch.column("tokens"))
        texts = tokens.reshape(len(tokens), self.task.choices, -1)
        self.count += batch.num_rows
        self.texts += counts_in(batch)
        self.tied += tied_records(texts)
        self.longest = max(self.longest, widest(texts, self.processor.pad_id))
        self.labels.add(batch.column(3))
        if self.task.answer_kind == "captions":
            self.captions += len(batch.column(3).flatten())
        rows = array(batch.column("pictures"))
        rows = rows - np.searchsorted(self.broken_numbers, rows).astype(np.int32)
        self.digests.add_records(batch.column("id").to_pylist(), tokens, rows)
        columns = [batch.column("id"), column(rows), batch.column("tokens"), batch.column(3)]
        return pa.record_batch(columns, schema=record_schema(self.task, self.processor))

    def list_files(self) -> None:
        """Write the list of the picture files in the source, if there is one."""
        if self.source is None:
            return
        with closing(PictureFileWriter(self.folder, self.outline.split, self.source)) as writer:
            for file in self.outline.pictures.files:
                writer.add(read_metadata(self.work / file).files)

    def join_pictures(self, prepare_options: PrepareOptions) -> None:
        """Write `<split>-pictures.arrow`."""
        path = self.folder / f"{self.outline.split}-pictures.arrow"
        schema, done, total = picture_schema(self.processor), 0, self.outline.pictures.total - len(self.broken_numbers)
        with pa.ipc.new_file(path, schema) as writer:
            for file in self.outline.pictures.files:
                batch = read_batch(self.work / file)
                if batch.num_rows:
                    writer.write_batch(batch.replace_schema_metadata(None))
                    self.digests.add_pictures(array(batch.column("pixels")))
                done += batch.num_rows
                prepare_options.report(self.outline.split, "joining", done, total)
