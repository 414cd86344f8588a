"""The index of prepared folders: where a task was prepared from, so that its source is named once.

One small file a task and processor:

<root>/<task>/.<digest of processor and limits>.json   {"folder": …, "source": …, "recipe": …, "version": …}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from atlas.runtime.digest import text_sha256
from atlas.storage.filesystem import write_whole


class IndexEntry(BaseModel):
    """A prepared folder's name, the source that it was prepared from, and by which recipe and version of the task."""

    model_config = ConfigDict(frozen=True)

    schema_version: int = 1
    folder: str
    source: str
    recipe: int
    version: int


def index_path(root: Path, task: str, *, processor: str, limits: Mapping[str, int] | None) -> Path:
    """The file of that task, processor (its digest) and limits."""
    key = text_sha256(json.dumps([processor, dict(limits or {})], sort_keys=True))[:16]
    return Path(root) / task / f".{key}.json"


def write_index(path: Path, entry: IndexEntry) -> None:
    """Write the entry, whole or not at all; a read-only folder of prepared data stays as it is."""
    if read_index(path) == entry or not os.access(path.parent, os.W_OK):
        return
    write_whole(path, f"{entry.model_dump_json(indent=1)}\n".encode())


def read_index(path: Path) -> IndexEntry | None:
    """The entry in the file; None where there is none that can be read."""
    try:
        return IndexEntry.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None
