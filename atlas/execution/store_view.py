"""The broker's view of the store: finished steps, this sweep's leases, and those of other sweeps."""

from __future__ import annotations

import asyncio
import logging
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Collection
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import Protocol, TypeVar

from atlas.execution.job import JobKey
from atlas.execution.ordered_calls import OrderedCalls
from atlas.runtime.retry import retry_while_away
from atlas.storage.filesystem import relative
from atlas.storage.leases import HEARTBEAT_SECONDS, StepLeases
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

LOOK_SECONDS = 1.0
THREADS = 16  # that wait for the store: for its results as many, for its leases as many
RECENT = 4096  # results that are kept in memory

T = TypeVar("T")

log = logging.getLogger(__name__)


class StoreView(Protocol):
    """Finished steps and leases, as the broker needs them. Whatever waits for the store is a coroutine."""

    async def look_up(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The results of those of the steps that are finished, from the store. Raises StorageUnavailable."""

    async def results(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The same, of steps that were looked up before: maybe from memory."""

    async def acquire(self, job_key: JobKey) -> bool:
        """Acquire the lease of a step; False where another sweep holds it."""

    def force_acquire(self, job_key: JobKey) -> None:
        """Acquire the lease even where another sweep holds it, since the step is being trained here already."""

    def release(self, job_key: JobKey) -> None:
        """Release the lease of a step, if this sweep holds it. It is done after what was asked before of that lease."""

    async def wait_for_other(self, job_key: JobKey) -> bool:
        """Whether a step is finished, once the sweep that holds its lease has trained it or its lease has ended."""

    async def close(self) -> None:
        """Release all leases, and wait until they are."""


@dataclass
class SharedStore:
    """The store at `uri`, with all its scopes, as a `StoreView`; `owner` identifies this sweep in its leases.

    Threads wait for the store, by default its own. A task of the running event loop keeps the leases alive.
    """

    uri: str
    owner: str = field(default_factory=lambda: uuid.uuid4().hex)
    threads: Executor | None = None
    _recent: OrderedDict[JobKey, StepResult] = field(default_factory=OrderedDict)
    _leases: dict[str, StepLeases] = field(default_factory=dict)
    _held: set[JobKey] = field(default_factory=set)
    _heartbeats: asyncio.Task[None] | None = None

    async def look_up(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The results of those of the steps that are finished, from the store. Raises StorageUnavailable."""
        store = self._store(scope)
        found = await asyncio.get_running_loop().run_in_executor(self._readers, _results, store, keys)
        for key in keys:
            self._recent.pop((scope, key), None)
            if key in found:
                self._recent[scope, key] = found[key]
        while len(self._recent) > RECENT:
            self._recent.popitem(last=False)
        return found

    async def results(self, scope: str, keys: Collection[str]) -> dict[str, StepResult]:
        """The same, of steps that were looked up before: maybe from memory."""
        kept = {key: self._recent[scope, key] for key in keys if (scope, key) in self._recent}
        missing = [key for key in keys if key not in kept]
        return kept | (await self.look_up(scope, missing) if missing else {})

    async def acquire(self, job_key: JobKey) -> bool:
        """Acquire the lease of a step; False where another sweep holds it."""
        self._held.add(job_key)
        return await self._submit(job_key, lambda leases: leases.acquire(job_key[1]))

    def force_acquire(self, job_key: JobKey) -> None:
        """Acquire the lease even where another sweep holds it, since the step is being trained here already."""
        if job_key not in self._held:
            self._held.add(job_key)
            self._submit(job_key, lambda leases: leases.force_acquire(job_key[1]))

    def release(self, job_key: JobKey) -> None:
        """Release the lease of a step, if this sweep holds it. It is done after what was asked before of that lease."""
        if job_key in self._held:
            self._held.discard(job_key)
            self._submit(job_key, lambda leases: leases.release(job_key[1]))

    async def wait_for_other(self, job_key: JobKey) -> bool:
        """Whether a step is finished, once the sweep that holds its lease has trained it or its lease has ended."""
        scope, key = job_key
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if await self.look_up(scope, [key]):
                return True
            if await self._submit(job_key, lambda leases: leases.is_available(key)):
                return False

    async def close(self) -> None:
        """Release all leases, and wait until they are."""
        for job_key in tuple(self._held):
            self.release(job_key)
        await self._calls.wait()

    def _submit(self, job_key: JobKey, call: Callable[[StepLeases], T]) -> asyncio.Task[T]:
        """Call the leases of the step's scope in a thread, after what was asked before of that step."""
        if self._heartbeats is None:
            self._heartbeats = asyncio.get_running_loop().create_task(self._heartbeat())
        task = self._calls.submit(job_key, lambda: call(self._leases_of(job_key[0])))
        task.add_done_callback(partial(_log_failure, self.uri))
        return task

    async def _heartbeat(self) -> None:
        """Renew all leases every `HEARTBEAT_SECONDS`, whatever happens."""
        while True:
            await asyncio.sleep(HEARTBEAT_SECONDS)
            try:
                for job_key in tuple(self._held):
                    if not self._calls.is_busy(job_key):
                        self._submit(job_key, partial(StepLeases.heartbeat, key=job_key[1]))
            except Exception:
                log.exception("the leases in %s could not be renewed; trying again", self.uri)

    def _leases_of(self, scope: str) -> StepLeases:
        """The leases of a scope; in a thread, since those of others are read first."""
        with self._opening:
            if scope not in self._leases:
                self._leases[scope] = StepLeases(self._store(scope), self.owner)
            return self._leases[scope]

    def _store(self, scope: str) -> Store:
        return replace(self._whole, scope=relative(scope) if scope else "")

    @cached_property
    def _whole(self) -> Store:
        return Store.at(self.uri)

    @cached_property
    def _opening(self) -> threading.Lock:
        return threading.Lock()

    @cached_property
    def _readers(self) -> Executor:
        return self.threads or ThreadPoolExecutor(THREADS, thread_name_prefix="results")

    @cached_property
    def _calls(self) -> OrderedCalls:
        return OrderedCalls(self.threads or ThreadPoolExecutor(THREADS, thread_name_prefix="leases"))


def _results(store: Store, keys: Collection[str]) -> dict[str, StepResult]:
    """The results of the committed steps, from their markers.

    Of the other files only the sizes are compared, since nobody may load the last step of an order; their digests are
    verified where they are loaded.
    """
    once = replace(store, patient=False)

    def read() -> dict[str, StepResult]:
        artifacts = ((key, once.find(key)) for key in (once.has(keys) if len(keys) > 1 else keys))
        return {key: artifact.result for key, artifact in artifacts if artifact and once.sizes_match(artifact)}

    return retry_while_away(read, f"the store {store.uri}")


def _log_failure(uri: str, task: asyncio.Task[T]) -> None:
    """Log what went wrong with a lease; the step is trained without it."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("a lease in %s could not be changed: %s", uri, error)
