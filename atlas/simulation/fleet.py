"""Simulated fleets: they lease steps of the real broker, take as long as the landscape says, and commit its results."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from atlas.execution.fleet_client import LEASE_WAIT, RENEW_SECONDS
from atlas.execution.messages import Grant
from atlas.execution.step_registry import StepRegistry
from atlas.runtime.errors import AtlasError
from atlas.simulation.broker_handle import BrokerHandle
from atlas.simulation.landscape import Landscape
from atlas.simulation.memory_store import MemoryStore
from atlas.steps.step import Step


class Stopped(Exception):
    """The fleet's workers died."""


@dataclass(frozen=True)
class Stop:
    """The virtual time at which a fleet's workers die, and how many come back: another number is a resize, 0 a loss."""

    at: float
    workers: int = 1


@dataclass
class SimulatedFleet:
    """One fleet, whose workers begin after `startup` virtual seconds.

    `stops` are the times, ascending, at which they die; `restart` seconds later they are back, as many as the stop
    says. Between the times of a silence they renew no lease, so that they are presumed lost and their results come
    late. `busy` is how long they have trained steps that were committed, `in_vain` how long others. `steps` are those
    that were described to it; fleets of one process may share them.
    """

    name: str
    broker: BrokerHandle
    store: MemoryStore
    landscape: Landscape
    startup: float = 0.0
    stops: Sequence[Stop] = ()
    silences: Sequence[tuple[float, float]] = ()
    restart: float = 10.0
    workers: int = 1
    busy: float = 0.0
    in_vain: float = 0.0
    steps: StepRegistry = field(default_factory=StepRegistry)

    async def run(self) -> None:
        """Train steps until the broker closes, or the fleet is lost for good."""
        await asyncio.sleep(self.startup)
        while True:
            try:
                return await self._live()
            except Stopped:
                if not self.workers:
                    return None
                await asyncio.sleep(self.restart)

    async def _live(self) -> None:
        await self.broker.call(lambda broker: broker.hello(self.name, self.workers))
        while (grant := await self.broker.call(lambda broker: broker.lease(self.name, LEASE_WAIT))) != "close":
            if isinstance(grant, Grant):
                await self._train(await self._step_of(grant), grant.scope)
            self._die_if_due()

    async def _step_of(self, grant: Grant) -> Step:
        self.steps.add(grant.nodes)
        if grant.key not in self.steps:
            self.steps.add(await self.broker.call(lambda broker: broker.nodes(grant.key)))
        return self.steps[grant.key]

    async def _train(self, step: Step, scope: str) -> None:
        began = _now()
        try:
            result = self.landscape.result(step)
            await self._spend(result.cost.seconds, step, scope)
        except Stopped:
            self.in_vain += _now() - began
            raise
        except AtlasError as error:
            reason = str(error)
            await self.broker.tell([step], lambda broker: broker.failed(step.key, scope, reason, final=True))
            return
        self.store.commit((scope, step.key), result)
        self.busy += _now() - began
        await self.broker.tell([step], lambda broker: broker.done(step.key, scope, result.cost.seconds))

    async def _spend(self, seconds: float, step: Step, scope: str) -> None:
        """Pass the time of a step, with a renewal every `RENEW_SECONDS`. Raises Stopped where the fleet dies meanwhile.

        A fleet that cannot reach its broker goes on with its step, as a real one does.
        """
        end = _now() + seconds
        while (left := end - _now()) > 0:
            await asyncio.sleep(max(0.0, min(RENEW_SECONDS, left, *(stop.at - _now() for stop in self.stops[:1]))))
            self._die_if_due()
            await self._renew(step, scope, progress=1 - max(0.0, end - _now()) / seconds)

    async def _renew(self, step: Step, scope: str, *, progress: float) -> None:
        if any(begin <= _now() < end for begin, end in self.silences):
            return
        await self.broker.tell([step], lambda broker: broker.renew(self.name, step.key, scope, progress))

    def _die_if_due(self) -> None:
        if self.stops and _now() >= self.stops[0].at:
            self.workers, self.stops = self.stops[0].workers, self.stops[1:]
            raise Stopped


def _now() -> float:
    return asyncio.get_running_loop().time()
