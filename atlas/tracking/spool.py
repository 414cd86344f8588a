"""Journal of a tracker: JSON lines, appended and fsync'd, with the position up to which they were replayed.

<folder>/events.jsonl     every event, in order; never rewritten
<folder>/position         the byte up to which the sink has it, 20 digits
<folder>/refused.jsonl    events that the sink refused, with the reason
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from atlas.runtime.errors import AtlasError, UserError
from atlas.runtime.os_errors import error_from
from atlas.tracking.event_lines import from_line, to_line
from atlas.tracking.events import Event, SweepFinished

DIGITS = 20
LAST_BYTES = 1 << 20


def is_settled(folder: Path) -> bool:
    """Whether the sink has all of the journal in `folder`, up to the sweep's status FINISHED; true without a journal.

    A sweep that was stopped while it ended, all its trials done, has not come to that. Needs no lock.
    """
    events, position = Path(folder) / "events.jsonl", Path(folder) / "position"
    if not events.exists():
        return True
    text = position.read_bytes()[:DIGITS] if position.exists() else b""
    with open(events, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - LAST_BYTES))
        last = file.read().splitlines()[-1:]
    taken = int(text) if len(text) == DIGITS and text.isdigit() else 0
    return taken >= size and bool(last) and _is_good_end(last[0])


def _is_good_end(line: bytes) -> bool:
    try:
        event = from_line(line)
    except AtlasError:
        return False
    return isinstance(event, SweepFinished) and event.status == "FINISHED"


def read_events(folder: Path) -> Iterator[Event]:
    """The events of the journal in `folder`; needs no lock. Lines that are torn or no events are left out."""
    path = Path(folder) / "events.jsonl"
    for line in path.read_bytes().splitlines() if path.exists() else ():
        with contextlib.suppress(AtlasError):
            yield from_line(line)


class Spool:
    """One writer at a time (a file lock, freed by the system when its process dies); threads may share it.

    `position` is the byte up to which events were acknowledged.
    """

    def __init__(self, folder: Path, *, lock_timeout: float = 30.0) -> None:
        """Open or create the journal. Raises AtlasError where another process holds it or it cannot be written."""
        self.folder = Path(folder)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = FileLock(self.folder / "lock", thread_local=False)
            self._lock.acquire(timeout=lock_timeout)
        except Timeout as error:
            raise UserError(f"the journal {self.folder} is in use by another tracker. End that first.") from error
        except OSError as error:
            raise error_from(error, f"the journal {self.folder} cannot be written: {error}.") from error
        self._guard = threading.Lock()
        self._events = open(self.folder / "events.jsonl", "a+b", buffering=0)  # noqa: SIM115 - open as long as the tracker
        self._reader = open(self.folder / "events.jsonl", "rb")  # noqa: SIM115
        self._acknowledged = os.open(self.folder / "position", os.O_RDWR | os.O_CREAT, 0o644)
        self._end = self._drop_torn_line()
        self.acknowledge(self._read_position())  # allocates the bytes now: overwriting them works on a full disk, too

    def append(self, event: Event) -> None:
        """Add the event; it is on the disk when this returns. Raises OSError, with nothing added, where that fails."""
        line = to_line(event)
        with self._guard:
            self._cut()
            try:
                written = 0
                while written < len(line):
                    written += self._events.write(line[written:]) or 0
                os.fsync(self._events.fileno())
            except OSError:
                with contextlib.suppress(OSError):  # a disk out of reach: the next event is appended after a cut
                    self._cut()
                raise
            self._end += len(line)

    @property
    def pending(self) -> int:
        """Bytes that wait to be replayed."""
        return self._end - self.position

    def peek(self) -> tuple[Event, int] | None:
        """The first event that was not acknowledged and the position after it; None where all were.

        Raises:
            UserError: the line is none of an event.
            OSError: the file cannot be read, or lacks the line's end.
        """
        start = self.position
        if start >= self._end:
            return None
        with self._guard:
            self._reader.seek(start)
            line = self._reader.readline()
        if not line.endswith(b"\n"):  # not a damaged line, which is skipped: what follows it would be misread
            raise OSError(errno.EIO, "the journal lacks events that were written to it")
        return from_line(line), start + len(line)

    def skip(self) -> None:
        """Go past the next line unread."""
        start = self.position
        with self._guard:
            self._reader.seek(start)
            length = len(self._reader.readline())
        self.acknowledge(start + length)

    def acknowledge(self, position: int) -> None:
        """Note that everything before `position` has reached the sink. One small write: a kill cannot tear it."""
        os.pwrite(self._acknowledged, f"{position:0{DIGITS}d}".encode(), 0)
        self.position = position

    def refuse(self, event: Event, reason: str) -> None:
        """Keep an event that can never be replayed, with the reason, for a person to read."""
        with open(self.folder / "refused.jsonl", "a") as file:
            file.write(json.dumps({"reason": reason, "event": json.loads(to_line(event))}) + "\n")

    def close(self) -> None:
        self._events.close()
        self._reader.close()
        os.close(self._acknowledged)
        self._lock.release()

    def _cut(self) -> None:
        """Cut what is left of a line that could not be written whole."""
        if os.fstat(self._events.fileno()).st_size > self._end:
            os.ftruncate(self._events.fileno(), self._end)

    def _read_position(self) -> int:
        """The byte up to which events were acknowledged, as the file has it."""
        text = os.pread(self._acknowledged, DIGITS, 0)
        return min(int(text), self._end) if len(text) == DIGITS and text.isdigit() else 0

    def _drop_torn_line(self) -> int:
        """Cut a last line without its end (its caller never got an answer); returns the journal's length."""
        size = self._events.seek(0, os.SEEK_END)
        kept, block = size, 1 << 16
        while kept > 0:
            start = max(0, kept - block)
            self._events.seek(start)
            cut = self._events.read(kept - start).rfind(b"\n")
            if cut >= 0:
                kept = start + cut + 1
                break
            kept = start
        if kept < size:
            self._events.truncate(kept)
        return kept
