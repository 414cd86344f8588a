"""The fleets of a running sweep: started once a step waits, watched, started again where lost, ended with the sweep."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from atlas.cluster.placement_groups import free_orphaned_groups
from atlas.execution.sizing import FleetSize
from atlas.execution.worker import FleetSetup, run_fleet
from atlas.runtime.text import first_line
from atlas.storage.filesystem import StoragePath

IDLE_LOSSES = 3  # a fleet is given up once it was lost so often with nothing learnt in between


@dataclass
class Fleets:
    """One thread a fleet, each with a `TorchTrainer`. `failures` says why a fleet ended early.

    A fleet that is lost (its controller killed, its workers more often than Ray Train restarts them) is started again,
    as long as the sweep gets on: `learnt` gives the number of steps learnt so far.
    """

    setup: FleetSetup
    size: FleetSize
    storage: StoragePath
    label: str
    learnt: Callable[[], int]
    failures: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)
    _closing: threading.Event = field(default_factory=threading.Event)

    def start(self) -> None:
        """Start all fleets, unless they run."""
        if self._threads:
            return
        for number in range(self.size.fleets):
            name = f"{self.label}-fleet-{number}"
            thread = threading.Thread(target=self._run, args=(name,), daemon=True, name=name)
            self._threads.append(thread)
            thread.start()

    def start_if_needed(self, status: dict[str, Any]) -> None:
        """Start the fleets once the broker's status shows a step that waits."""
        if status.get("states", {}).get("queued"):
            self.start()

    @property
    def started(self) -> bool:
        """Whether fleets were started."""
        return bool(self._threads)

    @property
    def all_ended(self) -> bool:
        """Whether fleets were started and none is left."""
        return bool(self._threads) and not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Start no fleet again: the sweep ends."""
        self._closing.set()

    def join(self, timeout: float) -> None:
        """Wait for the fleets to end after the broker has closed, no longer than `timeout` seconds for all of them."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> None:
        """One fleet's thread: it must not raise, and the sweep must hear of whatever ended the fleet."""
        losses, learnt = 0, -1
        while losses < IDLE_LOSSES:
            try:
                return run_fleet(name, self.setup, self.size, self.storage)
            except Exception as error:
                if self._closing.is_set():
                    return None
                self.failures.append(f"{name}: {first_line(error)}")
            before, learnt = learnt, self.learnt()
            losses = losses + 1 if learnt == before else 1
            free_orphaned_groups()
        return None
