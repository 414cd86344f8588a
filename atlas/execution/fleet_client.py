"""A fleet's side of the broker: rank 0 calls it, every rank gets the same lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, cast

from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_calls import FleetCall
from atlas.execution.job import Lease
from atlas.execution.messages import Grant, Order
from atlas.execution.status import Course
from atlas.execution.step_registry import StepRegistry
from atlas.runtime.errors import InfrastructureError

if TYPE_CHECKING:
    from atlas.learners.fit import OnUpdate
    from atlas.learners.process_group import ProcessGroup
    from atlas.steps.train import WorkerContext

LEASE_WAIT = 5.0
RENEW_SECONDS = 2.0

log = logging.getLogger(__name__)


@dataclass
class _Speedometer:
    """The progress of one step, as its updates tell. `first`: the number and the time of the first of them."""

    progress: float = 0.0
    course: Course = field(default_factory=Course)
    first: tuple[int, float] | None = None

    def on_update(self, update: int, updates: int, loss: float | None = None) -> None:
        """Take note of an update; the step may have been resumed from a checkpoint before it."""
        number, began = self.first = self.first or (update, time.monotonic())
        passed = time.monotonic() - began
        rate = (update - number) / passed if passed and update > number else None
        self.progress, self.course = update / updates, Course(loss=loss, updates_per_second=rate)


@dataclass
class FleetClient:
    """The broker, as the workers of one fleet see it. Every rank must make the same calls."""

    broker: BrokerClient
    fleet: str
    group: ProcessGroup
    _steps: StepRegistry = field(default_factory=StepRegistry)

    @property
    def is_first(self) -> bool:
        """Whether this is rank 0, which speaks for the fleet."""
        return self.group.rank == 0

    def hello(self) -> None:
        """Register the fleet, which has (re)started."""
        if self.is_first:
            self.broker.hello(self.fleet, self.group.size)

    def leaving(self) -> None:
        """Tell that a node of the fleet is being preempted."""
        if self.is_first:
            self.broker.leaving(self.fleet)

    def next_lease(self) -> Lease | FleetCall | Literal["close"] | None:
        """The next step or call, the same on every rank; None where there is none yet, "close" once the broker has."""
        grant = self._everywhere(self._lease() if self.is_first else None)
        if not isinstance(grant, Grant):
            return grant
        self._steps.add(grant.nodes)
        return Lease(step=self._steps[grant.key], scope=grant.scope)

    @contextmanager
    def renewing(self, lease: Lease) -> Iterator[OnUpdate]:
        """Renew the lease every `RENEW_SECONDS`, with the share of updates done, the loss and the speed."""
        speed = _Speedometer()
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(RENEW_SECONDS):
                try:
                    self.broker.renew(self.fleet, lease.step, lease.scope, speed.progress, speed.course)
                except Exception as error:  # whatever it is: the next call of the loop meets it, too
                    log.warning("the lease of %s could not be renewed: %s", lease.step.title, error)

        thread = threading.Thread(target=renew, daemon=True, name="renew-lease")
        if self.is_first:
            thread.start()
        try:
            yield speed.on_update
        finally:
            stop.set()
            if self.is_first:
                thread.join()

    def done(self, lease: Lease, seconds: float) -> None:
        """Tell that the step was committed, after `seconds`."""
        if self.is_first:
            self.broker.done(lease.step, lease.scope, seconds)

    def failed(self, lease: Lease, reason: str, *, final: bool, own: bool = False) -> None:
        """Tell that the step failed: a `final` failure is not retried, the same in a user's `own` code once."""
        if self.is_first:
            self.broker.failed(lease.step, lease.scope, reason, final=final, own=own)

    def answer(self, call: FleetCall, worker_context: WorkerContext | None) -> None:
        """Run a call on rank 0, alone, and send what it gives; its error is sent, and not raised."""
        if not self.is_first:
            return
        try:
            if worker_context is None:
                raise InfrastructureError("this fleet has no backbone loaded")
            answer = call.function(worker_context.alone())
        except Exception as error:
            self.broker.fail_call(call.number, f"{type(error).__name__}: {error}")
        else:
            self.broker.answer(call.number, answer)

    def _lease(self) -> Order:
        """The broker's answer, with all steps that this fleet lacks."""
        grant = self.broker.lease(self.fleet, LEASE_WAIT)
        if not isinstance(grant, Grant) or self._is_complete(grant):
            return grant
        return Grant(key=grant.key, scope=grant.scope, nodes=self.broker.nodes(grant.key))

    def _is_complete(self, grant: Grant) -> bool:
        sent = {node.key for node in grant.nodes}
        needed = {key for node in grant.nodes for key in node.builds_on} | {grant.key}
        return not self._steps.unknown(needed - sent)

    def _everywhere(self, grant: Order) -> Order:
        """Rank 0's grant, on every rank."""
        if self.group.size == 1:
            return grant
        from ray.train.collective import broadcast_from_rank_zero

        return cast(Order, broadcast_from_rank_zero(grant))
