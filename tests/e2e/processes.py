"""Processes of a sweep that a test waits for, and ends."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.processes import children, kill, living, marked, title_of
from tests.e2e.commands import WAIT, command, environment


def wait_for(what: Callable[[], Any], *, process: subprocess.Popen[str], seconds: float = WAIT) -> Any:
    """Wait until `what` gives a true value, and return it; fails once `process` has ended or the time is up."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := what():
            return found
        assert process.poll() is None, f"it ended early:\n{process.communicate()[0]}"
        time.sleep(0.1)
    raise AssertionError(f"nothing after {seconds} s")


def wait_slowly_for(what: Callable[[], Any], *, of: int, process: subprocess.Popen[str]) -> Any:
    """Wait as `wait_for` while the process `of` runs for half of the time only; it stands still afterwards.

    So it does not come to its end before `what`, and what follows, on any machine.
    """

    def look() -> Any:
        os.kill(of, signal.SIGCONT)
        time.sleep(0.1)
        os.kill(of, signal.SIGSTOP)
        return what()

    return wait_for(look, process=process)


def expect_nothing_left(mark: str, known: Iterable[int] = (), seconds: float = 60.0) -> None:
    """All processes that bear the mark or are `known` go within so many seconds; what does not is ended."""
    deadline = time.monotonic() + seconds
    while (left := {*marked(mark), *living(known)}) and time.monotonic() < deadline:
        time.sleep(0.1)
    titles = [title_of(pid) for pid in left]
    for pid in left:
        kill(pid)
    assert titles == []


def end(process: subprocess.Popen[str], how: int) -> None:
    """End a sweep's driver, and then whatever of its cluster outlives it."""
    below = children(process.pid)
    process.send_signal(how)
    process.wait(timeout=60)
    for pid in below:
        kill(pid)


@contextmanager
def sweeps_in_background() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """A function that starts a sweep; what is left of those sweeps after the block is ended, each by its own id."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: str, storage: Path, sweep: str = "task_order", **more: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command(*arguments, storage=storage, sweep=sweep),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(**more),
        )
        started.append(process)
        return process

    try:
        yield start
    finally:
        for process in started:
            if process.poll() is None:
                end(process, signal.SIGKILL)
