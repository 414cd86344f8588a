"""A store in memory: finished steps and leases, for several sweeps in one virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field

from atlas.execution.job import JobKey
from atlas.storage.step_result import StepResult

LOOK_SECONDS = 1.0
EXPIRY_SECONDS = 30.0


@dataclass
class MemoryStore:
    """Results and leases' owners by scope and key; every answer takes `latency` virtual seconds.

    `trained` counts the commits of each step: of two, one was in vain.
    """

    latency: float = 0.0
    results: dict[JobKey, StepResult] = field(default_factory=dict)
    trained: dict[JobKey, int] = field(default_factory=dict)
    owners: dict[JobKey, str] = field(default_factory=dict)

    def commit(self, job_key: JobKey, result: StepResult) -> None:
        """Store the result of a step; a second commit of the same step changes nothing but the count."""
        self.results.setdefault(job_key, result)
        self.trained[job_key] = self.trained.get(job_key, 0) + 1


@dataclass
class MemoryStoreView:
    """A sweep's view of a store in memory, as the broker needs it (`StoreView`).

    Leases of an owner that `lapse` was called for end after `EXPIRY_SECONDS`, as those of a killed sweep do.
    """

    store: MemoryStore
    owner: str

    async def look_up(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The results of those of the steps that are finished."""
        await self._delay()
        found = ((key, self.store.results.get((scope, key))) for key in keys)
        return {key: result for key, result in found if result is not None}

    async def results(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The same."""
        return await self.look_up(scope, keys)

    async def acquire(self, job_key: JobKey) -> bool:
        """Acquire the lease of a step; False where another sweep holds it."""
        await self._delay()
        return self.store.owners.setdefault(job_key, self.owner) == self.owner

    def force_acquire(self, job_key: JobKey) -> None:
        """Acquire the lease even where another sweep holds it."""
        self.store.owners[job_key] = self.owner

    def release(self, job_key: JobKey) -> None:
        """Release the lease of a step, if this sweep holds it."""
        if self.store.owners.get(job_key) == self.owner:
            del self.store.owners[job_key]

    async def wait_for_other(self, job_key: JobKey) -> bool:
        """Whether a step is finished, once the sweep that holds its lease has trained it or its lease has ended."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if job_key in self.store.results:
                return True
            if job_key not in self.store.owners:
                return False

    async def close(self) -> None:
        """Release all leases."""
        self._release_all()

    async def lapse(self) -> None:
        """The sweep was killed: its leases end once nobody has renewed them for `EXPIRY_SECONDS`."""
        await asyncio.sleep(EXPIRY_SECONDS)
        self._release_all()

    def _release_all(self) -> None:
        for job_key in [job_key for job_key, owner in self.store.owners.items() if owner == self.owner]:
            del self.store.owners[job_key]

    async def _delay(self) -> None:
        if self.store.latency:
            await asyncio.sleep(self.store.latency)
