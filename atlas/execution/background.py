"""Tasks of an event loop that nobody awaits."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass, field

log = logging.getLogger(__name__)


@dataclass
class BackgroundTasks:
    """Coroutines run in the background. Tasks are kept until they end, since the loop holds only weak references."""

    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def run(self, work: Coroutine[None, None, None]) -> None:
        """Run a coroutine within the running loop; an error is logged, since nobody else hears of it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s ended by an error", task.get_coro(), exc_info=error)
