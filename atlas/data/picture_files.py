"""The picture files of which a folder was prepared: size, times and digest, so that one that changed is noticed.

`<split>-files.parquet` beside the data: a row a file, by its path in the source. A file whose size and times are as
they were is not read; another one is read, and has changed where its digest has.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict

from atlas.data.opener import image_paths
from atlas.storage.filesystem import replacing

NUMBERS = ("size", "written", "changed")
SCHEMA = pa.schema([("path", pa.string()), *((name, pa.int64()) for name in NUMBERS), ("digest", pa.string())])
ROWS = 8192  # that are compared at a time


class PictureFile(BaseModel):
    """One file. size: bytes. written, changed: times of its content and of its entry, in ns. digest: blake2b, 128 bits.

    A copy has other times; one that keeps the time of its content has another one of its entry.
    """

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    written: int
    changed: int
    digest: str

    @classmethod
    def read(cls, path: Path, name: str) -> PictureFile:
        """The file as it is now, under that name. Raises OSError."""
        found = os.stat(path)  # before it is read: a file that changes meanwhile is read again next time
        content = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        return cls(path=name, size=found.st_size, written=found.st_mtime_ns, changed=found.st_ctime_ns, digest=content)

    def is_untouched(self, path: Path) -> bool:
        """Whether size and times are as they were. Raises OSError."""
        found = os.stat(path)
        return (found.st_size, found.st_mtime_ns, found.st_ctime_ns) == (self.size, self.written, self.changed)


def files_of(opener: object) -> list[PictureFile]:
    """The image files that a partial function has as its arguments, those that can be read."""
    found = []
    for path in image_paths(opener):
        try:
            found.append(PictureFile.read(path, str(path)))
        except OSError:
            continue
    return found


class PictureFileWriter:
    """Writes a split's files, a shard at a time; those outside the source are left out."""

    def __init__(self, folder: Path, split: str, source: Path) -> None:
        self.prefix = f"{source}/"
        self.writer = pq.ParquetWriter(file_of(folder, split), SCHEMA)

    def add(self, files: Sequence[PictureFile]) -> None:
        """Append files, by their paths in the source."""
        inside = [one for one in files if one.path.startswith(self.prefix)]
        if inside:
            named = [one.model_copy(update={"path": one.path.removeprefix(self.prefix)}) for one in inside]
            self.writer.write_table(_table(named))

    def close(self) -> None:
        """Close the file."""
        self.writer.close()


def file_of(folder: Path, split: str) -> Path:
    """The list of a split's files."""
    return folder / f"{split}-files.parquet"


def pictures_changed(folder: Path, splits: Sequence[str], source: Path) -> bool:
    """Whether a picture of prepared data is another one in the source now, or gone.

    Of those that are the same, the new times are kept, where the folder can be written: they are not read again.
    """
    return any(_split_changed(file_of(folder, split), source) for split in splits)


def _split_changed(path: Path, source: Path) -> bool:
    """As `pictures_changed`, of one split; a list that is not there is of an earlier release and tells nothing."""
    if not path.is_file():
        return False
    tables, touched = [], False
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(ROWS):
            known = [PictureFile.model_construct(**row) for row in batch.to_pylist()]
            try:
                now = [_now(one, source / one.path) for one in known]
            except OSError:
                return True
            if any(one.digest != old.digest for one, old in zip(now, known, strict=True)):
                return True
            touched |= now != known
            tables.append(_table(now))
    if touched and os.access(path.parent, os.W_OK):
        with replacing(path) as draft:
            pq.write_table(pa.concat_tables(tables), draft)
    return False


def _now(known: PictureFile, path: Path) -> PictureFile:
    """The file as it is now; read only where it was touched. Raises OSError."""
    return known if known.is_untouched(path) else PictureFile.read(path, known.path)


def _table(files: Sequence[PictureFile]) -> pa.Table:
    return pa.Table.from_pylist([one.model_dump() for one in files], schema=SCHEMA)
