"""The tracker: what a sweep tells; a thread carries it to MLflow whenever MLflow is there."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from atlas.runtime.errors import AtlasError
from atlas.runtime.redact import redacted
from atlas.runtime.retry import retry_while_full
from atlas.tracking.address import check_tracking, find_step_runs
from atlas.tracking.events import Event, Kind, StepFacts, checked_status, sweep_key, thin, trial_key
from atlas.tracking.spool import Spool
from atlas.tracking.writer import Writer

log = logging.getLogger(__name__)

FIRST_DELAY, LONGEST_DELAY, MOST_ATTEMPTS = 0.5, 15.0, 8
PATIENCE = 5.0  # a flush that got nowhere for so long asks whether MLflow is there at all
REFUSALS = {"INVALID_PARAMETER_VALUE", "BAD_REQUEST", "MALFORMED_REQUEST", "INVALID_STATE", "RESOURCE_ALREADY_EXISTS"}
GONE = "RESOURCE_DOES_NOT_EXIST"
OUTDATED = "out-of-date database schema"  # of another version of MLflow; a person upgrades it, and nothing is lost


class Tracker:
    """Each call is on the disk when it returns, and in MLflow some time later, once.

    While MLflow is away the journal grows and is replayed on its return. A tracker opened over the journal of one
    that was killed goes on where that one stopped. An event that MLflow refuses for good is kept in
    `refused.jsonl` and named in `problems`; the others go on.
    """

    def __init__(self, tracking_uri: str, experiment: str, spool: Path) -> None:
        """Raises AtlasError where the journal cannot be written or another process holds it."""
        self._uri, self._experiment = tracking_uri, experiment
        self._shown = redacted(tracking_uri)
        self._spool = Spool(Path(spool))
        self._writer: Writer | None = None
        self._changed = threading.Condition()
        self._closing = self._hurry = False
        self.problems: list[str] = []
        self._thread = threading.Thread(target=self._replay, name="atlas-tracker", daemon=True)
        self._thread.start()

    def sweep_started(
        self,
        sweep_id: str,
        name: str,
        params: Mapping[str, Any],
        tags: Mapping[str, str] | None = None,
        note: str = "",
    ) -> None:
        """Open (or open again) the sweep's run. `params` may be nested; numbers also become `setting/…`."""
        body = {"sweep": sweep_id, "name": name, "params": dict(params), "tags": dict(tags or {}), "note": note}
        self._tell("sweep_started", sweep_key(sweep_id), body)

    def trial_started(self, sweep_id: str, trial_id: str, params: Mapping[str, Any]) -> None:
        """Open (or open again) a trial's run below its sweep. `params["order"]`, a list of tasks, names it."""
        body = {"sweep": sweep_id, "trial": trial_id, "params": dict(params)}
        self._tell("trial_started", trial_key(sweep_id, trial_id), body)

    def step_finished(self, key: str, facts: StepFacts) -> None:
        """Log the step's run, once in the experiment, however many trials and sweeps use it."""
        checked_status(facts.get("status", "FINISHED"))
        curves = {name: thin(points) for name, points in facts.get("curves", {}).items()}
        self._tell("step_finished", key, {"facts": {**facts, "curves": curves}})

    def trial_step(
        self, sweep_id: str, trial_id: str, step_key: str, tasks_seen: int, metrics: Mapping[str, float | None]
    ) -> None:
        """The trial has taken this step: link it, and log `metrics` at the step number `tasks_seen`."""
        body = {"sweep": sweep_id, "trial": trial_id, "step": step_key, "tasks_seen": tasks_seen}
        self._tell("trial_step", trial_key(sweep_id, trial_id), {**body, "metrics": dict(metrics)})

    def trial_finished(
        self, sweep_id: str, trial_id: str, status: str, metrics: Mapping[str, float | None] | None = None
    ) -> None:
        """Close the trial's run: FINISHED, FAILED or KILLED."""
        body = {"sweep": sweep_id, "trial": trial_id, "status": checked_status(status)}
        self._tell("trial_finished", trial_key(sweep_id, trial_id), {**body, "metrics": dict(metrics or {})})

    def sweep_finished(
        self,
        sweep_id: str,
        status: str,
        metrics: Mapping[str, float | None] | None = None,
        artifacts: Iterable[Path | Sequence[str]] = (),
    ) -> None:
        """Close the sweep's run; `artifacts` are local paths, or pairs of one and its artifact folder."""
        pairs = [[str(item), ""] if isinstance(item, str | Path) else list(map(str, item)) for item in artifacts]
        body = {"sweep": sweep_id, "status": checked_status(status), "metrics": dict(metrics or {})}
        self._tell("sweep_finished", sweep_key(sweep_id), {**body, "artifacts": pairs})

    @property
    def is_open(self) -> bool:
        return not self._closing

    @property
    def pending(self) -> int:
        """Bytes of the journal that MLflow does not have yet."""
        return self._spool.pending

    def flush(self, timeout: float = 60.0) -> bool:
        """Wait until MLflow has everything; False where it has not after `timeout` seconds, or is away."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            before = self._spool.pending
            with self._changed:
                self._hurry = True
                self._changed.notify_all()
                if self._changed.wait_for(lambda: self._spool.pending == 0, min(left, PATIENCE)):
                    return True
            if self._spool.pending == before and not self._is_there():
                return False
        return self._spool.pending == 0

    def close(self, timeout: float = 60.0) -> bool:
        """Flush, end the thread and free the journal. What MLflow does not have yet waits in the journal."""
        done = self.flush(timeout)
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(timeout=30.0)
        if not done:
            log.warning("MLflow at %s did not take everything; the rest waits in %s", self._shown, self._spool.folder)
        if not self._thread.is_alive():
            self._spool.close()
        return done

    def find_step_runs(self, keys: Iterable[str]) -> dict[str, str]:
        """The run ids of the steps of `keys` that MLflow has."""
        return find_step_runs(self._uri, self._experiment, keys)

    def _tell(self, kind: Kind, key: str, body: Mapping[str, Any]) -> None:
        event = Event(kind=kind, key=key, body=body)
        retry_while_full(lambda: self._spool.append(event), f"the disk of {self._spool.folder}")
        with self._changed:
            self._changed.notify_all()

    def _replay(self) -> None:
        """The thread: one event after another, until closed."""
        attempts, delay = 0, FIRST_DELAY
        while (waiting := self._next()) is not None:
            event, position = waiting
            try:
                self._apply(event)
            except Exception as error:  # the thread must outlive whatever a server or a driver may raise
                attempts += 1
                if not self._is_final(error, attempts):
                    log.warning(
                        "MLflow at %s is away (%s); trying again in %.1f s", self._shown, redacted(str(error)), delay
                    )
                    self._rest(delay)
                    delay = min(2 * delay, LONGEST_DELAY)
                    continue
                self._refuse(event, error)
            self._spool.acknowledge(position)
            attempts, delay = 0, FIRST_DELAY
            with self._changed:
                self._changed.notify_all()

    def _next(self) -> tuple[Event, int] | None:
        """The next event, waited for; None once closed. A line that does not parse is refused."""
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
        """Go past a line of the journal that no longer parses (a damaged disk)."""
        self.problems.append(str(error))
        log.error("%s It is left out.", error)
        self._spool.skip()

    def _apply(self, event: Event) -> None:
        from mlflow.exceptions import MlflowException

        check = self._uri.startswith("http") and self._writer is None
        if check:
            check_tracking(self._uri)  # answers sooner than mlflow's own retries
        if self._writer is None:
            self._writer = Writer(self._uri, self._experiment)
        try:
            self._writer.apply(event)
        except MlflowException as error:
            if error.error_code != GONE:
                raise
            self._writer.forget()  # a server may return with another database
            self._writer.apply(event)

    def _is_final(self, error: Exception, attempts: int) -> bool:
        """Whether trying again is in vain: refused by MLflow, no error of network or database, or failing for long
        though MLflow answers and its database is of this version."""
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import DBAPIError

        if isinstance(error, MlflowException) and error.error_code in REFUSALS | {GONE}:
            return True
        if not isinstance(error, MlflowException | DBAPIError | OSError | AtlasError):
            return True
        return attempts >= MOST_ATTEMPTS and OUTDATED not in str(error) and self._is_there()

    def _is_there(self) -> bool:
        try:
            check_tracking(self._uri, timeout=2.0)
        except AtlasError:
            return False
        return True

    def _refuse(self, event: Event, error: Exception) -> None:
        reason = redacted(str(error))
        problem = f"{event.kind} of {event.key}: {reason}"
        log.error("MLflow refused the %s", problem, exc_info=error)
        self.problems.append(problem)
        retry_while_full(lambda: self._spool.refuse(event, reason), f"the disk of {self._spool.folder}")

    def _rest(self, delay: float) -> None:
        """Back off; a flush or a close cuts it short."""
        until = time.monotonic() + delay
        with self._changed:
            self._changed.wait_for(lambda: self._closing or self._hurry, until - time.monotonic())
            self._hurry = False
