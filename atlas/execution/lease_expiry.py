"""The expiry of leases: a heap of the times at which leases must be looked at."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from atlas.execution.job import Job


@dataclass
class LeaseExpiry:
    """At most one time a job. A renewal changes nothing here: the job's lease is looked at when its time has come."""

    _heap: list[tuple[float, int, Job]] = field(default_factory=list)
    _times: dict[Job, float] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    @property
    def next_time(self) -> float | None:
        """The earliest time; None where no lease is watched."""
        while self._heap and self._is_outdated(self._heap[0]):
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def watch(self, job: Job, time: float) -> None:
        """Have the job's lease looked at after `time`, unless that happens earlier anyway."""
        if time < self._times.get(job, float("inf")):
            self._times[job] = time
            heapq.heappush(self._heap, (time, next(self._numbers), job))

    def discard(self, job: Job) -> None:
        """Watch the job's lease no longer."""
        self._times.pop(job, None)

    def pop_due(self, now: float) -> list[Job]:
        """Remove and return the jobs whose time is before `now`."""
        due: list[Job] = []
        while (time := self.next_time) is not None and time < now:
            job = heapq.heappop(self._heap)[2]
            del self._times[job]
            due.append(job)
        return due

    def _is_outdated(self, entry: tuple[float, int, Job]) -> bool:
        return self._times.get(entry[2]) != entry[0]
