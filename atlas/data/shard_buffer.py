"""On-disk buffer of shards: the records of a whole split are never in memory."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from pathlib import Path

from atlas.data.shard import Shard, writing
from atlas.runtime.errors import UserError


class ShardBuffer:
    """Shards in order, in an unnamed temporary file. `total` counts their items."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 – open as long as the buffer is
        self.files: list[str] = []
        self.total = 0

    def add(self, shard: Shard) -> None:
        """Append a shard. Raises UserError where a picture of it cannot be pickled, or the disk is full."""
        content = packed(shard)
        with writing(self._folder):
            self._file.write(content)
        self.files.append(shard.file)
        self.total += len(shard)

    def __iter__(self) -> Iterator[Shard]:
        with writing(self._folder):
            self._file.seek(0)  # flushes, too
        for _ in self.files:
            yield pickle.load(self._file)

    def close(self) -> None:
        """Close the file. Raises as `add` does: closing writes what was buffered."""
        with writing(self._folder):
            self._file.close()


def packed(shard: Shard) -> bytes:
    """The shard as bytes, functions of a user-defined file by value. Raises UserError where it cannot be pickled."""
    try:
        return pickle.dumps(shard)
    except (pickle.PicklingError, AttributeError, TypeError):
        return _packed_by_value(shard)


def _packed_by_value(shard: Shard) -> bytes:
    from ray import cloudpickle  # takes a second to import, so only where it is needed

    try:
        content: bytes = cloudpickle.dumps(shard)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UserError(
            f"a picture cannot travel to another process ({error}): let its `open` be a function of paths and numbers."
        ) from error
    return content
