"""The fleets of a running sweep: started once a step is queued, restarted where lost, ended with the sweep."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from atlas.cluster.placement_groups import free_orphaned_groups
from atlas.execution.sizing import FleetSize
from atlas.execution.status import BrokerStatus
from atlas.execution.worker import FleetSetup, run_fleet
from atlas.runtime.redact import redacted
from atlas.runtime.text import first_line
from atlas.storage.filesystem import StoragePath

log = logging.getLogger(__name__)

IDLE_LOSSES = 3  # losses in a row, with no step trained in between, after which a fleet is given up


@dataclass(frozen=True, kw_only=True)
class FleetsState:
    """The fleets at one moment: whether they were started, how many have not ended, and the reason of each loss."""

    started: bool = False
    living: int = 0
    failures: tuple[str, ...] = ()

    @property
    def all_ended(self) -> bool:
        """Whether fleets were started and all have ended."""
        return self.started and not self.living


@dataclass
class Fleets:
    """One thread a fleet, each with a trainer of Ray Train. `failures` are the reasons of fleets that ended early.

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
    def state(self) -> FleetsState:
        """Their state now."""
        living = sum(thread.is_alive() for thread in self._threads)
        return FleetsState(started=bool(self._threads), living=living, failures=tuple(self.failures))

    def close(self) -> None:
        """Restart no fleet from here on: the sweep ends."""
        self._closing.set()

    def join(self, timeout: float) -> None:
        """Wait for the fleets to end after the broker has closed, at most `timeout` seconds for all of them."""
        deadline = time.monotonic() + timeout
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self, name: str) -> None:
        """The thread of one fleet. It does not raise: nobody would hear of it."""
        try:
            self._run_until_given_up(name)
        except BaseException as error:  # SystemExit, too, which Ray raises in threads that wait while it shuts down
            if not self._closing.is_set():
                log.exception("fleet %s ended", name)
                self.failures.append(_loss(name, error))

    def _run_until_given_up(self, name: str) -> None:
        losses, trained = 0, -1
        while losses < IDLE_LOSSES:
            try:
                return run_fleet(name, self.setup, self.size, self.storage)
            except Exception as error:
                if self._closing.is_set():
                    return None
                self.failures.append(_loss(name, error))
            before, trained = trained, self.trained()
            losses = losses + 1 if trained == before else 1
            _free_groups(name)
        return None


def _free_groups(name: str) -> None:
    """Free the resources of the lost fleet; where that fails it is started all the same, and waits for room."""
    try:
        free_orphaned_groups()
    except Exception as error:
        log.warning("the resources of the lost fleet %s could not be freed: %s", name, first_line(error))


def _loss(name: str, error: BaseException) -> str:
    return f"{name}: {redacted(first_line(error))}"
