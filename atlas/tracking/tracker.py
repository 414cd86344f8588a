"""The tracker: a journal on this machine, and a thread that replays it to a sink whenever the sink is there."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_full
from atlas.tracking.events import Event
from atlas.tracking.sink import Sink
from atlas.tracking.spool import Spool

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY = 0.5, 15.0
STALL_SECONDS = 5.0  # a flush without progress for so long asks whether the sink is reachable at all
CHECK_SECONDS = 2.0


class Tracker:
    """Records events: each is on the disk when `record` returns, and in the sink some time later, once.

    While the sink is away the journal grows; it is replayed on the sink's return. A tracker over the journal of one
    that was killed continues it. An event that the sink refuses for good is kept in `refused.jsonl` and named in
    `problems`; the others go on.
    """

    def __init__(self, sink: Sink, spool: Path) -> None:
        """Raises AtlasError where the journal cannot be written or another process holds it."""
        self._sink = sink
        self._shown = f"{sink.name} at {redacted(sink.address)}"
        self._spool = Spool(Path(spool))
        self._changed = threading.Condition()
        self._closing = self._hurry = self._failing = False
        self.problems: list[str] = []
        self._thread = threading.Thread(target=self._replay, name="atlas-tracker", daemon=True)
        self._thread.start()

    def record(self, event: Event) -> None:
        """Append the event to the journal; waits while the disk is full."""
        retry_while_full(lambda: self._spool.append(event), f"the disk of {self._spool.folder}")
        with self._changed:
            self._changed.notify_all()

    @property
    def is_open(self) -> bool:
        """Whether it has not been closed."""
        return not self._closing

    @property
    def pending(self) -> int:
        """Bytes of the journal that the sink does not have yet."""
        return self._spool.pending

    def flush(self, timeout: float = 60.0) -> bool:
        """Wait until the sink has everything; False where it has not after `timeout` seconds, or is away.

        Away is a sink that has failed and does not answer: one that only takes its time is waited for.
        """
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            before = self._spool.pending
            with self._changed:
                self._hurry = True
                self._changed.notify_all()
                if self._changed.wait_for(lambda: self._spool.pending == 0, min(left, STALL_SECONDS)):
                    return True
            if self._failing and self._spool.pending == before and not self._is_reachable():
                return False
        return self._spool.pending == 0

    def close(self, timeout: float = 60.0) -> bool:
        """Flush, end the thread and free the journal. Events that the sink does not have yet stay in the journal."""
        done = self.flush(timeout)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=30.0)
        if not done:
            log.warning("%s did not take everything; the rest waits in %s", self._shown, self._spool.folder)
        if not self._thread.is_alive():
            self._spool.close()
        return done

    def _replay(self) -> None:
        """The thread: one event after another, until closed."""
        attempts, delay = 0, FIRST_DELAY
        while (waiting := self._next()) is not None:
            event, position = waiting
            try:
                self._sink.apply(event)
            except Exception as error:  # the thread must survive anything that a server or a driver may raise
                attempts += 1
                if not self._sink.is_final(error, attempts):
                    self._failing = True
                    log.warning("%s is away (%s); retrying in %.1f s", self._shown, redacted(str(error)), delay)
                    self._back_off(delay)
                    delay = min(2 * delay, LONGEST_DELAY)
                    continue
                self._refuse(event, error)
            self._spool.acknowledge(position)
            attempts, delay, self._failing = 0, FIRST_DELAY, False
            with self._changed:
                self._changed.notify_all()

    def _next(self) -> tuple[Event, int] | None:
        """The next event, waited for; None once closed. A line that does not parse is skipped."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._spool.pending > 0)
                if self._closing:
                    return None
            try:
                return self._spool.peek()
            except AtlasError as error:
                self._skip_line(error)

    def _skip_line(self, error: AtlasError) -> None:
        """Skip a line of the journal that does not parse (a damaged disk)."""
        self.problems.append(str(error))
        log.error("%s It is left out.", error)
        self._spool.skip()

    def _is_reachable(self) -> bool:
        try:
            self._sink.check(CHECK_SECONDS)
        except AtlasError:
            return False
        return True

    def _refuse(self, event: Event, error: Exception) -> None:
        reason = redacted(str(error))
        problem = f"{event.kind} of {event.key}: {reason}"
        log.error("%s refused the %s", self._sink.name, problem, exc_info=error)
        self.problems.append(problem)
        retry_while_full(lambda: self._spool.refuse(event, reason), f"the disk of {self._spool.folder}")

    def _back_off(self, delay: float) -> None:
        """Wait before the next attempt; a flush or a close cuts it short."""
        until = time.monotonic() + delay
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._hurry, until - time.monotonic())
            self._hurry = False
