"""End with a process what it has started, even where it is killed: run as a program, it waits for that.

A driver that is killed takes the core of its own Ray with it, but Ray's two agents first try for a minute to tell
somebody of it who has gone as well.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

import psutil


class Warden:
    """A small process that kills others once this one has ended, however it did."""

    def __init__(self, pids: set[int]) -> None:
        """Start it for the processes with these ids, if any; in a session of its own, which Ctrl-C does not reach."""
        self._process = _started(pids) if pids else None

    @property
    def pid(self) -> int | None:
        """Its process id; None where there is nothing to watch over."""
        return self._process.pid if self._process else None

    def close(self) -> None:
        """End the processes that are left of them, and the warden itself."""
        if self._process and self._process.stdin:
            self._process.stdin.close()
            self._process.wait()


def watched(start: Callable[[], object]) -> Warden:
    """Call `start`; gives the warden of the processes that it has started. Where it raises, they are ended."""
    before = _offspring()
    try:
        start()
        return Warden(_offspring() - before)
    except BaseException:  # an interrupt, too
        Warden(_offspring() - before).close()
        raise


def _started(pids: set[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-P", __file__, *map(str, sorted(pids))],  # -P: the modules beside this file are not meant
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def _offspring() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


def main(pids: list[int]) -> None:
    """Wait until the standard input closes, as it does when its other end is gone; then kill what is left of `pids`."""
    living = [process for process in psutil.process_iter() if process.pid in pids]
    sys.stdin.buffer.read()
    for process in living:
        try:
            process.kill()  # psutil looks first whether the id is another process's by now
        except psutil.NoSuchProcess:
            continue


if __name__ == "__main__":
    main([int(pid) for pid in sys.argv[1:]])
