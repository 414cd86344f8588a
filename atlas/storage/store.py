"""The artifact store: content-addressed folders of finished steps, on any filesystem that pyarrow supports.

    <root>/<scope>/steps/<key[:2]>/<key>/<attempt>/...      the files of one attempt at the step
    <root>/<scope>/steps/<key[:2]>/<key>/commit.json        the marker, written last: what was committed
    <root>/<scope>/aside/<key>-<n>/...                      artifacts found damaged

An artifact exists once its marker does. Every attempt writes into a folder of its own, so that concurrent commits
cannot mix: the marker written last names a complete attempt.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import re
import uuid
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

import pyarrow as pa
from pyarrow import fs

from atlas.runtime.errors import UserError
from atlas.runtime.os_errors import error_from, is_unreachable
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retried
from atlas.storage.artifact import (
    Artifact,
    CommitRecord,
    CorruptArtifact,
    artifact_files,
    canonical,
    marker_of,
    parse_marker,
)
from atlas.storage.aside import move_aside
from atlas.storage.filesystem import (
    delete_tree,
    files_under,
    open_filesystem,
    relative,
    write_whole,
)
from atlas.storage.local_copy import copy_folder, verified_copy
from atlas.storage.safetensors_header import tensor_shapes
from atlas.storage.step_result import StepResult
from atlas.storage.upload import make_folder, upload_file
from atlas.storage.verification import VerifiedFolders, size_fault

__all__ = ["CorruptArtifact", "Artifact", "Store"]

log = logging.getLogger(__name__)

MARKER = "commit.json"
MANY = 1000  # keys, from which on listing the 256 shards costs less than a request for each key
WRITABLE = "Give a folder (or bucket) that exists and that this user may write."
LENGTHLESS = "This server wants AWS_REQUEST_CHECKSUM_CALCULATION=WHEN_REQUIRED in the environment of every node."


@dataclass(frozen=True, kw_only=True)
class Store:
    """Finished steps by key. Safe to share between processes and machines; picklable.

    A `patient` store (the default) retries while its filesystem does not answer, for half an hour at most, and then
    raises StorageUnavailable.
    """

    filesystem: fs.FileSystem = field(hash=False)
    root: str
    uri: str
    scope: str = ""
    patient: bool = True
    verified: VerifiedFolders = field(default_factory=VerifiedFolders, repr=False, compare=False)

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
        """The store at `uri`, without any access to it. Raises UserError where the address is not understood."""
        filesystem, root = open_filesystem(str(uri))
        inner = relative(scope) if scope else ""
        return cls(filesystem=filesystem, root=root, uri=redacted(str(uri)), scope=inner)

    @property
    def is_local(self) -> bool:
        """Whether it lies in this machine's file system, NFS included."""
        return isinstance(self.filesystem, fs.LocalFileSystem)

    @retried
    def commit(self, key: str, files: Path, record: CommitRecord) -> None:
        """Upload every file of the local folder `files`, then the marker with `record`. A valid artifact stays.

        Raises UserError for a suffix other than .safetensors, .json or .md, for links, and for a record that JSON
        cannot hold (NaN included).
        """
        if self._is_committed(key):
            return
        names, facts = artifact_files(Path(files)), record.to_json()
        canonical(facts)  # refuse before anything is uploaded
        draft = Artifact(key=key, attempt=uuid.uuid4().hex, facts=facts, files={})
        try:
            for name, path in names:
                target = f"{self._attempt(draft)}/{name}"
                make_folder(self.filesystem, target.rpartition("/")[0])
                draft.files[name] = upload_file(path, self.filesystem, target)
            self.write_small(self._folder(key) + "/" + MARKER, marker_of(draft))
        except OSError as error:
            if not is_unreachable(error):  # out of reach the marker may be there; a full disk gets its room back
                with contextlib.suppress(OSError):
                    delete_tree(self.filesystem, self._attempt(draft))
            raise

    @retried
    def find(self, key: str) -> Artifact | None:
        """The artifact of `key`, read from its marker alone; None where there is none.

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
    def sizes_match(self, artifact: Artifact) -> bool:
        """Whether every file of the artifact is there with its recorded size; no file is read."""
        return size_fault(self.filesystem, self._attempt(artifact), artifact.files) is None

    @retried
    def has(self, keys: Collection[str]) -> set[str]:
        """The members of `keys` that have a marker: one batched look-up, of many keys in those that are listed."""
        wanted = list(set(keys) & self._listed(keys) if len(keys) > MANY else set(keys))
        found = self.filesystem.get_file_info([self._folder(key) + "/" + MARKER for key in wanted])
        return {key for key, info in zip(wanted, found, strict=True) if info.type == fs.FileType.File}

    def _listed(self, keys: Collection[str]) -> set[str]:
        """All keys with a folder in the shards of `keys`."""
        shards = (f"{self.folder('steps')}/{shard}" for shard in {key[:2] for key in keys})
        found = (self.filesystem.get_file_info(fs.FileSelector(shard, allow_not_found=True)) for shard in shards)
        return {PurePosixPath(info.path).name for infos in found for info in infos}

    def keys(self) -> Iterator[str]:
        """The keys of all committed artifacts, sorted."""
        paths = (PurePosixPath(info.path) for info in files_under(self.filesystem, self.folder("steps")))
        yield from sorted(path.parent.name for path in paths if path.name == MARKER)

    def result(self, key: str) -> StepResult:
        """The result of a step; raises UserError where the store has none that can be read."""
        return self._known(key).result

    @retried
    def fetch(self, artifact: Artifact | str, into: Path | None = None, *, only: str = "", verify: bool = True) -> Path:
        """A local folder with the artifact's files, verified by digest; with those below `only` alone, where given.

        On a local filesystem it is the store's own folder (do not write there), elsewhere a copy under
        `into/<key>/<attempt>`, by default in this user's cache on this machine, which makes room for later ones.
        Without `verify` the store's own folder is not read: another process of the group does it.

        Raises:
            CorruptArtifact: a file is missing, truncated or altered in the store; the artifact was moved aside.
            StorageUnavailable: the disk of the copy is full.
        """
        known = self._known(artifact) if isinstance(artifact, str) else artifact
        files = {name: facts for name, facts in known.files.items() if not only or name.startswith(f"{only}/")}
        if self.is_local:
            local, fault = Path(self._attempt(known)), self._fault(known, files) if verify else None
        else:
            local = copy_folder(known.key, known.attempt, only=only, cache=into)
            fault = verified_copy(self.filesystem, self._attempt(known), files, local, self.verified)
        if fault is not None:
            raise self._moved_aside(known, fault)
        return local

    @retried
    def tensor_shapes(self, artifact: Artifact | str) -> list[tuple[int, ...]]:
        """The shapes of all tensors in the artifact's safetensors files, read from their headers alone.

        Raises UserError where there is no artifact, CorruptArtifact where a file is missing or has another size, and
        ValueError where one is no safetensors file.
        """
        known = self._known(artifact) if isinstance(artifact, str) else artifact
        if fault := size_fault(self.filesystem, self._attempt(known), known.files):
            raise self._moved_aside(known, fault)
        paths = [f"{self._attempt(known)}/{name}" for name in known.files if name.endswith(".safetensors")]
        return [shape for path in paths for shape in tensor_shapes(self.filesystem, path).values()]

    @retried
    def verify(self, key: str) -> bool:
        """Whether the artifact exists and every file has its recorded size and digest. Changes nothing."""
        artifact = self.find(key)
        return artifact is not None and self._fault(artifact, artifact.files) is None

    @retried
    def remove(self, key: str) -> None:
        """Delete the artifact: its marker first, so that no reader finds half of it."""
        folder = self._folder(key)
        with contextlib.suppress(FileNotFoundError):
            self.filesystem.delete_file(folder + "/" + MARKER)
        delete_tree(self.filesystem, folder)

    def folder(self, name: str) -> str:
        """The path of `name` in this scope, for `filesystem`."""
        return "/".join(part for part in (self.root, self.scope, name) if part)

    def write_small(self, path: str, content: bytes) -> None:
        """Write a small file atomically: rename into place locally, one PUT elsewhere."""
        make_folder(self.filesystem, path.rpartition("/")[0])
        if self.is_local:
            write_whole(Path(path), content)
        else:
            with self.filesystem.open_output_stream(path) as stream:
                stream.write(content)

    def _known(self, key: str) -> Artifact:
        artifact = self.find(key)
        if artifact is None:
            raise UserError(f"the store {self.uri} has no step {key}. Train it first, or give another store.")
        return artifact

    def _is_committed(self, key: str) -> bool:
        """Whether a valid artifact exists; a damaged one is moved aside to make room."""
        artifact = self.find(key)
        if artifact is None or self.verify(key):
            return artifact is not None
        where = self._move_aside(key, artifact.attempt)
        log.warning("step %s in %s was damaged; moved to %s and committed again", key, self.uri, where)
        return False

    def _folder(self, key: str) -> str:
        if not re.fullmatch(r"[0-9A-Za-z_-]{3,128}", key):
            raise UserError(f"the key {key!r} is not one of a step: 3 to 128 letters, digits, '-' or '_'.")
        return f"{self.folder('steps')}/{key[:2]}/{key}"

    def _attempt(self, artifact: Artifact) -> str:
        return f"{self._folder(artifact.key)}/{artifact.attempt}"

    def _probe(self) -> None:
        """Write, read and delete a small file."""
        path = self.folder(f".probe-{uuid.uuid4().hex}")
        try:
            self.write_small(path, b"probe")
            with self.filesystem.open_input_stream(path) as stream:
                if stream.read() != b"probe":
                    raise OSError(errno.EIO, "what was written there is read back otherwise")
            self.filesystem.delete_file(path)
        except (OSError, pa.ArrowException) as error:
            todo = LENGTHLESS if "MissingContentLength" in str(error) else WRITABLE
            raise error_from(error, f"the store {self.uri!r} cannot be written: {error}. {todo}") from error

    def _fault(self, artifact: Artifact, files: dict[str, tuple[str, int]]) -> str | None:
        return self.verified.fault(self.filesystem, self._attempt(artifact), files)

    def _moved_aside(self, artifact: Artifact, fault: str) -> CorruptArtifact:
        """The error of a damaged artifact, once it is moved aside."""
        where = self._move_aside(artifact.key, artifact.attempt)
        return CorruptArtifact(
            f"step {artifact.key} in the store {self.uri} is damaged: {fault}. "
            f"It was moved to {where}; training the step again puts it back."
        )

    def _move_aside(self, key: str, attempt: str | None) -> str:
        """Move the marker away, then the attempt's files (all of the key's where the marker is unreadable).

        A marker that meanwhile names another attempt stays: the step was trained again.
        """
        folder, now = self._folder(key), self.find(key) if attempt else None
        marker, source = f"{folder}/{MARKER}", f"{folder}/{attempt}" if attempt else folder
        paths = [info.path for info in files_under(self.filesystem, source) if info.path != marker]
        if now is None or now.attempt == attempt:
            paths.insert(0, marker)
        target = move_aside(self.filesystem, paths, folder, self.folder(f"aside/{key}"))
        self.verified.forget(source)
        return target
