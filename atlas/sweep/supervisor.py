"""The supervisor of a running sweep: the one loop that keeps broker and fleets going, apart from all that is shown."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Protocol

from atlas.execution.fleets import FleetsState
from atlas.execution.status import UNFINISHED, BrokerStatus
from atlas.runtime.error_log import ErrorLog
from atlas.runtime.redact import redacted
from atlas.runtime.text import duration, first_line

TICK_SECONDS = 0.25
UPLOAD_SECONDS = 30.0  # as much of the journal is lost where this machine is
FAILING_SECONDS = 60.0  # errors for so long end the sweep
SILENT_SECONDS = 1800.0  # so does a broker that does not answer: a store may be away for as long
JOIN_SECONDS = 30.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Snapshot:
    """A sweep at one moment.

    `at`: when the broker's status was taken, on the monotonic clock. `prefetched`: whether the broker had the steps
    that are known beforehand by then. `notes`: what is out of order, a line each. `failure`: why the supervisor has
    given the sweep up, empty while it has not.
    """

    number: int = 0
    at: float = field(default_factory=time.monotonic)
    broker: BrokerStatus = field(default_factory=BrokerStatus)
    fleets: FleetsState = field(default_factory=FleetsState)
    prefetched: bool = False
    notes: tuple[str, ...] = ()
    failure: str = ""

    @property
    def is_idle(self) -> bool:
        """Whether every step that is known is trained or has failed."""
        return self.prefetched and not self.broker.count(*UNFINISHED)


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
class Supervisor:
    """Starts fleets once steps wait, prefetches again at a restarted broker, uploads the sweep's folder, gives up.

    A context manager with a thread of its own, which publishes a snapshot at each tick. An error of a tick is logged
    and the next tick tries again; one that stays calls `end_search` until the context ends. `prefetch` queues the
    steps that are known at a broker that has started since, and returns whether that was necessary.
    """

    broker: SupervisedBroker
    fleets: SupervisedFleets
    prefetch: Callable[[BrokerStatus], bool]
    upload: Callable[[], None]
    end_search: Callable[[], None]
    _newest: Snapshot = field(default_factory=Snapshot)
    _changed: threading.Condition = field(default_factory=threading.Condition)
    _wake: threading.Event = field(default_factory=threading.Event)
    _closing: bool = False
    _trouble: tuple[bool, float] | None = None  # whether it is silence, and since when
    _upload: Future[None] | None = None
    _uploaded: float = field(default_factory=time.monotonic)

    def __enter__(self) -> Supervisor:
        self._uploads = ThreadPoolExecutor(1, thread_name_prefix="upload")
        self._thread = threading.Thread(target=self._run, daemon=True, name="supervisor")
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._closing = True
        self._wake.set()
        self._thread.join(JOIN_SECONDS)
        self._uploads.shutdown()

    @property
    def snapshot(self) -> Snapshot:
        """The newest snapshot."""
        return self._newest

    def wait_for(self, condition: Callable[[Snapshot], bool]) -> None:
        """Wait for a snapshot, taken from now on, that fulfils the condition; returns, too, once there is a failure."""
        with self._changed:
            seen = self._newest.number
            self._wake.set()
            self._changed.wait_for(
                lambda: bool(self._newest.failure) or (self._newest.number > seen and condition(self._newest))
            )

    def _run(self) -> None:
        while not self._closing:
            try:
                self._tick()
                self._trouble = None
            except Exception as error:  # the loop must survive anything: without it no fleet starts
                self._note(error)
            if self._newest.failure:
                with ErrorLog().noted("ending the search"):
                    self.end_search()
            self._wake.wait(TICK_SECONDS)
            self._wake.clear()

    def _tick(self) -> None:
        at, status = time.monotonic(), self.broker.status()
        asked_again = self.prefetch(status)
        self.fleets.start_if_needed(status)
        fleets = self.fleets.state
        if fleets.all_ended:
            self.broker.give_up(f"no fleet is left: {'; '.join(fleets.failures) or 'all ended'}")
        self._publish(
            Snapshot(
                at=at,
                broker=status,
                fleets=fleets,
                prefetched=not asked_again,
                notes=_losses(fleets),
                failure=self._newest.failure,
            )
        )
        self._upload_when_due()

    def _note(self, error: Exception) -> None:
        """Log the first of a row of errors, and give the sweep up where the row has lasted too long."""
        now, line, silent = time.monotonic(), redacted(first_line(error)), isinstance(error, TimeoutError)
        note = f"the broker does not answer: {line}" if silent else f"supervising the sweep fails: {line}"
        if self._trouble is None or self._trouble[0] != silent:
            self._trouble = silent, now
            log.error("%s; trying again", note, exc_info=None if silent else error)
        failure, lasted = self._newest.failure, now - self._trouble[1]
        if not failure and lasted >= (SILENT_SECONDS if silent else FAILING_SECONDS):
            failure = f"{note}, for {duration(lasted)}"
            log.error("the sweep is given up: %s", failure)
        self._publish(replace(self._newest, notes=(*_losses(self._newest.fleets), note), failure=failure))

    def _publish(self, snapshot: Snapshot) -> None:
        with self._changed:
            self._newest = replace(snapshot, number=self._newest.number + 1)
            self._changed.notify_all()

    def _upload_when_due(self) -> None:
        """Upload the sweep's folder, so that another machine could resume it, while the loop goes on."""
        idle = self._upload is None or self._upload.done()
        if idle and time.monotonic() > self._uploaded + UPLOAD_SECONDS:
            self._uploaded = time.monotonic()
            self._upload = self._uploads.submit(self._upload_once)

    def _upload_once(self) -> None:
        with ErrorLog().noted("uploading the sweep's folder, which is tried again"):
            self.upload()


def _losses(fleets: FleetsState) -> tuple[str, ...]:
    return (f"fleets lost so far: {len(fleets.failures)}, the last: {fleets.failures[-1]}",) if fleets.failures else ()
