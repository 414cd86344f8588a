"""The fleets of a running sweep: started once a step waits, watched, and ended with the sweep."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from atlas.place import Place
from atlas.train import FleetSetup, FleetSize, run_fleet


@dataclass
class Fleets:
    """One thread a fleet, each with a `TorchTrainer`. `failures` says why a fleet ended early."""

    setup: FleetSetup
    size: FleetSize
    storage: Place
    label: str
    failures: list[str] = field(default_factory=list)
    _threads: list[threading.Thread] = field(default_factory=list)

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

    def join(self, timeout: float) -> None:
        """Wait for the fleets to end after the broker has closed, no longer than `timeout` seconds for all of them."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> None:
        try:
            run_fleet(name, self.setup, self.size, self.storage)
        except Exception as error:  # whatever ends a fleet: the sweep must hear of it, the thread must not raise
            self.failures.append(f"{name}: {str(error).strip().splitlines()[0]}")
