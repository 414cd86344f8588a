"""Watchdog: kills a process's children when it dies, even by SIGKILL. Run as a program, it waits for that.

A driver that is killed takes the core of its own Ray with it, but Ray's two agents first try for a minute to tell
somebody of it who has gone as well.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
from collections.abc import Callable, Iterable

import psutil

LOOK_SECONDS = 0.1


class Watchdog:
    """A small process that kills the processes which this one starts from now on, once this one has ended."""

    def __init__(self) -> None:
        """Start it, in a session of its own, which Ctrl-C does not reach."""
        self._before = _offspring(os.getpid())
        pids = map(str, (os.getpid(), *self._before))
        self._process = subprocess.Popen(
            [sys.executable, "-P", __file__, *pids],  # -P: the modules beside this file are not meant
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def settle(self) -> None:
        """Fix the set of processes to kill; those started later are not among them."""
        if self._process.stdin:
            found = _offspring(os.getpid()) - self._before - {self.pid}
            self._process.stdin.write(" ".join(map(str, found)).encode() + b"\n")
            self._process.stdin.flush()

    def close(self) -> None:
        """Kill the processes that are left, and end the watchdog."""
        if self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


def watched(start: Callable[[], object]) -> Watchdog:
    """Call `start`; returns the watchdog of the processes that it started. Where it raises, they are killed."""
    watchdog = Watchdog()
    try:
        start()
        watchdog.settle()
    except BaseException:  # an interrupt, too
        watchdog.close()
        raise
    return watchdog


def main(driver: int, before: set[int]) -> None:
    """Note what `driver` starts, but for what it had `before`, until it tells what there is; kill what is left of that
    when the standard input closes, as it does when its other end is gone.
    """
    known: dict[int, psutil.Process] = {}
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        _note(known, _offspring(driver) - before)
    _note(known, _offspring(driver) - before)
    _note(known, map(int, sys.stdin.buffer.readline().split()))
    sys.stdin.buffer.read()
    for pid, process in known.items():
        if pid != os.getpid():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()  # psutil looks first whether the id is another process's by now


def _note(known: dict[int, psutil.Process], pids: Iterable[int]) -> None:
    for pid in pids:
        with contextlib.suppress(psutil.NoSuchProcess):
            known.setdefault(pid, psutil.Process(pid))


def _offspring(driver: int) -> set[int]:
    """The ids of the descendants of that process."""
    try:
        return {child.pid for child in psutil.Process(driver).children(recursive=True)}
    except psutil.NoSuchProcess:
        return set()


if __name__ == "__main__":
    main(int(sys.argv[1]), {int(pid) for pid in sys.argv[2:]})
