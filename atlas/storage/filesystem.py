"""A place: a folder of the storage, on a filesystem of this machine's (NFS, too) or in an object store.

What is in an object store has a copy on each machine that works with it, under `$ATLAS_CACHE` (`~/.cache/atlas`):
files are read and written there, `download` brings what the object store has, `upload` takes there what is new. Of a
folder that the machine sees itself, `local` is that folder, and both have nothing to do.

A file counts as the same on both sides while sizes and times are: copying sets the local time to the remote one.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.storage.artifact import relative

if TYPE_CHECKING:
    from pyarrow import fs

OBJECT_STORES = ("s3", "gcs", "abfs")  # no folders to create there, and one PUT is atomic
SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")
ALLOWED = "Give a local path, or a file://, s3:// or gs:// address."
BLOCK = 1 << 20


def open_filesystem(address: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of an address (a path, file://, s3://, gs://), and the path on it.

    Raises AtlasError where the address is not understood.
    """
    import pyarrow as pa
    from pyarrow import fs

    shown = redacted(address)
    try:
        filesystem, path = fs.FileSystem.from_uri(
            address if "://" in address else str(Path(address).expanduser().resolve())
        )
    except (pa.ArrowInvalid, OSError, ImportError) as error:
        reason = str(error).replace(address, shown)
        raise AtlasError(f"the store {shown!r} cannot be opened: {reason}. {ALLOWED}") from None
    return filesystem, path.rstrip("/")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file of this machine's so that it appears, or changes, whole, and is on the disk once it has."""
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


def files_under(filesystem: fs.FileSystem, path: str) -> list[fs.FileInfo]:
    """Every file in the folder, at any depth; none where there is no such folder."""
    from pyarrow import fs

    found = filesystem.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return [info for info in found if info.type == fs.FileType.File]


def delete_tree(filesystem: fs.FileSystem, path: str) -> None:
    """Delete a folder; what is gone already is no error.

    File by file in an object store: S3's request for many at once takes a checksum that not all servers know.
    """
    if filesystem.type_name not in OBJECT_STORES:
        with suppress(FileNotFoundError):
            filesystem.delete_dir(path)
        return
    for info in files_under(filesystem, path):
        with suppress(FileNotFoundError):
            filesystem.delete_file(info.path)


@dataclass(frozen=True, kw_only=True)
class StoragePath:
    """A folder by its address: an absolute path, or s3://bucket/folder and alike, options after a `?`."""

    address: str

    @classmethod
    def at(cls, where: str | Path | StoragePath) -> StoragePath:
        """The place at a path or an address. Raises AtlasError for an address of another kind."""
        if isinstance(where, StoragePath):
            return where
        text = str(where).removeprefix("file://")
        if "://" not in text:
            return cls(address=str(Path(text).expanduser().resolve()))
        base, mark, options = text.partition("?")
        scheme, _, path = base.partition("://")
        if scheme not in SCHEMES or not path.strip("/"):
            raise AtlasError(f"the storage {redacted(text)!r} is none. {ALLOWED}")
        return cls(address=f"{scheme}://{relative(path.rstrip('/'))}{mark}{options}")

    def __truediv__(self, name: str) -> StoragePath:
        base, mark, options = self.address.partition("?")
        return StoragePath(address=f"{base}/{name}{mark}{options}")

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self.address.partition("?")[0].rpartition("/")[2]

    @property
    def is_remote(self) -> bool:
        """Whether it is in an object store."""
        return "://" in self.address

    @cached_property
    def local(self) -> Path:
        """The folder itself, or this machine's copy of it."""
        if not self.is_remote:
            return Path(self.address)
        cache = Path(os.environ.get("ATLAS_CACHE", "") or Path.home() / ".cache" / "atlas").expanduser()
        scheme, _, path = self.address.partition("?")[0].partition("://")
        return cache / scheme / path

    @property
    def for_ray(self) -> dict[str, Any]:
        """The place as the configurations of Ray Train and Ray Tune take it."""
        if not self.is_remote:
            return {"storage_path": self.address}
        filesystem, path = self._opened
        return {"storage_path": path, "storage_filesystem": filesystem}

    def folders(self) -> list[str]:
        """The names of the folders in it, sorted."""
        from pyarrow import fs

        filesystem, path = self._opened
        found = filesystem.get_file_info(fs.FileSelector(path, allow_not_found=True))
        return sorted(info.base_name for info in found if info.type == fs.FileType.Directory)

    def has(self, name: str) -> bool:
        """Whether there is a file of that name."""
        from pyarrow import fs

        filesystem, path = self._opened
        return bool(filesystem.get_file_info(f"{path}/{name}").type == fs.FileType.File)

    def sizes(self) -> dict[str, int]:
        """The bytes of every file below, by its relative name. Raises AtlasError where it cannot be read."""
        with _naming(self, "read"):
            return {name: info.size for name, info in self._there().items()}

    def download(self, *, only: Collection[str] = ()) -> Path:
        """Bring files here that are not, or that are newer there; those named in `only`, in any folder, or all.

        Of several processes that pull at once, one copies and the others wait. Gives `local`.

        Raises:
            AtlasError: the object store cannot be read, or this machine's copy not be written.
        """
        from filelock import FileLock

        if not self.is_remote:
            return self.local
        with _naming(self, "read"):
            self.local.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.local.parent / f".{self.name}.pull.lock"):
                for name, info in self._there().items():
                    if (not only or PurePosixPath(name).name in only) and _is_newer(info, self.local / name):
                        self._download(name, info)
        return self.local

    def upload(self, *, only: Collection[str] = (), last: str = "") -> None:
        """Take files there that are other here; those named in `only`, or all but hidden ones. `last` goes last.

        Raises:
            AtlasError: the object store cannot be written.
        """
        if not self.is_remote:
            return
        with _naming(self, "written"):
            there = self._there()
            names = [path.relative_to(self.local).as_posix() for path in self.local.rglob("*") if path.is_file()]
            for name in sorted(names, key=lambda name: (PurePosixPath(name).name == last, name)):
                if _is_meant(name, only) and not _is_same(there.get(name), self.local / name):
                    self._upload(name)

    @cached_property
    def _opened(self) -> tuple[fs.FileSystem, str]:
        return open_filesystem(self.address)

    def _there(self) -> dict[str, fs.FileInfo]:
        """Every file below, by its relative name."""
        filesystem, path = self._opened
        return {info.path.removeprefix(f"{path}/"): info for info in files_under(filesystem, path)}

    def _download(self, name: str, info: fs.FileInfo) -> None:
        """Copy a file here; a rename makes it appear whole."""
        target = self.local / relative(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f".{uuid.uuid4().hex}")
        try:
            with self._opened[0].open_input_stream(info.path) as source, draft.open("wb") as sink:
                copyfileobj(source, sink, BLOCK)
            _copy_time(draft, info)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)

    def _upload(self, name: str) -> None:
        filesystem, path = self._opened
        with (self.local / name).open("rb") as source, filesystem.open_output_stream(f"{path}/{name}") as sink:
            copyfileobj(source, sink, BLOCK)
        _copy_time(self.local / name, filesystem.get_file_info(f"{path}/{name}"))


@contextmanager
def _naming(place: StoragePath, done: str) -> Iterator[None]:
    """Turns what a filesystem raises into an AtlasError that names the place."""
    try:
        yield
    except OSError as error:
        raise AtlasError(
            f"{redacted(str(place))} cannot be {done}: {error}. Check the bucket, the credentials in the environment, "
            f"and {place.local}."
        ) from error


def _is_meant(name: str, only: Collection[str]) -> bool:
    path = PurePosixPath(name)
    return path.name in only if only else not any(part.startswith(".") for part in path.parts)


def _is_newer(there: fs.FileInfo, here: Path) -> bool:
    return not here.is_file() or (int(here.stat().st_mtime) < int(there.mtime.timestamp()))


def _is_same(there: fs.FileInfo | None, here: Path) -> bool:
    if there is None:
        return False
    stat = here.stat()
    return bool(stat.st_size == there.size and int(stat.st_mtime) == int(there.mtime.timestamp()))


def _copy_time(path: Path, info: fs.FileInfo) -> None:
    """Whole seconds: a listing may say more of a time than a look at one file."""
    seconds = int(info.mtime.timestamp())
    os.utime(path, (seconds, seconds))
