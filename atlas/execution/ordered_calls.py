"""Blocking calls in threads: those of one key in order, those of different keys at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass
class OrderedCalls:
    """Calls to be made by the threads of `executor`; to be used within one event loop."""

    executor: Executor
    _last: dict[Hashable, asyncio.Task[Any]] = field(default_factory=dict)

    def submit(self, key: Hashable, call: Callable[[], T]) -> asyncio.Task[T]:
        """Make the call once all earlier ones of the same key have ended, whether or not the task is awaited."""
        task = asyncio.get_running_loop().create_task(self._after(self._last.get(key), call))
        self._last[key] = task
        task.add_done_callback(partial(self._ended, key))
        return task

    def is_busy(self, key: Hashable) -> bool:
        """Whether a call of this key has not ended."""
        return key in self._last

    async def wait(self) -> None:
        """Wait until all calls submitted so far have ended."""
        if self._last:
            await asyncio.wait(tuple(self._last.values()))

    async def _after(self, earlier: asyncio.Task[Any] | None, call: Callable[[], T]) -> T:
        if earlier is not None:
            await asyncio.wait([earlier])
        return await asyncio.get_running_loop().run_in_executor(self.executor, call)

    def _ended(self, key: Hashable, task: asyncio.Task[Any]) -> None:
        if self._last.get(key) is task:
            del self._last[key]
