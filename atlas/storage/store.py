"""The store: content-addressed folders of finished steps, on any filesystem that pyarrow speaks.

    <root>/<scope>/steps/<key[:2]>/<key>/<attempt>/...      the files of one attempt at the step
    <root>/<scope>/steps/<key[:2]>/<key>/commit.json        the marker, written last: what was committed
    <root>/<scope>/aside/<key>-<n>/...                      entries found damaged

An entry exists when its marker does. Every attempt writes into a folder of its own, so that two commits
at once cannot mix: whichever marker is written last names a whole attempt.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import re
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
from pyarrow import fs

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.retry import is_unreachable, retried
from atlas.storage.artifact import (
    Artifact,
    CorruptArtifact,
    artifact_files,
    canonical,
    marker_of,
    parse_marker,
    relative,
)
from atlas.storage.filesystem import OBJECT_STORES, delete_tree, files_under, open_filesystem, write_whole

__all__ = ["CorruptArtifact", "Artifact", "Store"]

log = logging.getLogger(__name__)

MARKER = "commit.json"
BLOCK = 1 << 20
WRITABLE = "Give a folder (or bucket) that exists and that this user may write."
LENGTHLESS = "This server wants AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED in the environment of every node."


@dataclass(frozen=True, kw_only=True)
class Store:
    """Finished steps by key. Safe to share between processes and machines; picklable.

    Where it is `patient` (as it is unless told otherwise), what is asked of it while its filesystem does not answer
    waits until that does, for half an hour at most, and then raises AtlasError.
    """

    filesystem: fs.FileSystem
    root: str
    uri: str
    scope: str = ""
    patient: bool = True
    verified: set[tuple[str, str]] = field(default_factory=set, repr=False, compare=False)

    @classmethod
    def open(cls, uri: str, *, scope: str = "") -> Store:
        """The store at `uri` (a path, file://, s3://, gs://), created where missing.

        Raises AtlasError where the address is not understood or a small file cannot be written and read back.
        """
        store = cls.at(uri, scope=scope)
        store._probe()
        return store

    @classmethod
    def at(cls, uri: str, *, scope: str = "") -> Store:
        """The store at `uri`, not looked at yet. Raises AtlasError where the address is not understood."""
        filesystem, root = open_filesystem(str(uri))
        inner = relative(scope) if scope else ""
        return cls(filesystem=filesystem, root=root, uri=redacted(str(uri)), scope=inner)

    @property
    def is_local(self) -> bool:
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @retried
    def commit(self, key: str, files: Path, facts: Mapping[str, Any]) -> None:
        """Upload every file of the local folder `files`, then the marker. A valid entry that is there stays.

        Raises AtlasError for a suffix other than .safetensors, .json or .md, for links, and for facts that
        JSON cannot hold (NaN included).
        """
        if self._stands(key):
            return
        names = artifact_files(Path(files))
        canonical({"facts": dict(facts)})  # refuse before anything is uploaded
        draft = Artifact(key=key, attempt=uuid.uuid4().hex, facts=dict(facts), files={})
        try:
            for name, path in names:
                draft.files[name] = self._upload(path, f"{self._attempt(draft)}/{name}")
            self.write_small(self._folder(key) + "/" + MARKER, marker_of(draft))
        except OSError as error:
            if not is_unreachable(error):  # then the marker may be there; a full disk is not to be filled with halves
                with contextlib.suppress(OSError):
                    delete_tree(self.filesystem, self._attempt(draft))
            raise

    @retried
    def find(self, key: str) -> Artifact | None:
        """The entry of `key`, read from its marker alone; None where there is none.

        A marker that does not parse, or whose own digest is wrong, is moved aside and counts as absent.
        """
        try:
            with self.filesystem.open_input_stream(self._folder(key) + "/" + MARKER) as stream:
                text = stream.read()
        except FileNotFoundError:
            return None
        try:
            return parse_marker(key, text)
        except (KeyError, TypeError, ValueError) as error:
            where = self._move_aside(key, None)
            log.warning("the marker of step %s in %s is damaged (%s); moved to %s", key, self.uri, error, where)
            return None

    @retried
    def has(self, keys: Collection[str]) -> set[str]:
        """Those of `keys` that have a marker; one batched look-up."""
        wanted = list(dict.fromkeys(keys))
        if not wanted:
            return set()
        found = self.filesystem.get_file_info([self._folder(key) + "/" + MARKER for key in wanted])
        return {key for key, info in zip(wanted, found, strict=True) if info.type == fs.FileType.File}

    def keys(self) -> Iterator[str]:
        """The keys of all committed entries, sorted."""
        paths = (PurePosixPath(info.path) for info in files_under(self.filesystem, self.folder("steps")))
        yield from sorted(path.parent.name for path in paths if path.name == MARKER)

    def read_facts(self, key: str) -> dict[str, Any]:
        """The facts of the entry; raises AtlasError where there is none."""
        return self._known(key).facts

    @retried
    def fetch(self, entry: Artifact | str, into: Path) -> Path:
        """A local folder with the entry's files, verified by digest.

        On a local filesystem it is the store's own folder (do not write there), elsewhere a copy under
        `into/<key>/<attempt>`. Raises CorruptEntry, after moving the entry aside, where a file is missing,
        cut short or altered.
        """
        known = self._known(entry) if isinstance(entry, str) else entry
        local = Path(self._attempt(known)) if self.is_local else self._copy(known, Path(into))
        if fault := self._fault(known, fs.LocalFileSystem(), str(local)):
            if not self.is_local:
                shutil.rmtree(local, ignore_errors=True)
            where = self._move_aside(known.key, known.attempt)
            raise CorruptArtifact(
                f"step {known.key} in the store {self.uri} is damaged: {fault}. "
                f"It was moved to {where}; training the step again puts it back."
            )
        return local

    @retried
    def verify(self, key: str) -> bool:
        """Whether the entry is there and every file has its recorded size and digest. Changes nothing."""
        entry = self.find(key)
        return entry is not None and self._fault(entry, self.filesystem, self._attempt(entry)) is None

    @retried
    def remove(self, key: str) -> None:
        """Forget the entry: the marker first, so that nobody finds half of it."""
        folder = self._folder(key)
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(folder + "/" + MARKER)
        delete_tree(self.filesystem, folder)

    def folder(self, name: str) -> str:
        """The path, for `filesystem`, of what is called `name` in this scope."""
        return "/".join(part for part in (self.root, self.scope, name) if part)

    def write_small(self, path: str, content: bytes) -> None:
        """Write a small file atomically: rename into place locally, one PUT elsewhere."""
        self._make_folder(path.rpartition("/")[0])
        if self.is_local:
            write_whole(Path(path), content)
        else:
            with self.filesystem.open_output_stream(path) as stream:
                stream.write(content)

    def _known(self, key: str) -> Artifact:
        entry = self.find(key)
        if entry is None:
            raise AtlasError(f"the store {self.uri} has no step {key}. Train it first, or give another store.")
        return entry

    def _stands(self, key: str) -> bool:
        """Whether a valid entry is there; a damaged one is moved aside to make room."""
        entry = self.find(key)
        if entry is None or self.verify(key):
            return entry is not None
        where = self._move_aside(key, entry.attempt)
        log.warning("step %s in %s was damaged; moved to %s and committed again", key, self.uri, where)
        return False

    def _folder(self, key: str) -> str:
        if not re.fullmatch(r"[0-9A-Za-z_-]{3,128}", key):
            raise AtlasError(f"the key {key!r} is not one of a step: 3 to 128 letters, digits, '-' or '_'.")
        return f"{self.folder('steps')}/{key[:2]}/{key}"

    def _attempt(self, entry: Artifact) -> str:
        return f"{self._folder(entry.key)}/{entry.attempt}"

    def _probe(self) -> None:
        """Write, read and delete a small file."""
        path = self.folder(f".probe-{uuid.uuid4().hex}")
        try:
            self.write_small(path, b"probe")
            with self.filesystem.open_input_stream(path) as stream:
                assert stream.read() == b"probe"
            self.filesystem.delete_file(path)
        except (OSError, pa.ArrowException) as error:
            todo = LENGTHLESS if "MissingContentLength" in str(error) else WRITABLE
            raise AtlasError(f"the store {self.uri!r} cannot be written: {error}. {todo}") from error

    def _make_folder(self, path: str) -> None:
        if self.filesystem.type_name not in OBJECT_STORES:
            self.filesystem.create_dir(path, recursive=True)

    def _upload(self, path: Path, target: str) -> tuple[str, int]:
        """Copy one local file up; returns its (sha256, size)."""
        self._make_folder(target.rpartition("/")[0])
        digest, size = hashlib.sha256(), 0
        with open(path, "rb") as source, self.filesystem.open_output_stream(target) as sink:
            while block := source.read(BLOCK):
                digest.update(block)
                size += len(block)
                sink.write(block)
        if self.is_local:
            with open(target, "rb") as written:
                os.fsync(written.fileno())  # the marker must never outlive its files
        return digest.hexdigest(), size

    def _copy(self, entry: Artifact, into: Path) -> Path:
        """The attempt's files, copied under `into` once; a rename makes the copy appear whole."""
        target = into / entry.key / entry.attempt
        if target.exists():
            return target
        draft = into / entry.key / f".{uuid.uuid4().hex}"
        draft.mkdir(parents=True)
        for name in entry.files:
            (draft / name).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):  # verification names a missing file
                source = self.filesystem.open_input_stream(f"{self._attempt(entry)}/{name}")
                with source, open(draft / name, "wb") as sink:
                    shutil.copyfileobj(source, sink, BLOCK)
        try:
            draft.rename(target)
        except OSError:  # another process was first
            shutil.rmtree(draft)
        return target

    def _fault(self, entry: Artifact, filesystem: fs.FileSystem, folder: str) -> str | None:
        """What is wrong with the files in `folder`, in words; hashed once a process and attempt."""
        paths = [f"{folder}/{name}" for name in entry.files]
        for info, (name, (sha, size)) in zip(filesystem.get_file_info(paths), entry.files.items(), strict=True):
            if info.type != fs.FileType.File:
                return f"{name} is missing"
            if info.size != size:
                return f"{name} has {info.size} bytes instead of {size}"
            if (entry.key, entry.attempt) not in self.verified and _digest(filesystem, info.path) != sha:
                return f"{name} has another sha256 than recorded"
        self.verified.add((entry.key, entry.attempt))
        return None

    def _move_aside(self, key: str, attempt: str | None) -> str:
        """Take the marker away, then the attempt's files (all of the key's where the marker is unreadable)."""
        target = self._free_aside(key)
        self._make_folder(target)
        marker = self._folder(key) + "/" + MARKER
        source = f"{self._folder(key)}/{attempt}" if attempt else self._folder(key)
        paths = [marker, *(info.path for info in files_under(self.filesystem, source) if info.path != marker)]
        for path in paths:
            destination = target + "/" + path.removeprefix(self._folder(key) + "/")
            self._make_folder(destination.rpartition("/")[0])
            with contextlib.suppress(FileNotFoundError):  # another process is moving it too
                self.filesystem.move(path, destination)
        self.verified.discard((key, attempt or ""))
        return target

    def _free_aside(self, key: str) -> str:
        number = 1
        while files_under(self.filesystem, self.folder(f"aside/{key}-{number}")):
            number += 1
        return self.folder(f"aside/{key}-{number}")


def _digest(filesystem: fs.FileSystem, path: str) -> str:
    digest = hashlib.sha256()
    with filesystem.open_input_stream(path) as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()
