"""The store as a broker sees it: what is finished, what this sweep has in hand, what another one has."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from atlas.storage.leases import HEARTBEAT_SECONDS, StepLeases
from atlas.storage.store import Store

LOOK_SECONDS = 1.0

JobKey = tuple[str, str]  # scope in the store, key of the step


@dataclass
class StoreView:
    """The scopes of the store at `uri`; `owner` names the sweep to the others there. Claims are kept alive by a task of
    the running event loop.
    """

    uri: str
    owner: str
    _scopes: dict[str, StepLeases] = field(default_factory=dict)
    _beating: asyncio.Task[None] | None = None

    async def facts(self, job_key: JobKey) -> dict[str, Any] | None:
        """The facts of the step where it is finished; None where it is not, or its entry is damaged.

        Raises:
            AtlasError: the store has not answered for half an hour.
        """
        return await asyncio.to_thread(_facts, self._scope(job_key).store, job_key[1])

    def acquire(self, job_key: JobKey) -> bool:
        """Claim the step; False where another sweep has it in hand."""
        if not self._scope(job_key).acquire(job_key[1]):
            return False
        self.force_acquire(job_key)
        return True

    def force_acquire(self, job_key: JobKey) -> None:
        """Claim the step whoever has it, since it is being learnt here."""
        if self._beating is None:
            self._beating = asyncio.get_running_loop().create_task(self._heartbeat())
        self._scope(job_key).force_acquire(job_key[1])

    def release(self, job_key: JobKey) -> None:
        """The step is in hand here no longer."""
        self._scope(job_key).release(job_key[1])

    def is_available(self, job_key: JobKey) -> bool:
        """Whether no other sweep has the step in hand."""
        return self._scope(job_key).is_available(job_key[1])

    async def wait_for_other(self, job_key: JobKey) -> dict[str, Any] | None:
        """The step's facts, once the sweep that has it in hand has learnt it; None once that one lets it go."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if (facts := await self.facts(job_key)) is not None or self.is_available(job_key):
                return facts

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            for leases in tuple(self._scopes.values()):
                await asyncio.to_thread(leases.heartbeat)

    def _scope(self, job_key: JobKey) -> StepLeases:
        if job_key[0] not in self._scopes:
            self._scopes[job_key[0]] = StepLeases(Store.at(self.uri, scope=job_key[0]), self.owner)
        return self._scopes[job_key[0]]


def _facts(store: Store, key: str) -> dict[str, Any] | None:
    if not store.verify(key):
        return None
    entry = store.find(key)
    return None if entry is None else dict(entry.facts)
