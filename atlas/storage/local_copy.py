"""This machine's copies of stored folders, under `$ATLAS_CACHE`; the least recently used make room for new ones.

<cache>/artifacts/<key>/<name>      an artifact's files, or those of one of its folders
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Mapping
from pathlib import Path

from pyarrow import fs

from atlas.runtime.errors import StorageUnavailable
from atlas.runtime.os_errors import is_full
from atlas.storage.filesystem import cache_folder
from atlas.storage.verification import VerifiedFolders

BLOCK = 1 << 20
MOST_BYTES = 20 << 30
IN_USE_SECONDS = 3600.0


def artifact_cache() -> Path:
    """The folder of this user's copies on this machine, shared by all processes."""
    return cache_folder() / "artifacts"


def verified_copy(
    filesystem: fs.FileSystem,
    folder: str,
    files: Mapping[str, tuple[str, int]],
    target: Path,
    verified: VerifiedFolders,
) -> str | None:
    """Copy `files` (name → sha256, bytes) of a stored folder to `target`, unless a whole copy is there.

    Returns the fault of a fresh copy, which is the stored folder's own; None where `target` is whole.

    Raises:
        StorageUnavailable: no room for the copy.
    """
    here = fs.LocalFileSystem()
    if is_kept(target) and verified.fault(here, str(target), files) is None:
        return None
    shutil.rmtree(target, ignore_errors=True)
    verified.forget(str(target))
    trim(artifact_cache())
    try:
        copy_files(filesystem, folder, files, target)
    except OSError as error:
        if is_full(error):
            raise StorageUnavailable(f"no room for a copy in {target.parent}: {error}.") from error
        raise
    fault = verified.fault(here, str(target), files)
    if fault is not None:
        shutil.rmtree(target, ignore_errors=True)
    return fault


def copy_files(filesystem: fs.FileSystem, folder: str, names: Iterable[str], target: Path) -> None:
    """Copy the named files of a stored folder to `target`; a rename makes the copy appear complete.

    A missing file is left out: verification names it. Where copying fails nothing is left.
    """
    draft = target.parent / f".{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        for name in names:
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                source = filesystem.open_input_stream(f"{folder}/{name}")
                with source, open(draft / name, "wb") as sink:
                    shutil.copyfileobj(source, sink, BLOCK)
        with contextlib.suppress(OSError):  # another process was first
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def is_kept(copy: Path) -> bool:
    """Whether there is such a copy, which then counts as used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def trim(cache: Path, *, most: int = MOST_BYTES, in_use: float = IN_USE_SECONDS) -> None:
    """Remove the least recently used copies while they take more than `most` bytes; none used within `in_use` s."""
    copies = sorted((_used(copy), copy) for copy in cache.glob("*/*"))
    sizes = {copy: _size(copy) for _, copy in copies}
    left = sum(sizes.values())
    for used, copy in copies:
        if left <= most or time.time() - used < in_use:
            return
        shutil.rmtree(copy, ignore_errors=True)
        left -= sizes[copy]
        with contextlib.suppress(OSError):  # the key has other copies
            copy.parent.rmdir()


def _used(copy: Path) -> float:
    try:
        return copy.stat().st_mtime
    except FileNotFoundError:  # another process has removed it
        return 0.0


def _size(copy: Path) -> int:
    total = 0
    for folder, _, names in os.walk(copy):
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                total += os.stat(os.path.join(folder, name)).st_size
    return total
