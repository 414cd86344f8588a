"""Helpers of the broker's suites: steps, a store to commit them to, and a fleet that trains nothing."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from atlas.execution.broker import Broker
from atlas.execution.clock import Clock, SystemClock
from atlas.execution.job import Lease
from atlas.execution.messages import Grant, Unknown
from atlas.execution.scheduler import LEASE_SECONDS
from atlas.execution.step_registry import StepRegistry, nodes_of
from atlas.execution.store_view import SharedStore
from atlas.learners import Schedule, TwoStage
from atlas.steps.step import Step, StepInputs
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store
from tests.walks import walk

STEP_INPUTS = StepInputs(backbone="b", data={name: name for name in "abc"})
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
FIRST, SECOND, THIRD = (stages[-1] for stages in walk(("a", "b", "c"), LEARNER, 0, STEP_INPUTS))
OTHER = walk(("c",), LEARNER, 0, STEP_INPUTS)[0][-1]
SIBLING = walk(("a", "c"), LEARNER, 0, STEP_INPUTS)[-1][-1]
THREAD = ThreadPoolExecutor(1)  # the only one that waits for stores, so that `settle` can wait for it


class ManualClock(SystemClock):
    """A clock that is turned forward by hand; waiting takes real seconds."""

    now = 0.0

    def monotonic(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Brokerage:
    """A broker over the store at `uri`, called with steps, whose keys it passes on: as the clients do, without Ray."""

    def __init__(
        self,
        uri: str,
        owner: str | None = None,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.store = SharedStore(uri, owner or uuid.uuid4().hex, threads=THREAD)
        self.broker = Broker(self.store, lease_seconds, clock or SystemClock())
        self.status, self.close, self.give_up = self.broker.status, self.broker.close, self.broker.give_up
        self.hello, self.leaving = self.broker.hello, self.broker.leaving
        self._steps: dict[str, StepRegistry] = {}

    async def request(self, step: Step, scope: str = "") -> StepResult:
        (result,) = await self.request_all([step], scope)
        return result

    async def request_all(self, steps: Sequence[Step], scope: str = "") -> list[StepResult]:
        results: list[StepResult] = await self._call(self.broker.request, steps, [step.key for step in steps], scope)
        return results

    async def request_trainable(self, steps: Sequence[Step]) -> list[StepResult | None]:
        results: list[StepResult | None] = await self._call(
            self.broker.request_trainable, steps, [step.key for step in steps]
        )
        return results

    async def anticipate(self, steps: list[Step], scope: str = "") -> None:
        await self._call(self.broker.anticipate, steps, [step.key for step in steps], scope)

    async def lease(self, fleet: str, wait: float) -> Lease | Literal["close"] | None:
        answer = await self.broker.lease(fleet, wait)
        if not isinstance(answer, Grant):
            return answer
        steps = self._steps.setdefault(fleet, StepRegistry())
        steps.add(answer.nodes)
        return Lease(step=steps[answer.key], scope=answer.scope)

    async def renew(self, fleet: str, lease: Lease, progress: float) -> None:
        await self._call(self.broker.renew, [lease.step], fleet, lease.step.key, lease.scope, progress)

    async def done(self, lease: Lease, seconds: float) -> None:
        await self._call(self.broker.done, [lease.step], lease.step.key, lease.scope, seconds)

    async def failed(self, lease: Lease, reason: str, *, final: bool, own: bool = False) -> None:
        await self._call(self.broker.failed, [lease.step], lease.step.key, lease.scope, reason, final=final, own=own)

    async def _call(self, method: Callable[..., Any], steps: Sequence[Step], *given: Any, **named: Any) -> Any:
        while isinstance(answer := await method(*given, **named), Unknown):
            await self.broker.describe(list(nodes_of(steps)))
        return answer


def commit(uri: str, step: Step, scope: str = "") -> StepResult:
    result = StepResult(title=step.title, hooks={"scope": scope})
    folder = Path(uri).parent / "files"
    folder.mkdir(exist_ok=True)
    (folder / "head.json").write_text("{}")
    Store.open(uri, scope=scope).commit(step.key, folder, result)
    return result


async def settle() -> None:
    """Let everything run that can: on the loop, and on the one thread that the store is asked on."""
    for _ in range(20):
        await asyncio.get_running_loop().run_in_executor(THREAD, int)


async def take(broker: Brokerage, fleet: str = "f") -> Lease:
    """The next lease; there has to be one."""
    await settle()
    lease = await broker.lease(fleet, 0.0)
    assert isinstance(lease, Lease)
    return lease


async def work_off(broker: Brokerage, uri: str) -> list[Step]:
    """Lease and commit steps as a fleet until the queue is empty; return them in the order of their leases."""
    steps = []
    await settle()
    while isinstance(lease := await broker.lease("f", 0.0), Lease):
        commit(uri, lease.step, lease.scope)
        await broker.done(lease, 1.0)
        steps.append(lease.step)
        await settle()
    return steps


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run it on a loop of its own."""
    asyncio.run(asyncio.wait_for(work, 20))
