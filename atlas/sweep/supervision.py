"""Supervision of a running sweep: one look at broker and fleets after another, and what is done about what is seen."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

from atlas.execution.fleets import FleetsState
from atlas.execution.status import UNFINISHED, BrokerStatus
from atlas.runtime.error_log import ErrorLog, ErrorRow
from atlas.runtime.redact import redacted
from atlas.runtime.text import duration, first_line

UPLOAD_SECONDS = 30.0  # as much of the journal is lost where this machine is
FAILING_SECONDS = 60.0  # errors for so long end the sweep
SILENT_SECONDS = 1800.0  # so does a broker that does not answer: a store may be away for as long

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A sweep at one moment.

    `at`: when the broker's status was taken, on the supervision's clock. `prefetched`: whether the broker had the steps
    that are known beforehand by then. `notes`: what is out of order, a line each. `failure`: why the supervisor has
    given the sweep up, `stopped`: why it ends before its trials do, as its budget says; empty while they are not.
    """

    number: int = 0
    at: float = field(default_factory=time.monotonic)
    broker: BrokerStatus = field(default_factory=BrokerStatus)
    fleets: FleetsState = field(default_factory=FleetsState)
    prefetched: bool = False
    notes: tuple[str, ...] = ()
    failure: str = ""
    stopped: str = ""

    @property
    def is_ending(self) -> bool:
        """Whether the search is to end before its trials do."""
        return bool(self.failure or self.stopped)

    @property
    def is_idle(self) -> bool:
        """Whether every step that is known is trained or has failed."""
        return self.prefetched and not self.broker.count(*UNFINISHED)


@dataclass(frozen=True)
class Steering:
    """The decision about a sweep at one look: `notes` to show, and why it ends now (`stopped`, else empty)."""

    notes: tuple[str, ...] = ()
    stopped: str = ""


def no_steering(status: BrokerStatus) -> Steering:
    """None: the sweep takes all its trials."""
    return Steering()


class SupervisedBroker(Protocol):
    """A broker as the supervisor calls it."""

    def status(self) -> BrokerStatus:
        """Its status. Raises TimeoutError where it does not answer."""

    def give_up(self, reason: str) -> None:
        """Fail every unfinished step, without waiting."""


class SupervisedFleets(Protocol):
    """Fleets as the supervisor calls them."""

    def start_if_needed(self, status: BrokerStatus) -> None:
        """Start them once a step is queued."""

    @property
    def state(self) -> FleetsState:
        """Their state now."""


@dataclass
class Supervision:
    """Starts fleets once steps wait, prefetches again at a restarted broker, has the folder uploaded, gives up.

    An error of a look is logged, and the next look tries again; one that stays calls `end_search` at each look.
    `prefetch` queues the steps that are known at a broker that has started since, and returns whether that was
    necessary; `upload` begins to upload the sweep's folder, without waiting; `clock` gives seconds. `steer` keeps the
    sweep's budget, and what else people want of it while it runs: an error of it is a note, and the sweep goes on,
    unless the broker has no terms yet, without which it leases nothing.
    """

    broker: SupervisedBroker
    fleets: SupervisedFleets
    prefetch: Callable[[BrokerStatus], bool]
    upload: Callable[[], None]
    end_search: Callable[[], None]
    clock: Callable[[], float] = time.monotonic
    steer: Callable[[BrokerStatus], Steering] = no_steering
    newest: Snapshot = field(default_factory=Snapshot)
    _steering: ErrorRow = field(default_factory=lambda: ErrorRow("steering the sweep"))
    _trouble: tuple[bool, float] | None = None  # whether it is silence, and since when

    def __post_init__(self) -> None:
        self._uploaded = self.clock()

    def look(self) -> Snapshot:
        """Look once, and do what is due. It does not raise: without it no fleet starts."""
        try:
            found = self._found()
            self._trouble = None
        except Exception as error:
            found = self._troubled(error)
        return self._ended_if_due(found)

    def give_up(self, reason: str) -> Snapshot:
        """Give the sweep up without a further look."""
        log.error("the sweep is given up: %s", reason)
        return self._ended_if_due(replace(self.newest, failure=self.newest.failure or reason))

    def _ended_if_due(self, found: Snapshot) -> Snapshot:
        """The newest snapshot, after the search was told to end where that says so."""
        self.newest = replace(found, number=self.newest.number + 1)
        if self.newest.is_ending:
            with ErrorLog().noted("ending the search"):
                self.end_search()
        return self.newest

    def _found(self) -> Snapshot:
        at, status = self.clock(), self.broker.status()
        asked_again = self.prefetch(status)
        self.fleets.start_if_needed(status)
        fleets = self.fleets.state
        if fleets.all_ended:
            self.broker.give_up(f"no fleet is left: {'; '.join(fleets.failures) or 'all ended'}")
        self._upload_when_due()
        steering = self._steered(status)
        return Snapshot(
            at=at,
            broker=status,
            fleets=fleets,
            prefetched=not asked_again,
            notes=(*steering.notes, *_losses(fleets), *_failures(status)),
            failure=self.newest.failure,
            stopped=self.newest.stopped or steering.stopped,
        )

    def _steered(self, status: BrokerStatus) -> Steering:
        """The decision about the sweep, or a note of why there is none."""
        with self._steering.noted():
            return self.steer(status)
        if self._steering.error is not None and status.allowance is None:
            raise self._steering.error
        return Steering(notes=self._steering.notes)

    def _troubled(self, error: Exception) -> Snapshot:
        """Log the first of a row of errors, and give the sweep up where the row has lasted too long."""
        now, line, silent = self.clock(), redacted(first_line(error)), isinstance(error, TimeoutError)
        note = f"the broker does not answer: {line}" if silent else f"supervising the sweep fails: {line}"
        if self._trouble is None or self._trouble[0] != silent:
            self._trouble = silent, now
            log.error("%s; trying again", note, exc_info=None if silent else error)
        failure, lasted = self.newest.failure, now - self._trouble[1]
        if not failure and lasted >= (SILENT_SECONDS if silent else FAILING_SECONDS):
            failure = f"{note}, for {duration(lasted)}"
            log.error("the sweep is given up: %s", failure)
        return replace(self.newest, notes=(*_losses(self.newest.fleets), note), failure=failure)

    def _upload_when_due(self) -> None:
        """Have the sweep's folder uploaded, so that another machine could resume it."""
        if (now := self.clock()) > self._uploaded + UPLOAD_SECONDS:
            self._uploaded = now
            self.upload()


def _losses(fleets: FleetsState) -> tuple[str, ...]:
    return (f"fleets lost so far: {len(fleets.failures)}, the last: {fleets.failures[-1]}",) if fleets.failures else ()


def _failures(status: BrokerStatus) -> tuple[str, ...]:
    return tuple(f"tried again after a failure: {redacted(trouble)}" for trouble in status.troubles)
