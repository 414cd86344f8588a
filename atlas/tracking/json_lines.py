"""The sink `jsonl:`: every event of a sweep as a line of JSON, for people who read runs with pandas, jq or duckdb.

    jsonl:/folder               <folder>/<sweep>.jsonl
    jsonl:s3://bucket/folder    <folder>/<sweep>/00000000.jsonl, …: object stores cannot append, so an object an event

A resumed sweep starts its sweep and trials anew: of several lines about the start or end of one run the last counts.
Lines are those of `event_lines`, so that they can be read back as events.
"""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.os_errors import error_from
from atlas.runtime.redact import redacted
from atlas.tracking.event_lines import from_line, to_line
from atlas.tracking.events import Event, StepFinished, TrialStep
from atlas.tracking.sink import ANSWER_SECONDS

if TYPE_CHECKING:
    from pyarrow import fs

log = logging.getLogger(__name__)

PREFIX = "jsonl:"
OBJECT_STORES = ("s3", "gcs", "abfs")  # no folders to create there
ALLOWED = "Give jsonl:/absolute/folder or jsonl:s3://bucket/folder."


class JsonLinesSink:
    """Lines of JSON in a folder, by sweep. It has neither a model registry nor a user interface."""

    name = "the folder of JSON lines"
    registry = None

    def __init__(self, address: str, experiment: str) -> None:
        """`experiment` is not used: the ids of sweeps are unique."""
        self.address = address
        self._where = address.removeprefix(PREFIX)
        self._logs: dict[str, _SweepLog] = {}

    def check(self, timeout: float = ANSWER_SECONDS) -> None:
        """Raise AtlasError where the folder cannot be written. Object stores answer within limits of their own."""
        shown = redacted(self.address)
        if not self._is_remote and not Path(self._where).expanduser().is_absolute():
            raise UserError(f"runs cannot be logged to {shown!r}: the folder must be an absolute path. {ALLOWED}")
        try:
            self._lines(f".probe-{uuid.uuid4().hex}").probe()
        except (OSError, ValueError) as error:
            reason = redacted(str(error))
            raise error_from(error, f"the folder {shown} cannot be written: {reason}. {ALLOWED}") from error

    def apply(self, event: Event) -> None:
        """Add the event's line, on the disk when this returns, unless it is there."""
        sweep = event.sweep or "no-sweep"
        if sweep not in self._logs:
            self._logs[sweep] = _SweepLog.read(self._lines(sweep))
        self._logs[sweep].add(event)

    def is_final(self, error: Exception, attempts: int) -> bool:
        """A disk that is full or a store that is away comes back; any other error stays."""
        return not isinstance(error, OSError)

    def view(self, sweep: str) -> str:
        """The file of the sweep, or the folder of its objects."""
        return redacted(f"{self._where.rstrip('/')}/{sweep}{'' if self._is_remote else '.jsonl'}")

    @property
    def _is_remote(self) -> bool:
        return "://" in self._where

    def _lines(self, name: str) -> _Lines:
        if not self._is_remote:
            return _File(Path(self._where).expanduser() / f"{name}.jsonl")
        from pyarrow import fs

        filesystem, path = fs.FileSystem.from_uri(self._where)
        return _Objects(filesystem, f"{path.rstrip('/')}/{name}")


class _Lines(Protocol):
    """Lines that can be read and added to."""

    def read(self) -> Iterator[bytes]:
        """The lines, in the order in which they were added; a torn last one is dropped."""

    def add(self, line: bytes) -> None:
        """Add a line, durably."""

    def probe(self) -> None:
        """Write something where lines go, and delete it."""


@dataclass
class _SweepLog:
    """A sweep's lines, with the identities of the events in them."""

    lines: _Lines
    seen: set[Hashable]

    @classmethod
    def read(cls, lines: _Lines) -> _SweepLog:
        """The log as it is there. A line that is no event (a person's own, or damaged) is named and left alone."""
        seen = set()
        for line in lines.read():
            try:
                seen.add(_identity(from_line(line)))
            except AtlasError as error:
                log.warning("%s It stays where it is.", error)
        return cls(lines, seen)

    def add(self, event: Event) -> None:
        identity = _identity(event)
        if identity not in self.seen:
            self.lines.add(to_line(event))
            self.seen.add(identity)


def _identity(event: Event) -> Hashable:
    """The identity of a line, written once: a step once, a start or an end once for each time and status."""
    match event:
        case StepFinished():
            return event.kind, event.key, event.status
        case TrialStep():
            return event.kind, event.key, event.step
        case _:
            return event.kind, event.key, event.at, getattr(event, "status", "")


class _File:
    """Lines of a file of this machine's file systems, appended and fsync'd."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Iterator[bytes]:
        if not self._path.exists():
            return
        with open(self._path, "r+b") as file:
            for line in file:
                if not line.endswith(b"\n"):  # its writer was killed, and so has not acknowledged the event
                    file.seek(-len(line), os.SEEK_END)
                    file.truncate()
                    return
                yield line

    def add(self, line: bytes) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(self._path, "ab", buffering=0) as file:
            end = file.tell()
            try:
                written = 0
                while written < len(line):
                    written += file.write(line[written:]) or 0
                os.fsync(file.fileno())
            except OSError:
                file.truncate(end)  # whole or not at all: the event comes again
                raise

    def probe(self) -> None:
        self.add(b"\n")
        self._path.unlink()


class _Objects:
    """Lines of an object store: an object each, its name the line's number."""

    def __init__(self, filesystem: fs.FileSystem, folder: str) -> None:
        self._filesystem, self._folder = filesystem, folder
        self._count = 0

    def read(self) -> Iterator[bytes]:
        from pyarrow import fs

        found = self._filesystem.get_file_info(fs.FileSelector(self._folder, allow_not_found=True))
        for path in sorted(info.path for info in found if info.type == fs.FileType.File):
            with self._filesystem.open_input_stream(path) as file:
                yield file.read()
            self._count = int(path.rpartition("/")[2].partition(".")[0]) + 1

    def add(self, line: bytes) -> None:
        self._make_folder(self._folder)
        with self._filesystem.open_output_stream(f"{self._folder}/{self._count:08d}.jsonl") as file:
            file.write(line)
        self._count += 1

    def probe(self) -> None:
        """An object next to the folder: deleting one in it would leave a marker of the folder in S3."""
        self._make_folder(self._folder.rpartition("/")[0])
        with self._filesystem.open_output_stream(self._folder) as file:
            file.write(b"probe")
        self._filesystem.delete_file(self._folder)

    def _make_folder(self, folder: str) -> None:
        if self._filesystem.type_name not in OBJECT_STORES:
            self._filesystem.create_dir(folder)
