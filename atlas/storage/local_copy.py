"""This machine's copies of stored folders, under `$ATLAS_CACHE`; the least recently used make room for new ones.

<cache>/artifacts/<key>/<name>      an artifact's files, or those of one of its folders
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pyarrow import fs

from atlas.runtime.errors import StorageUnavailable
from atlas.runtime.os_errors import is_full
from atlas.storage.filesystem import cache_folder
from atlas.storage.verification import VerifiedFolders, content_fault

BLOCK = 1 << 20
MOST_BYTES = 20 << 30
IN_USE_SECONDS = 3600.0
TRIM_SECONDS = 60.0
HERE = fs.LocalFileSystem()

_due: dict[Path, float] = {}  # when a cache is trimmed again


def artifact_cache() -> Path:
    """The folder of this user's copies on this machine, shared by all processes."""
    return cache_folder() / "artifacts"


def copy_folder(key: str, attempt: str, *, only: str = "", cache: Path | None = None) -> Path:
    """The folder of the copy of an artifact, or of its files below `only`, in the cache; by default this user's."""
    return (cache or artifact_cache()) / key / "-".join(filter(None, (attempt, only)))


def verified_copy(
    filesystem: fs.FileSystem,
    folder: str,
    files: Mapping[str, tuple[str, int]],
    target: Path,
    verified: VerifiedFolders,
) -> str | None:
    """Copy `files` (name → sha256, bytes) of a stored folder to `target`, unless a whole copy is there.

    Returns the stored folder's fault, found in its own files; None where `target` is whole.

    Raises:
        StorageUnavailable: no room for the copy, or it is damaged where the stored folder is whole.
    """
    if _is_whole(target, files, verified):
        return None
    trim_sometimes(artifact_cache(), now=time.monotonic())
    with _telling_of_room(target.parent), _draft_beside(target) as draft:
        copy_files(filesystem, folder, files, draft)
        if fault := content_fault(HERE, str(draft), files):
            return _stored_fault(filesystem, folder, files, f"a copy in {target.parent} is damaged: {fault}")
        while not _install(draft, target):
            if _is_whole(target, files, verified):  # another process was first
                return None
            _remove(target)
    verified.add(HERE, str(target))
    return None


def _is_whole(target: Path, files: Mapping[str, tuple[str, int]], verified: VerifiedFolders) -> bool:
    """Whether a whole copy is there. A damaged one is hashed again whenever it is asked for."""
    if is_kept(target) and verified.fault(HERE, str(target), files) is None:
        return True
    verified.forget(str(target))
    return False


def _stored_fault(filesystem: fs.FileSystem, folder: str, files: Mapping[str, tuple[str, int]], told: str) -> str:
    """The fault of a stored folder, read again: a copy alone proves nothing. Raises StorageUnavailable if whole."""
    if fault := content_fault(filesystem, folder, files):
        return fault
    raise StorageUnavailable(f"{told}, though the stored files are whole. Check this machine's disk.")


@contextlib.contextmanager
def _telling_of_room(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if is_full(error):
            raise StorageUnavailable(f"no room for a copy in {folder}: {error}.") from error
        raise


@contextlib.contextmanager
def _draft_beside(target: Path) -> Iterator[Path]:
    """A folder of this process alone, which is removed unless it was renamed."""
    draft = target.parent / f".{uuid.uuid4().hex}"
    draft.mkdir(parents=True)
    try:
        yield draft
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def copy_files(filesystem: fs.FileSystem, folder: str, names: Iterable[str], target: Path) -> None:
    """Copy the named files of a stored folder into `target`. A missing file is left out: verification names it."""
    for name in names:
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            source = filesystem.open_input_stream(f"{folder}/{name}")
            with source, open(target / name, "wb") as sink:
                shutil.copyfileobj(source, sink, BLOCK)


def _install(draft: Path, target: Path) -> bool:
    """Whether the draft is the copy now: not where there is one."""
    try:
        draft.rename(target)
    except OSError as error:
        if error.errno in (errno.EEXIST, errno.ENOTEMPTY):
            return False
        raise
    return True


def is_kept(copy: Path) -> bool:
    """Whether there is such a copy, which then counts as used now."""
    try:
        os.utime(copy)
    except FileNotFoundError:
        return False
    return True


def trim_sometimes(cache: Path, *, now: float) -> None:
    """Trim, at most once in `TRIM_SECONDS` of this process, since it walks through all copies; `now` is monotonic."""
    if now >= _due.get(cache, now):
        _due[cache] = now + TRIM_SECONDS
        trim(cache)


def trim(cache: Path, *, most: int = MOST_BYTES, in_use: float = IN_USE_SECONDS) -> None:
    """Remove the least recently used copies while they take more than `most` bytes; none used within `in_use` s."""
    copies = sorted((_used(copy), copy) for copy in cache.glob("*/*"))
    sizes = {copy: _size(copy) for _, copy in copies}
    left = sum(sizes.values())
    for used, copy in copies:
        if left <= most or time.time() - used < in_use:
            return
        if _used(copy) != used:  # while the others were measured
            continue
        with contextlib.suppress(OSError):
            _remove(copy)
            left -= sizes[copy]
            copy.parent.rmdir()  # unless the key has other copies


def _remove(copy: Path) -> None:
    """Remove a copy: at once for whoever looks for it, so that none is found in part."""
    gone = copy.with_name(f".{uuid.uuid4().hex}")
    with contextlib.suppress(FileNotFoundError):  # another process has removed it
        copy.rename(gone)
    shutil.rmtree(gone, ignore_errors=True)


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
