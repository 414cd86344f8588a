"""Copies of stored folders on this machine."""

from __future__ import annotations

import contextlib
import shutil
import uuid
from collections.abc import Iterable
from pathlib import Path

from pyarrow import fs

BLOCK = 1 << 20


def copy_files(filesystem: fs.FileSystem, folder: str, names: Iterable[str], target: Path) -> None:
    """Copy the named files of a stored folder to `target`; a rename makes the copy appear complete.

    A missing file is left out: verification names it.
    """
    draft = target.parent / f".{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    for name in names:
        (draft / name).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source = filesystem.open_input_stream(f"{folder}/{name}")
            with source, open(draft / name, "wb") as sink:
                shutil.copyfileobj(source, sink, BLOCK)
    try:
        draft.rename(target)
    except OSError:  # another process was first
        shutil.rmtree(draft)
