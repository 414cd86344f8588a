"""A shard: a share of a split's pictures or records, encoded into one Arrow file by any worker.

The order of the records alone decides where shards end, and a shard alone the content of its file. So all runs, on
any number of cores or nodes, give the same files, and finished ones are kept.
"""

from __future__ import annotations

import json
import struct
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
import pyarrow as pa
from pydantic import BaseModel, ConfigDict

from atlas.backbones.processor import Processor
from atlas.backbones.text_rows import TextRows
from atlas.data.columns import column, label_values, picture_schema, record_schema
from atlas.data.opener import file_states
from atlas.data.picture_files import PictureFile, files_of
from atlas.data.text_counts import COLUMNS, count_columns
from atlas.runtime.digest import text_sha256
from atlas.runtime.os_errors import error_from
from atlas.storage.filesystem import replacing
from atlas.tasks.reading.rgb import as_rgb
from atlas.tasks.sample import Picture, Record
from atlas.tasks.task import Task

PICTURE_BYTES_A_SHARD = 64 * 2**20
PICTURES_A_SHARD = 8192  # at the most
RECORDS_A_SHARD = 4096
METADATA = b"atlas"
TEXTS = 3  # raised by hand where the same texts give other tokens or counts
ENCODING = 3  # of pictures; raised by hand where the same file gives other pixels or metadata


class ShardMetadata(BaseModel):
    """The metadata of a shard's file.

    digest: the shard's. broken: the number and reason of each broken picture in it. changed: pictures by each change
    that shows them as people see them. files: the image files that were read.
    """

    model_config = ConfigDict(frozen=True)

    digest: str
    files: tuple[PictureFile, ...] = ()
    broken: tuple[tuple[int, str], ...] = ()
    changed: Mapping[str, int] = {}


@dataclass(frozen=True, kw_only=True)
class ShardContext:
    """The task, the processor and the threads by which shards are encoded."""

    task: Task
    processor: Processor
    threads: int = 1  # Pillow releases the GIL while it decodes


@dataclass(frozen=True, kw_only=True)
class PictureShard:
    """Some pictures. Those that cannot be opened get no row; the file's metadata says which, and why."""

    file: str
    pictures: tuple[Picture, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def digest(self) -> str:
        """The digest of the pictures' names, and of the state of their files."""
        return _digest(ENCODING, [[picture.name, file_states(picture.open)] for picture in self.pictures])

    def batch(self, shard_context: ShardContext) -> tuple[pa.RecordBatch, ShardMetadata]:
        """The rows and the metadata."""
        schema = picture_schema(shard_context.processor)
        width = schema.field(0).type.byte_width
        pixels = np.empty((len(self), width), dtype=np.uint8)

        def fill(number: int) -> tuple[str, tuple[str, ...], list[PictureFile]]:
            files = files_of(self.pictures[number].open)
            try:
                row, changes = decode(self.pictures[number], shard_context.processor)
            except OSError as error:
                return f"picture {self.pictures[number].name!r}: {error}", (), files
            pixels[number] = row.ravel()
            return "", changes, files

        with ThreadPoolExecutor(shard_context.threads) as pool:
            reasons, changes, files = zip(*pool.map(fill, range(len(self))), strict=True)
        changed = Counter(chain.from_iterable(changes))
        broken = tuple((number, reason) for number, reason in enumerate(reasons) if reason)
        if broken:
            pixels = pixels[[not reason for reason in reasons]]
        rows = pa.Array.from_buffers(pa.binary(width), len(pixels), [None, pa.py_buffer(pixels)])
        return pa.record_batch([rows], schema=schema), ShardMetadata(
            digest=self.digest,
            files=tuple(chain.from_iterable(files)),
            broken=broken,
            changed=dict(sorted(changed.items())),
        )


@dataclass(frozen=True, kw_only=True)
class RecordShard:
    """Some records without their pictures; `rows` has the pictures' numbers: int32 [B, images]."""

    file: str
    records: tuple[Record, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.records)

    @property
    def digest(self) -> str:
        """The digest of the records' content."""
        return _digest(TEXTS, [_content(one) for one in self.records], self.rows.tolist())

    def batch(self, shard_context: ShardContext) -> tuple[pa.RecordBatch, ShardMetadata]:
        """The rows, with more columns: the counts of the record's texts, and where it stands."""
        task, processor = shard_context.task, shard_context.processor
        schema = record_schema(task, processor)
        for name in COLUMNS:
            schema = schema.append(pa.field(name, pa.int32()))
        schema = schema.append(pa.field("where", pa.string()))
        texts = processor.text_rows(
            [text for record in self.records for text in record.texts],
            images=0 if task.modality == "language" else task.images,
            answered=task.choices > 1,
        )
        columns = [
            pa.array([record.id for record in self.records]),
            column(self.rows),
            column(texts.rows.reshape(len(self), -1)),
            label_values(task, self.records),
            *self._counts(shard_context, texts),
            pa.array([record.where for record in self.records]),
        ]
        return pa.record_batch(columns, schema=schema), ShardMetadata(digest=self.digest)

    def _counts(self, shard_context: ShardContext, texts: TextRows) -> list[pa.Array]:
        """COLUMNS of the records' texts, whose rows are given; of a task of captions, of those."""
        if shard_context.task.answer_kind != "captions":
            return count_columns([record.texts for record in self.records], texts)
        captions = [record.references for record in self.records]
        rows = shard_context.processor.text_rows([text for one in captions for text in one])
        return count_columns(captions, rows)


Shard = PictureShard | RecordShard


def decode(picture: Picture, processor: Processor) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 [3, S, S], and the changes that show it as people see it.

    Raises OSError where the picture cannot be read or scaled, for any error of Pillow.
    """
    from PIL import Image

    try:
        image = picture.open()
        if not isinstance(image, Image.Image):
            raise OSError(f"its `open` gives {image!r:.60}, a {type(image).__name__}, no Pillow image")
        with image:
            rgb = as_rgb(image)
            return processor.square(rgb.image), rgb.changes
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError, struct.error) as error:
        raise OSError(str(error)) from error


def pictures_a_shard(processor: Processor) -> int:
    """As many pictures as fit into a shard's bytes."""
    return max(1, min(PICTURES_A_SHARD, PICTURE_BYTES_A_SHARD // (3 * processor.image_size**2)))


def records_a_shard() -> int:
    """As many records as one record batch of the prepared data has."""
    return RECORDS_A_SHARD


def write_shard(shard: Shard, folder: Path, shard_context: ShardContext) -> None:
    """Write the shard's file into the folder, whole or not at all, unless it is there.

    Raises StorageUnavailable where the disk is full, AccessDenied or UserError where it cannot be written otherwise.
    """
    path = folder / shard.file
    if is_done(path, shard.digest):
        return
    batch, metadata = shard.batch(shard_context)
    schema = batch.schema.with_metadata({METADATA: metadata.model_dump_json()})
    with writing(folder), replacing(path) as file, pa.ipc.new_file(file, schema) as writer:
        writer.write_batch(batch.replace_schema_metadata(schema.metadata))


def is_done(path: Path, digest: str) -> bool:
    """Whether the file of such a shard is there, without broken pictures: those may have been repaired since."""
    try:
        metadata = read_metadata(path)
    except (OSError, ValueError, KeyError):
        return False
    return metadata.digest == digest and not metadata.broken


def read_metadata(path: Path) -> ShardMetadata:
    """The metadata of a shard's file. Raises OSError, ValueError or KeyError where it has none."""
    with pa.memory_map(str(path)) as file:
        return ShardMetadata.model_validate_json((pa.ipc.open_file(file).schema.metadata or {})[METADATA])


def read_batch(path: Path) -> pa.RecordBatch:
    """The rows of a shard's file, mapped."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn an OSError while files are written there into one for people that names the folder."""
    try:
        yield
    except OSError as error:
        raise error_from(
            error, f"cannot write under {folder}: {error.strerror or error}. Make room, and go on"
        ) from error


def _content(record: Record) -> list[object]:
    """What decides a record's row, but for its pictures."""
    references = [record.references] if record.references else []
    return [record.id, record.texts, record.label, *references]


def _digest(*content: object) -> str:
    return text_sha256(json.dumps(content))
