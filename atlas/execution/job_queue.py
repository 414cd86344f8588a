"""The queue of jobs that can be trained now, and the fleets that wait for one."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain

from atlas.execution.clock import Clock
from atlas.execution.job import Job


@dataclass
class JobQueue:
    """Jobs that can be trained. A queued job wakes the fleet that waits longest.

    The oldest is the first; while `few` are there at most, it is the one with the most `left`: the expected seconds of
    the longest chain of steps that begins with it, the critical path (Graham, 1969, SIAM J. Appl. Math. 17(2)).
    All operations take constant time where more than `few` are there.
    """

    clock: Clock
    left: Callable[[Job], float]
    few: int = 0
    _urgent: OrderedDict[Job, None] = field(default_factory=OrderedDict)
    _jobs: OrderedDict[Job, None] = field(default_factory=OrderedDict)
    _waiting: OrderedDict[asyncio.Future[None], None] = field(default_factory=OrderedDict)

    def push(self, job: Job, *, first: bool = False) -> None:
        """Add a job; `first` puts it before all others, until it leaves."""
        self.discard(job)
        if first:
            self._urgent[job] = None
            self._urgent.move_to_end(job, last=False)
        else:
            self._jobs[job] = None
        self._wake()

    @property
    def first(self) -> Job | None:
        """The first job; None where there is none."""
        if self._urgent or len(self._jobs) > self.few:
            return next(chain(self._urgent, self._jobs))
        return max(self._jobs, key=self.left, default=None)

    def discard(self, job: Job) -> None:
        """Remove a job, if it is queued."""
        self._urgent.pop(job, None)
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
