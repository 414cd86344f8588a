"""The processes of a sweep, found by what they are: for the soak and the tests that kill them, each by its own id."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path

# What a sweep's processes call themselves.
TITLES = {
    "worker": "ray::RayTrainWorker",
    "controller": "ray::TrainController",
    "trial": "ray::ImplicitFunc",
    "broker": "ray::Broker",
    "tracking actor": "ray::TrackingActor",
}


def children(pid: int) -> list[int]:
    """All processes below `pid`."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue  # it ended while we looked
        if parent == pid:
            found += [int(stat.parent.name), *children(int(stat.parent.name))]
    return found


def title_of(pid: int) -> str:
    """The title of a process, by its command line in /proc."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""


def called(what: str, mark: str) -> list[int]:
    """The processes of that kind (a name in `TITLES`) that bear the mark."""
    return sorted(pid for pid in marked(mark) if title_of(pid).startswith(TITLES[what]))


def marked(mark: str) -> list[int]:
    """All living processes whose environment holds `mark`: whatever a command started with it has started since."""
    return [pid for pid, environment in _environments() if mark.encode() in environment]


def living(pids: Iterable[int]) -> list[int]:
    """Those of them that have not ended. Ray's agents overwrite their environment, so `marked` does not find them."""
    return [pid for pid in pids if _state(pid) not in ("", "Z")]


def kill(pid: int, how: int = signal.SIGKILL) -> None:
    """Send a signal to a process that may have ended meanwhile."""
    try:
        os.kill(pid, how)
    except ProcessLookupError:
        return


def _state(pid: int) -> str:
    """A letter, Z for a zombie; nothing where the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _environments() -> Iterator[tuple[int, bytes]]:
    for file in Path("/proc").glob("[0-9]*/environ"):
        try:
            if _state(int(file.parent.name)) != "Z":
                yield int(file.parent.name), file.read_bytes()
        except OSError:
            continue  # it ended while we looked, or is another user's
