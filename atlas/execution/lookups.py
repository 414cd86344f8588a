"""Look-ups of jobs in the store, in batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from atlas.execution.background import BackgroundTasks
from atlas.execution.job import Job
from atlas.execution.store_view import StoreView
from atlas.runtime.errors import AccessDenied, StorageUnavailable

BATCH = 256
AT_ONCE = 4


@dataclass
class Lookups:
    """Jobs to be looked up, the oldest first: `AT_ONCE` batches at a time, each of at most `BATCH` jobs of a scope.

    `on_answer` gets each job and whether its result is in the store; `on_error` one that could not be looked up, or
    whose answer could not be taken: every job has one of them.
    """

    store: StoreView
    on_answer: Callable[[Job, bool], None]
    on_error: Callable[[Job, Exception], None]
    _jobs: deque[Job] = field(default_factory=deque)
    _background: BackgroundTasks = field(default_factory=BackgroundTasks)
    _working: int = 0

    def add(self, job: Job) -> None:
        """Look a job up, soon."""
        self._jobs.append(job)
        if self._working < AT_ONCE:
            self._working += 1
            self._background.run(self._work())

    async def _work(self) -> None:
        try:
            while self._jobs:
                await self._look_up(self._next_batch())
        finally:
            self._working -= 1

    def _next_batch(self) -> list[Job]:
        batch = [self._jobs.popleft()]
        while self._jobs and self._jobs[0].scope == batch[0].scope and len(batch) < BATCH:
            batch.append(self._jobs.popleft())
        return batch

    async def _look_up(self, jobs: Sequence[Job]) -> None:
        try:
            found = await self.store.look_up(jobs[0].scope, [job.step.key for job in jobs])
        except Exception as error:
            if len(jobs) > 1 and not isinstance(
                error, StorageUnavailable | AccessDenied
            ):  # one of them cannot be read: find out which
                for job in jobs:
                    await self._look_up([job])
                return
            for job in jobs:
                self.on_error(job, error)
        else:
            for job in jobs:
                self._answer(job, job.step.key in found)

    def _answer(self, job: Job, found: bool) -> None:
        try:
            self.on_answer(job, found)
        except Exception as error:  # whoever waits for the job, and for the others, would wait for ever
            self.on_error(job, error)
