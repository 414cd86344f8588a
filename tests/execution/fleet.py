"""Helpers of the broker's suites: steps, a store to commit them to, and a fleet that trains nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from atlas.execution.broker import Broker
from atlas.execution.job import Lease
from atlas.learners import Schedule, TwoStage
from atlas.steps.step import Step, StepInputs, walk
from atlas.storage.step_result import StepResult
from atlas.storage.store import Store

STEP_INPUTS = StepInputs(backbone="b", data={name: name for name in "abc"})
LEARNER = TwoStage(experience=None, expansion=Schedule(steps=1))
FIRST, SECOND, THIRD = (stages[-1] for stages in walk(("a", "b", "c"), LEARNER, 0, STEP_INPUTS))
OTHER = walk(("c",), LEARNER, 0, STEP_INPUTS)[0][-1]
SIBLING = walk(("a", "c"), LEARNER, 0, STEP_INPUTS)[-1][-1]


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
        await asyncio.to_thread(int)


async def take(broker: Broker, fleet: str = "f") -> Lease:
    """The next lease; there has to be one."""
    await settle()
    lease = await broker.lease(fleet, 0.0)
    assert isinstance(lease, Lease)
    return lease


async def work_off(broker: Broker, uri: str) -> list[Step]:
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
    """Run it on a loop whose threads are one, so that `settle` can wait for all that was begun before."""

    async def alone() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(1))
        await asyncio.wait_for(work, 20)

    asyncio.run(alone())
