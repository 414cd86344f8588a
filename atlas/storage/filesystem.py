"""Folders of the storage, on a filesystem of this machine (NFS included) or in an object store.

A folder in an object store has a copy on each machine that works with it, under `$ATLAS_CACHE` (`~/.cache/atlas`):
files are read and written there, `download` fetches newer files and `upload` sends changed ones. For a folder that the
machine mounts itself, `local` is that folder, and neither does anything.

A file counts as the same on both sides while sizes and times agree: copying sets the local time to the remote one.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from shutil import copyfileobj
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote

from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from
from atlas.runtime.paths import absolute, home_expanded
from atlas.runtime.redact import redacted

if TYPE_CHECKING:
    from pyarrow import fs

OBJECT_STORES = ("s3", "gcs", "abfs")  # no folders to create there, and one PUT is atomic
SCHEMES = ("s3", "gs", "gcs", "abfs", "abfss")
ALLOWED = "Give a local path, or a file://, s3:// or gs:// address."
BLOCK = 1 << 20


def relative(name: str) -> str:
    """`name`, unless it leaves its folder: raises UserError for absolute paths and for '..'."""
    path = PurePosixPath(name)
    if not name or path.is_absolute() or "\\" in name or str(path) != name or {"..", "."} & set(path.parts):
        raise UserError(f"the path {name!r} must be relative, plain and without '..'.")
    return name


def open_filesystem(address: str) -> tuple[fs.FileSystem, str]:
    """The filesystem of an address (a path, file://, s3://, gs://), and the path on it.

    Raises UserError where the address is not understood.
    """
    import pyarrow as pa
    from pyarrow import fs

    shown = redacted(address)
    try:
        filesystem, path = fs.FileSystem.from_uri(address if "://" in address else str(absolute(address)))
    except (pa.ArrowInvalid, OSError, ImportError) as error:
        reason = str(error).replace(address, shown)
        raise UserError(f"the store {shown!r} cannot be opened: {reason}. {ALLOWED}") from None
    return filesystem, path.rstrip("/")


def write_whole(path: Path, content: bytes) -> None:
    """Write a local file atomically."""
    with replacing(path) as file:
        file.write(content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of `path` after the block: flushed to the disk, then renamed.

    Where the block or the disk fails, `path` stays as it was and nothing else is left.
    """
    draft = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def cache_folder() -> Path:
    """This user's folder for copies on this machine: `$ATLAS_CACHE`, `~/.cache/atlas` by default."""
    return home_expanded(os.environ.get("ATLAS_CACHE", "") or "~/.cache/atlas")


def files_under(filesystem: fs.FileSystem, path: str) -> list[fs.FileInfo]:
    """Every file in the folder, at any depth; none where the folder does not exist."""
    from pyarrow import fs

    found = filesystem.get_file_info(fs.FileSelector(path, recursive=True, allow_not_found=True))
    return [info for info in found if info.type == fs.FileType.File]


def stored_sha256(filesystem: fs.FileSystem, path: str) -> str:
    """The sha256, in hexadecimal, of a file on any filesystem, read in blocks."""
    digest = hashlib.sha256()
    with filesystem.open_input_stream(path) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def delete_tree(filesystem: fs.FileSystem, path: str) -> None:
    """Delete a folder; a missing one is no error.

    File by file in an object store: S3's request for many at once takes a checksum that not all servers support.
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
    """A folder by its address: an absolute path, or s3://bucket/folder and the like, with options after a `?`."""

    address: str

    @classmethod
    def at(cls, where: str | Path | StoragePath) -> StoragePath:
        """The folder at a path or an address. Raises UserError for an address of another kind."""
        if isinstance(where, StoragePath):
            return where
        text = str(where)
        if text.startswith("file://"):
            text = unquote(text.removeprefix("file://"))
        if "://" not in text:
            return cls(address=str(absolute(text)))
        base, mark, options = text.partition("?")
        scheme, _, path = base.partition("://")
        if scheme not in SCHEMES or not path.strip("/"):
            raise UserError(f"the storage {redacted(text)!r} is not an address. {ALLOWED}")
        return cls(address=f"{scheme}://{relative(path.rstrip('/'))}{mark}{options}")

    def __truediv__(self, name: str) -> StoragePath:
        base, mark, options = self._parts
        return StoragePath(address=f"{base}/{name}{mark}{options}")

    def __str__(self) -> str:
        return self.address

    @property
    def name(self) -> str:
        """The folder's own name."""
        return self._parts[0].rpartition("/")[2]

    @property
    def is_remote(self) -> bool:
        """Whether it is in an object store."""
        return "://" in self.address

    @cached_property
    def local(self) -> Path:
        """The folder itself, or this machine's copy of it."""
        if not self.is_remote:
            return Path(self.address)
        scheme, _, path = self._parts[0].partition("://")
        return cache_folder() / scheme / path

    @property
    def for_ray(self) -> dict[str, Any]:
        """The arguments that Ray Train's and Ray Tune's run configurations take for it."""
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
        """Whether a file of that name exists in it."""
        from pyarrow import fs

        filesystem, path = self._opened
        return bool(filesystem.get_file_info(f"{path}/{name}").type == fs.FileType.File)

    def sizes(self) -> dict[str, int]:
        """The bytes of every file below, by its relative name. Raises StorageUnavailable where it does not answer."""
        with _named_errors(self, "read"):
            return {name: info.size for name, info in self._there().items()}

    def download(self, *, only: Collection[str] = ()) -> Path:
        """Fetch files that are missing here or newer there: those named in `only`, in any folder, or all.

        Returns `local`. Of several processes that download at once, one copies and the others wait.

        Raises:
            StorageUnavailable: the object store does not answer, or this machine's disk is full.
            UserError: they cannot be read or written for another reason, such as AccessDenied.
        """
        from filelock import FileLock

        if not self.is_remote:
            return self.local
        with _named_errors(self, "read"):
            self.local.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.local.parent / f".{self.name}.pull.lock"):
                for name, info in self._there().items():
                    if (not only or PurePosixPath(name).name in only) and _is_newer(info, self.local / name):
                        self._download(name, info)
        return self.local

    def upload(self, *, only: Collection[str] = (), last: str = "") -> None:
        """Send files that differ there: those named in `only`, or all but hidden ones; `last` after all others.

        Raises:
            StorageUnavailable: the object store does not answer.
            UserError: it cannot be written for another reason, such as AccessDenied.
        """
        if not self.is_remote:
            return
        with _named_errors(self, "written"):
            there = self._there()
            names = [path.relative_to(self.local).as_posix() for path in self.local.rglob("*") if path.is_file()]
            for name in sorted(names, key=lambda name: (PurePosixPath(name).name == last, name)):
                if _is_wanted(name, only) and not _is_same(there.get(name), self.local / name):
                    self._upload(name)

    @property
    def _parts(self) -> tuple[str, str, str]:
        """The address up to its options, `?`, and the options; a path of this machine has none."""
        return self.address.partition("?") if self.is_remote else (self.address, "", "")

    @cached_property
    def _opened(self) -> tuple[fs.FileSystem, str]:
        return open_filesystem(self.address)

    def _there(self) -> dict[str, fs.FileInfo]:
        """Every file below, by its relative name."""
        filesystem, path = self._opened
        return {info.path.removeprefix(f"{path}/"): info for info in files_under(filesystem, path)}

    def _download(self, name: str, info: fs.FileInfo) -> None:
        """Copy a file here; a rename makes it appear complete."""
        target = self.local / relative(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        with replacing(target) as sink:
            with self._opened[0].open_input_stream(info.path) as source:
                copyfileobj(source, sink, BLOCK)
            sink.flush()  # before its time is set
            _copy_time(sink.fileno(), info)

    def _upload(self, name: str) -> None:
        filesystem, path = self._opened
        with (self.local / name).open("rb") as source, filesystem.open_output_stream(f"{path}/{name}") as sink:
            copyfileobj(source, sink, BLOCK)
        _copy_time(self.local / name, filesystem.get_file_info(f"{path}/{name}"))


@contextmanager
def _named_errors(place: StoragePath, done: str) -> Iterator[None]:
    """Turn a filesystem's errors into one for people, of its kind, that names the folder."""
    try:
        yield
    except OSError as error:
        raise error_from(
            error,
            f"{redacted(str(place))} cannot be {done}: {error}. Check the bucket, the credentials in the environment, "
            f"and {place.local}.",
        ) from error


def _is_wanted(name: str, only: Collection[str]) -> bool:
    path = PurePosixPath(name)
    return path.name in only if only else not any(part.startswith(".") for part in path.parts)


def _is_newer(there: fs.FileInfo, here: Path) -> bool:
    return not here.is_file() or (int(here.stat().st_mtime) < int(there.mtime.timestamp()))


def _is_same(there: fs.FileInfo | None, here: Path) -> bool:
    if there is None:
        return False
    stat = here.stat()
    return bool(stat.st_size == there.size and int(stat.st_mtime) == int(there.mtime.timestamp()))


def _copy_time(path: Path | int, info: fs.FileInfo) -> None:
    """Set the local time to the remote one, in whole seconds: a listing may be more precise than a look at one file."""
    seconds = int(info.mtime.timestamp())
    os.utime(path, (seconds, seconds))
