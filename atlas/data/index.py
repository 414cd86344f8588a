"""Where a task was prepared from, so that its source is named once: one small file a task and processor.

<root>/<task>/.<digest of processor and limits>.json   {"folder": …, "source": …, "recipe": …, "version": …}
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from atlas.runtime.digest import text_sha256
from atlas.storage.filesystem import write_whole


@dataclass(frozen=True, kw_only=True)
class Origin:
    """The prepared folder's name and the source that it was prepared from, by which recipe and version of the task."""

    folder: str
    source: str
    recipe: int
    version: int


def index_path(root: Path, task: str, *, processor: str, limits: Mapping[str, int] | None) -> Path:
    """The file of that task, processor (its digest) and limits."""
    key = text_sha256(json.dumps([processor, dict(limits or {})], sort_keys=True))[:16]
    return Path(root) / task / f".{key}.json"


def remember(path: Path, origin: Origin) -> None:
    """Write it down, whole or not at all; prepared data that others lend for reading alone stays as it is."""
    if recall(path) == origin or not os.access(path.parent, os.W_OK):
        return
    write_whole(path, f"{json.dumps(asdict(origin), indent=1)}\n".encode())


def recall(path: Path) -> Origin | None:
    """What is written down; None where nothing is, or nothing that can be read."""
    try:
        return Origin(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
