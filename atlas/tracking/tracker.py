"""The tracker: a journal on this machine, and a thread that replays it to a sink whenever the sink is there."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_away, retry_while_full
from atlas.runtime.text import first_line
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
    `problems`; the others go on. `trouble` says why the journal is not replayed at the moment; it is empty where it is.
    """

    def __init__(self, sink: Sink, spool: Path, *, rest: float = 0.0) -> None:
        """The sink is first told after `rest` seconds, or once there is a second event or a flush: a sink may take
        seconds of CPU time to begin with, which what is recorded has better use for while it begins.

        Raises AtlasError where the journal cannot be written or another process holds it.
        """
        self._sink = sink
        self._shown = f"{sink.name} at {redacted(sink.address)}"
        self._spool = Spool(Path(spool))
        self._changed = threading.Condition()
        self._closing = self._hurry = False
        self._attempts = self._settled = self._recorded = 0
        self._rested = time.monotonic() + (0.0 if self._spool.pending else rest)  # what is left over has waited
        self.problems: list[str] = []
        self.trouble = ""
        self._thread = threading.Thread(target=self._replay, name="atlas-tracker", daemon=True)
        self._thread.start()

    def record(self, event: Event) -> None:
        """Append the event to the journal; waits while the disk is full or out of reach, and raises in the end."""
        disk = f"the disk of {self._spool.folder}"
        try:
            retry_while_full(lambda: retry_while_away(lambda: self._spool.append(event), disk), disk)
        except Exception as error:
            self.problems.append(f"{event.kind} of {event.key} is not in the journal: {redacted(first_line(error))}")
            raise
        with self._changed:
            self._recorded += 1
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
            if self.trouble and self._spool.pending == before and not self._is_reachable():
                return False
        return self._spool.pending == 0

    def close(self, timeout: float = 60.0) -> bool:
        """Flush, end the thread and free the journal. Events that the sink does not have yet stay in the journal.

        A second time it only says again whether the sink has everything.
        """
        if self._closing:
            return self._spool.pending == 0
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
        """The thread: one event after another, until closed. Nothing else ends it: what fails is tried again."""
        delay = FIRST_DELAY
        while self._await_event():
            try:
                self.trouble = self._replay_next()
            except Exception as error:  # of a disk that is full or out of reach, or of anything unforeseen
                reason = redacted(first_line(error))
                self.trouble = f"{self._shown} cannot be told what is in {self._spool.folder} ({reason})"
            if self.trouble:
                log.warning("%s; retrying in %.1f s", self.trouble, delay)
                self._back_off(delay)
                delay = min(2 * delay, LONGEST_DELAY)
                continue
            delay = FIRST_DELAY
            with self._changed:
                self._changed.notify_all()

    def _await_event(self) -> bool:
        """Wait for an event; False once closed."""
        with self._changed:
            left = self._rested - time.monotonic()
            self._changed.wait_for(lambda: self._closing or self._hurry or self._recorded > 1, max(0.0, left))
            self._changed.wait_for(lambda: self._closing or self._spool.pending > 0)
            return not self._closing

    def _replay_next(self) -> str:
        """Replay an event and acknowledge it; gives the reason where the sink is away. A damaged line is skipped."""
        try:
            waiting = self._spool.peek()
        except AtlasError as error:
            self._skip_line(error)
            return ""
        assert waiting is not None
        event, position = waiting
        if position > self._settled:
            if (away := self._apply(event)) is not None:
                return f"{self._shown} has not taken {event.kind} of {event.key} ({redacted(first_line(away))})"
            self._settled = position  # where acknowledging it fails, that alone is tried again
        self._spool.acknowledge(position)
        return ""

    def _apply(self, event: Event) -> Exception | None:
        """The error after which the sink is to be asked again; None once it has the event, or refused it for good."""
        try:
            self._sink.apply(event)
        except Exception as error:  # anything that a server or a driver may raise
            self._attempts += 1
            if not self._sink.is_final(error, self._attempts):
                return error
            self._refuse(event, error)
        self._attempts = 0
        return None

    def _skip_line(self, error: AtlasError) -> None:
        """Skip a line of the journal that does not parse (a damaged disk)."""
        self._spool.skip()
        self.problems.append(str(error))
        log.error("%s It is left out.", error)

    def _is_reachable(self) -> bool:
        try:
            self._sink.check(CHECK_SECONDS)
        except AtlasError:
            return False
        return True

    def _refuse(self, event: Event, error: Exception) -> None:
        """Name the event, and keep it where that can be done: it stays in the journal in any case."""
        reason = redacted(str(error))
        problem = f"{event.kind} of {event.key}: {reason}"
        log.error("%s refused the %s", self._sink.name, problem, exc_info=error)
        self.problems.append(problem)
        try:
            retry_while_full(lambda: self._spool.refuse(event, reason), f"the disk of {self._spool.folder}")
        except (OSError, AtlasError) as kept:
            log.error("what was refused cannot be kept beside the journal: %s", redacted(first_line(kept)))

    def _back_off(self, delay: float) -> None:
        """Wait before the next attempt; a flush or a close cuts it short."""
        until = time.monotonic() + delay
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._hurry, until - time.monotonic())
            self._hurry = False
