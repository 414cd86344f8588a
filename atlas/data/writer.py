"""One split of a task, streamed into two Arrow files: records, and the pictures that they share.

Memory stays flat: records are written a batch at a time, pictures whenever enough new ones have gathered.
All columns have fixed width and no nulls, uncompressed, so that the loader can map them.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

import numpy as np
import pyarrow as pa

from atlas.data.processor import Processor
from atlas.errors import AtlasError
from atlas.tasks.task import Picture, Record, Task

RECORDS_A_BATCH = 4096
PICTURE_BYTES_A_BATCH = 64 * 2**20
DECODERS = 4  # threads: Pillow lets go of the interpreter while it decodes
BLANK = "blank"
Progress = Callable[[str, int], None]


@dataclass(frozen=True, kw_only=True)
class Written:
    """What a split came to: records, distinct pictures, texts that were cut, the tokens of the longest text, and each
    class's share of labels.
    """

    records: int
    pictures: int
    truncated: int
    longest: int
    mass: tuple[float, ...]


def record_schema(task: Task, processor: Processor) -> pa.Schema:
    """The columns of `<split>.arrow`."""
    label = pa.field("label", pa.int32(), nullable=False)
    if task.score == "soft":
        label = pa.field("targets", pa.list_(pa.float32(), task.classes), nullable=False)
    return pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("pictures", pa.list_(pa.int32(), task.images), nullable=False),
            pa.field("tokens", pa.list_(pa.int32(), task.choices * processor.max_tokens), nullable=False),
            label,
        ]
    )


class Gallery:
    """Writes each picture once, in the order of first sight, and knows its row."""

    def __init__(self, path: Path, processor: Processor) -> None:
        self.processor = processor
        self.rows: dict[str, int] = {}
        self.waiting: list[Picture] = []
        self.width = 3 * processor.image_size**2
        self.batch = max(1, PICTURE_BYTES_A_BATCH // self.width)
        self.schema = pa.schema([pa.field("pixels", pa.binary(self.width), nullable=False)])
        self.path = path
        self.stack = ExitStack()

    def __enter__(self) -> Gallery:
        self.writer = self.stack.enter_context(pa.ipc.new_file(self.path, self.schema))
        self.pool = self.stack.enter_context(ThreadPoolExecutor(min(DECODERS, os.cpu_count() or 1)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.stack:
            if error is None:
                self.flush()

    def row(self, picture: Picture) -> int:
        """The row of a picture, new or known."""
        if picture.name not in self.rows:
            self.rows[picture.name] = len(self.rows)
            self.waiting.append(picture)
            if len(self.waiting) == self.batch:
                self.flush()
        return self.rows[picture.name]

    def blank(self) -> int:
        """The row of the constant image that a record without pictures gets."""
        if BLANK not in self.rows:
            self.rows[BLANK] = 0
            self.write(self.processor.blank()[None])
        return self.rows[BLANK]

    def flush(self) -> None:
        """Decode and write what waits."""
        if self.waiting:
            self.write(np.stack(list(self.pool.map(self.decode, self.waiting))))
        self.waiting = []

    def decode(self, picture: Picture) -> np.ndarray:
        """uint8 [3, S, S]. Raises AtlasError that names the picture."""
        try:
            with picture.open() as image:
                return self.processor.pixels(image)
        except OSError as error:
            raise AtlasError(f"cannot read picture {picture.name!r}: {error}") from error

    def write(self, pixels: np.ndarray) -> None:
        """Append uint8 [N, 3, S, S]."""
        column = pa.Array.from_buffers(pa.binary(self.width), len(pixels), [None, pa.py_buffer(pixels)])
        self.writer.write_batch(pa.record_batch([column], schema=self.schema))


def check_record(task: Task, record: Record) -> None:
    """Raises AtlasError where a record is not of the shape that its task declares."""
    where = f"{task.name}, record {record.id!r}"
    if len(record.texts) != task.choices:
        raise AtlasError(f"{where}: {len(record.texts)} texts, the task declares {task.choices}")
    if task.modality == "language" and record.pictures:
        raise AtlasError(f"{where}: {len(record.pictures)} pictures in a language-only task")
    if task.modality != "language" and len(record.pictures) != task.images:
        raise AtlasError(f"{where}: {len(record.pictures)} pictures, the task declares {task.images}")
    if isinstance(record.label, int) == (task.score == "soft"):
        raise AtlasError(f"{where}: label {record.label!r} does not fit a task scored by {task.score!r}")
    pairs = ((record.label, 1.0),) if isinstance(record.label, int) else record.label
    for label, score in pairs:
        if not 0 <= label < task.classes or not 0 <= score <= 1:
            raise AtlasError(f"{where}: label {label} (score {score}) is out of range 0 to {task.classes - 1} (0 to 1)")


def label_rows(task: Task, records: Sequence[Record]) -> np.ndarray:
    """int32 [B] classes, or float32 [B, classes] scores."""
    if task.score == "accuracy":
        return np.array([record.label for record in records], dtype=np.int32)
    rows = np.zeros((len(records), task.classes), dtype=np.float32)
    for i, record in enumerate(records):
        assert not isinstance(record.label, int)
        for label, score in record.label:
            rows[i, label] = score
    return rows


def lists(values: np.ndarray) -> pa.Array:
    """A fixed-size list column from [B, ...]."""
    flat = values.reshape(len(values), -1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat.ravel()), flat.shape[1])


class SplitWriter:
    """Encodes batches of records of one split and counts what the card tells."""

    def __init__(self, task: Task, processor: Processor, gallery: Gallery) -> None:
        self.task, self.processor, self.gallery = task, processor, gallery
        self.schema = record_schema(task, processor)
        self.ids: set[str] = set()
        self.truncated = 0
        self.longest = 0
        self.mass = np.zeros(task.classes)

    def encode(self, records: Sequence[Record]) -> pa.RecordBatch:
        """The Arrow batch of some records. Raises AtlasError on one that is malformed or a second of its id."""
        for record in records:
            check_record(self.task, record)
            if record.id in self.ids:
                raise AtlasError(f"{self.task.name}: two records have the id {record.id!r}")
            self.ids.add(record.id)
        tokens, truncated = self.processor.token_rows([text for record in records for text in record.texts])
        labels = label_rows(self.task, records)
        self.truncated += truncated
        self.longest = max(self.longest, int((tokens != self.processor.pad_id).sum(1).max()))
        self.mass += np.bincount(labels, minlength=self.task.classes) if labels.ndim == 1 else labels.sum(0)
        columns = [
            pa.array([record.id for record in records]),
            lists(self.picture_rows(records)),
            lists(tokens.reshape(len(records), -1)),
            pa.array(labels) if labels.ndim == 1 else lists(labels),
        ]
        return pa.record_batch(columns, schema=self.schema)

    def picture_rows(self, records: Sequence[Record]) -> np.ndarray:
        """int32 [B, images]: where the records' pictures lie."""
        if self.task.modality == "language":
            return np.full((len(records), self.task.images), self.gallery.blank(), dtype=np.int32)
        rows = [[self.gallery.row(picture) for picture in record.pictures] for record in records]
        return np.array(rows, dtype=np.int32)


def write_split(
    task: Task, records: Iterable[Record], *, split: str, folder: Path, processor: Processor, progress: Progress | None
) -> Written:
    """Write `<split>.arrow` and `<split>-pictures.arrow`. Raises AtlasError on a bad record or an empty split."""
    stream, count = iter(records), 0
    with Gallery(folder / f"{split}-pictures.arrow", processor) as gallery:
        writer = SplitWriter(task, processor, gallery)
        with pa.ipc.new_file(folder / f"{split}.arrow", writer.schema) as file:
            while batch := list(itertools.islice(stream, RECORDS_A_BATCH)):
                file.write_batch(writer.encode(batch))
                count += len(batch)
                if progress:
                    progress(split, count)
    if not count:
        raise AtlasError(f"{task.name}: the split {split!r} is empty. Check its source")
    mass = tuple(round(float(one), 4) for one in writer.mass)
    return Written(
        records=count, pictures=len(gallery.rows), truncated=writer.truncated, longest=writer.longest, mass=mass
    )
