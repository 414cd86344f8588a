"""The fleets of a running sweep: started once a step is queued, restarted where lost, ended with the sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from atlas.cluster.placement_groups import free_orphaned_groups
from atlas.execution.sizing import FleetSize
from atlas.execution.status import BrokerStatus
from atlas.execution.worker import FleetSetup, run_fleet
from atlas.runtime.text import first_line
from atlas.storage.filesystem import StoragePath

IDLE_LOSSES = 3  # losses in a row, with no step trained in between, after which a fleet is given up


@dataclass
class Fleets:
    """One thread a fleet, each with a `TorchTrainer`. `failures` are the reasons of fleets that ended early.

    A lost fleet (its controller killed, or its workers more often than Ray Train restarts them) is restarted as long
    as the sweep makes progress: `trained` gives the number of steps trained so far.
    """

    setup: FleetSetup
    size: FleetSize
    storage: StoragePath
    label: str
    trained: Callable[[], int]
    failures: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start all fleets, unless they were started."""
        if self._threads:
            return
        for number in range(self.size.fleets):
            name = f"{self.label}-fleet-{number}"
            thread = threading.Thread(target=self._run, args=(name,), daemon=True, name=name)
            self._threads.append(thread)
            thread.start()

    def start_if_needed(self, status: BrokerStatus) -> None:
        """Start the fleets once a step is queued."""
        if status.count("queued"):
            self.start()

    @property
    def started(self) -> bool:
        """Whether fleets were started."""
        return bool(self._threads)

    @property
    def all_ended(self) -> bool:
        """Whether fleets were started and all have ended."""
        return bool(self._threads) and not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Restart no fleet from here on: the sweep ends."""
        self._closing.set()

    def join(self, timeout: float) -> None:
        """Wait for the fleets to end after the broker has closed, at most `timeout` seconds for all of them."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> None:
        """The thread of one fleet: it must not raise, and records the error of every loss."""
        losses, trained = 0, -1
        while losses < IDLE_LOSSES:
            try:
                return run_fleet(name, self.setup, self.size, self.storage)
            except Exception as error:
                if self._closing.is_set():
                    return None
                self.failures.append(f"{name}: {first_line(error)}")
            before, trained = trained, self.trained()
            losses = losses + 1 if trained == before else 1
            free_orphaned_groups()
        return None
