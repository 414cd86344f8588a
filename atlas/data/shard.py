"""A shard: a share of a split's pictures or records, turned into one Arrow file by whoever is free.

Where one shard ends and the next begins is decided by the order of the records alone, and a file's content by its
shard alone. So all runs, on any number of cores or nodes, give the same files, and finished ones are kept.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from atlas.backbones.processor import Processor
from atlas.data.columns import column, label_rows, picture_schema, record_schema
from atlas.runtime.digest import text_sha256
from atlas.runtime.errors import AtlasError
from atlas.tasks.sample import Picture, Record
from atlas.tasks.task import Task

PICTURE_BYTES_A_SHARD = 64 * 2**20
PICTURES_A_SHARD = 8192  # at the most
RECORDS_A_SHARD = 4096
NOTE = b"atlas"


@dataclass(frozen=True, kw_only=True)
class ShardContext:
    """What turns a shard into its file."""

    task: Task
    processor: Processor
    threads: int = 1  # Pillow lets go of the interpreter while it decodes


@dataclass(frozen=True, kw_only=True)
class PictureShard:
    """Some pictures. Those that cannot be opened get no row; the file's note says which, and why."""

    file: str
    pictures: tuple[Picture, ...]

    def __len__(self) -> int:
        return len(self.pictures)

    @property
    def digest(self) -> str:
        """Of all that tells these pictures from others."""
        return _digest([picture.name for picture in self.pictures])

    def batch(self, shard_context: ShardContext) -> tuple[pa.RecordBatch, dict[str, Any]]:
        """The rows and the note: `broken`, pairs of a picture's number in the shard and a reason."""
        schema = picture_schema(shard_context.processor)
        width = schema.field(0).type.byte_width
        pixels = np.empty((len(self), width), dtype=np.uint8)

        def fill(number: int) -> str:
            try:
                pixels[number] = decode(self.pictures[number], shard_context.processor).ravel()
            except OSError as error:
                return f"picture {self.pictures[number].name!r}: {error}"
            return ""

        with ThreadPoolExecutor(shard_context.threads) as pool:
            reasons = list(pool.map(fill, range(len(self))))
        broken = [(number, reason) for number, reason in enumerate(reasons) if reason]
        if broken:
            pixels = pixels[[not reason for reason in reasons]]
        rows = pa.Array.from_buffers(pa.binary(width), len(pixels), [None, pa.py_buffer(pixels)])
        return pa.record_batch([rows], schema=schema), {"broken": broken}


@dataclass(frozen=True, kw_only=True)
class RecordShard:
    """Some records without their pictures, whose numbers `rows` has: int32 [B, images]."""

    file: str
    records: tuple[Record, ...]
    rows: np.ndarray

    def __len__(self) -> int:
        return len(self.records)

    @property
    def digest(self) -> str:
        """Of all that tells these records from others."""
        return _digest([[one.id, one.texts, one.label] for one in self.records], self.rows.tolist())

    def batch(self, shard_context: ShardContext) -> tuple[pa.RecordBatch, dict[str, Any]]:
        """The rows, with two more columns: how many of the record's texts were cut, and where it stands."""
        schema = record_schema(shard_context.task, shard_context.processor)
        schema = schema.append(pa.field("cut", pa.int32())).append(pa.field("where", pa.string()))
        tokens, cut = shard_context.processor.token_rows([text for record in self.records for text in record.texts])
        columns = [
            pa.array([record.id for record in self.records]),
            column(self.rows),
            column(tokens.reshape(len(self), -1)),
            column(label_rows(shard_context.task, self.records)),
            column(cut.reshape(len(self), -1).sum(1, dtype=np.int32)),
            pa.array([record.where for record in self.records]),
        ]
        return pa.record_batch(columns, schema=schema), {"broken": []}


Shard = PictureShard | RecordShard


def decode(picture: Picture, processor: Processor) -> np.ndarray:
    """uint8 [3, S, S]. Raises OSError where the picture cannot be read, whatever Pillow says of it."""
    from PIL import Image

    try:
        with picture.open() as image:
            return processor.pixels(image)
    except (Image.DecompressionBombError, SyntaxError, ValueError, EOFError) as error:
        raise OSError(str(error)) from error


def pictures_a_shard(processor: Processor) -> int:
    """As many as the shard's bytes hold."""
    return max(1, min(PICTURES_A_SHARD, PICTURE_BYTES_A_SHARD // (3 * processor.image_size**2)))


def records_a_shard() -> int:
    """As many records as stand in one record batch of the prepared data."""
    return RECORDS_A_SHARD


def write_shard(shard: Shard, folder: Path, shard_context: ShardContext) -> None:
    """Write the shard's file into the folder, whole or not at all, unless it is there.

    Raises AtlasError where it cannot be written.
    """
    path = folder / shard.file
    if is_done(path, shard.digest):
        return
    batch, note = shard.batch(shard_context)
    schema = batch.schema.with_metadata({NOTE: json.dumps({"digest": shard.digest, **note})})
    unfinished = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    with writing(folder):
        with unfinished.open("wb") as file:
            with pa.ipc.new_file(file, schema) as writer:
                writer.write_batch(batch.replace_schema_metadata(schema.metadata))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)


def is_done(path: Path, digest: str) -> bool:
    """Whether the file of such a shard is there, without broken pictures: those may have been repaired since."""
    try:
        note = read_note(path)
    except (OSError, ValueError, KeyError):
        return False
    return bool(note["digest"] == digest and not note["broken"])


def read_note(path: Path) -> dict[str, Any]:
    """The note of a shard's file."""
    with pa.memory_map(str(path)) as file:
        note: dict[str, Any] = json.loads((pa.ipc.open_file(file).schema.metadata or {})[NOTE])
    return note


def read_batch(path: Path) -> pa.RecordBatch:
    """The rows of a shard's file, mapped."""
    return pa.ipc.open_file(pa.memory_map(str(path))).get_batch(0)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Raises AtlasError in place of what the file system says while files are written there."""
    try:
        yield
    except OSError as error:
        raise AtlasError(f"cannot write under {folder}: {error.strerror or error}. Make room, and go on") from error


def _digest(*content: Any) -> str:
    return text_sha256(json.dumps(content))
