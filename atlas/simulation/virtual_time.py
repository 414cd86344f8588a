"""Virtual time: an asyncio loop whose clock jumps to the next timer instead of waiting for it."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
RESOLUTION = 1e-6  # seconds


class Stuck(RuntimeError):
    """Every coroutine waits and no timer is left: on a real clock this would wait for ever."""


class _JumpingSelector(selectors.SelectSelector):
    """A selector that never waits: where nothing is ready, `now` (seconds) jumps ahead by the time to be waited."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready and timeout is None:
            raise Stuck("every coroutine waits and no timer is left")
        if not ready and timeout:
            self.now += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, from 0 s. Its coroutines must not wait for threads, files or sockets."""

    def __init__(self) -> None:
        self._selector_in_time = _JumpingSelector()
        super().__init__(self._selector_in_time)
        self._clock_resolution = RESOLUTION  # the system clock's is below the spacing of floats after a few months

    def time(self) -> float:
        """The virtual time in seconds."""
        return self._selector_in_time.now


def run_virtually(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time, then cancel all tasks that it left.

    Raises:
        Stuck: it would wait for ever.
    """
    loop = VirtualLoop()
    try:
        return loop.run_until_complete(work)
    finally:
        _cancel_all(loop)
        loop.close()


def _cancel_all(loop: asyncio.AbstractEventLoop) -> None:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
