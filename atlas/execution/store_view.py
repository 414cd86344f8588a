"""The broker's view of the store: finished steps, this sweep's leases, and those of other sweeps."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from atlas.storage.leases import HEARTBEAT_SECONDS, StepLeases
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

LOOK_SECONDS = 1.0

JobKey = tuple[str, str]  # scope in the store, key of the step


@dataclass
class StoreView:
    """The scopes of the store at `uri`; `owner` identifies this sweep in its leases.

    A task of the running event loop keeps the leases alive.
    """

    uri: str
    owner: str
    _scopes: dict[str, StepLeases] = field(default_factory=dict)
    _heartbeats: asyncio.Task[None] | None = None

    async def result(self, job_key: JobKey) -> StepResult | None:
        """The result of a finished step; None where it is not finished, or its artifact is damaged.

        Raises:
            StorageUnavailable: the store has not answered for half an hour.
        """
        return await asyncio.to_thread(_result, self._scope(job_key).store, job_key[1])

    def acquire(self, job_key: JobKey) -> bool:
        """Acquire the lease of a step; False where another sweep holds it."""
        if not self._scope(job_key).acquire(job_key[1]):
            return False
        self.force_acquire(job_key)
        return True

    def force_acquire(self, job_key: JobKey) -> None:
        """Acquire the lease even where another sweep holds it, since the step is being trained here already."""
        if self._heartbeats is None:
            self._heartbeats = asyncio.get_running_loop().create_task(self._heartbeat())
        self._scope(job_key).force_acquire(job_key[1])

    def release(self, job_key: JobKey) -> None:
        """Release the lease of a step, if this sweep holds it."""
        self._scope(job_key).release(job_key[1])

    def is_available(self, job_key: JobKey) -> bool:
        """Whether no other sweep holds the lease of the step."""
        return self._scope(job_key).is_available(job_key[1])

    async def wait_for_other(self, job_key: JobKey) -> StepResult | None:
        """The result of a step, once the sweep that holds its lease has trained it; None once its lease has ended."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (result := await self.result(job_key)) is not None or self.is_available(job_key):
                return result

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for leases in tuple(self._scopes.values()):
                await asyncio.to_thread(leases.heartbeat)

    def _scope(self, job_key: JobKey) -> StepLeases:
        if job_key[0] not in self._scopes:
            self._scopes[job_key[0]] = StepLeases(Store.at(self.uri, scope=job_key[0]), self.owner)
        return self._scopes[job_key[0]]


def _result(store: Store, key: str) -> StepResult | None:
    if not store.verify(key):
        return None
    artifact = store.find(key)
    return None if artifact is None else artifact.result
