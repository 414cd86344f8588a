"""A simulated sweep as its supervision sees it: its broker, called at once, and its fleets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from atlas.execution.allowance import Allowance
from atlas.execution.fleets import FleetsState
from atlas.execution.messages import Unknown
from atlas.execution.status import BrokerStatus
from atlas.execution.step_registry import nodes_of
from atlas.simulation.broker_handle import BrokerHandle
from atlas.simulation.fleet import SimulatedFleet
from atlas.steps.step import Step


@dataclass(frozen=True)
class SupervisedHandle:
    """The broker, for `Supervision` and `Prefetch`: calls that wait for nothing. While it is silent they time out."""

    broker: BrokerHandle

    def status(self) -> BrokerStatus:
        """Its status. Raises TimeoutError."""
        return self.broker.at_once(lambda alive: alive.status())

    def allow(self, allowance: Allowance) -> None:
        """Have it lease steps on these terms. Raises TimeoutError."""
        self.broker.at_once(lambda alive: alive.allow(allowance))

    def give_up(self, reason: str) -> None:
        """Fail every unfinished step. Raises TimeoutError."""
        self.broker.at_once(lambda alive: alive.give_up(reason))

    def anticipate(self, steps: Sequence[Step]) -> None:
        """Queue steps before they are requested. Raises TimeoutError."""
        keys = [step.key for step in steps]
        if isinstance(self.broker.at_once(lambda alive: alive.anticipate(keys)), Unknown):
            self.broker.at_once(lambda alive: alive.describe(tuple(nodes_of(steps))))
            self.broker.at_once(lambda alive: alive.anticipate(keys))


@dataclass(frozen=True)
class SimulatedFleets:
    """The fleets of a simulated sweep, which begin once a step is queued."""

    fleets: Sequence[SimulatedFleet]
    _running: list[asyncio.Task[None]] = field(default_factory=list)

    def start_if_needed(self, status: BrokerStatus) -> None:
        """Start all of them, unless they were."""
        if status.count("queued") and not self._running:
            self._running.extend(asyncio.ensure_future(fleet.run()) for fleet in self.fleets)

    @property
    def state(self) -> FleetsState:
        """Their state now."""
        lost = tuple(f"{fleet.name}: lost for good" for fleet in self.fleets if not fleet.workers)
        living = sum(not fleet.done() for fleet in self._running)
        return FleetsState(started=bool(self._running), living=living, failures=lost)

    async def join(self) -> None:
        """Wait for them to end, after the broker has closed."""
        await asyncio.gather(*self._running)

    async def kill(self) -> None:
        """End them in the middle of whatever they do."""
        for fleet in self._running:
            fleet.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
