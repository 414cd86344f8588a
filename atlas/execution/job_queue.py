"""The queue of jobs that can be trained now, and the fleets that wait for one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field

from atlas.execution.clock import Clock
from atlas.execution.job import Job


@dataclass
class JobQueue:
    """Jobs, the oldest first; each operation takes constant time. A queued job wakes the fleet that waits longest."""

    clock: Clock
    _jobs: OrderedDict[Job, None] = field(default_factory=OrderedDict)
    _waiting: OrderedDict[asyncio.Future[None], None] = field(default_factory=OrderedDict)

    def push(self, job: Job, *, first: bool = False) -> None:
        """Append a job; `first` puts it before all others."""
        self._jobs[job] = None
        if first:
            self._jobs.move_to_end(job, last=False)
        self._wake()

    @property
    def first(self) -> Job | None:
        """The first job; None where there is none."""
        return next(iter(self._jobs), None)

    def pop(self) -> Job | None:
        """Remove and return the first job; None where there is none."""
        return self._jobs.popitem(last=False)[0] if self._jobs else None

    def discard(self, job: Job) -> None:
        """Remove a job, if it is queued."""
        self._jobs.pop(job, None)

    async def wait(self, seconds: float) -> None:
        """Wait until a job may be there, or all were woken; `seconds` at most."""
        bell = asyncio.get_running_loop().create_future()
        self._waiting[bell] = None
        try:
            await self.clock.wait(bell, seconds)
        except asyncio.CancelledError:
            if bell.done():  # woken for a job that it will not take
                self._wake()
            raise
        finally:
            self._waiting.pop(bell, None)

    def wake_all(self) -> None:
        """Wake everyone who waits."""
        while self._waiting:
            self._wake()

    def _wake(self) -> None:
        if self._waiting:
            self._waiting.popitem(last=False)[0].set_result(None)
