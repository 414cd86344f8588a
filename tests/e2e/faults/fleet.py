"""Actors of the tests of fleets: one serves the broker as a worker of Ray Train does, one as a fleet's controller.

They import what they need and no more: every test starts some.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import ray

from atlas.execution.broker_client import BrokerClient
from atlas.execution.fleet_client import FleetClient
from atlas.execution.job import Lease
from atlas.execution.worker import worker_loop
from atlas.learners.process_group import ProcessGroup
from atlas.storage.step_result import StepCost, StepResult
from atlas.storage.store import Store
from benchmarks.learning import BEGUN
from tests.execution.fleet import commit


class Fleet:
    """A fleet's process, whose clocks go wrong by `skew` seconds."""

    def __init__(self, skew: float = 0.0) -> None:
        clock, monotonic = time.time, time.monotonic
        time.time, time.monotonic = lambda: clock() + skew, lambda: monotonic() + skew

    def pid(self) -> int:
        return os.getpid()

    def serve_at_gate(self, broker: BrokerClient, name: str, store_uri: str, gate: Path) -> None:
        """Serve with steps that last until the gate is there."""

        def train(lease: Lease, on_update: Callable[[int, int], None]) -> StepResult:
            log_start(lease)
            while not gate.exists():
                threading.Event().wait(0.05)
                on_update(1, 2)
            commit(store_uri, lease.step, lease.scope)
            return StepResult(cost=StepCost(seconds=1.0))

        worker_loop(FleetClient(broker, name, ProcessGroup()), train)

    def serve_for_real(
        self, broker: BrokerClient, name: str, store_uri: str, backbone: str, prepared: dict[str, str]
    ) -> None:
        """Serve with steps that are learnt."""
        from atlas.steps.train import open_worker_context, train_step

        worker_context, store = open_worker_context(backbone, prepared, ProcessGroup()), Store.open(store_uri)

        def train(lease: Lease, on_update: Callable[[int, int], None]) -> StepResult:
            return train_step(lease.step, worker_context, store, on_update, on_start=lambda: log_start(lease))

        worker_loop(FleetClient(broker, name, ProcessGroup()), train)


def log_start(lease: Lease) -> None:
    """Write the line of a step that is begun, as a fleet's worker does."""
    print(f"{time.time():.3f} atlas {BEGUN} {lease.step.key}", flush=True)


class Maker:
    """An actor that reserves resources, as a fleet's controller does."""

    def reserve(self) -> None:
        self.group = ray.util.placement_group([{"CPU": 1}])
        ray.get(self.group.ready())

    def pid(self) -> int:
        return os.getpid()
