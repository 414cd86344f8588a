"""Tune's callback: trial records for the live view and the summary, and the changes that listeners are told of."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from atlas.config.trial import BEGUN_AS, trial_config_from
from atlas.execution.job import StepFailed
from atlas.runtime.errors import StepError, UserError
from atlas.runtime.text import last_line
from atlas.search.feasibility import Feasibility
from atlas.search.history import SearchHistory, identity
from atlas.search.trial_ids import TrialIds
from atlas.search.trial_record import TrialRecord, TrialStatus
from atlas.search.trial_report import TrialReport, report_from
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step

if TYPE_CHECKING:
    from ray.tune import Callback
    from ray.tune.experiment import Trial

NO_ERROR_FILE = "the trial ended without an error file"


class Listener(Protocol):
    """A receiver of trial changes; `taken` are the steps finished since the last change."""

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        """Called in the driver, on the thread that runs Tune."""


@dataclass
class TrialJournal:
    """The trials of the sweep that this process runs, by Tune's ids. `stopped` says why one was stopped, by them.

    `feasibility` judges trials that have finished. `on_turn` is called at each turn of Tune's loop, ten times a second,
    on the thread that tells the listeners.
    """

    graph: WalkGraph
    listeners: list[Listener] = field(default_factory=list)
    trial_ids: TrialIds = field(default_factory=TrialIds)
    trials: dict[str, TrialRecord] = field(default_factory=dict)
    stopped: Mapping[str, str] = field(default_factory=dict)
    on_turn: Callable[[], None] | None = None
    feasibility: Feasibility = field(default_factory=Feasibility)

    def record(self, trial: Trial, status: TrialStatus | None = None, report: TrialReport | None = None) -> None:
        """Update the trial's record and tell the listeners. A trial that ends without a complete report was pruned."""
        record = self.trials.get(trial.trial_id) or self._begin(trial)
        taken: list[Step] = []
        if report is not None:
            taken = self._take(record, report.finished)
            record.objective, record.complete = report.objective, report.complete
            record.tasks_seen, record.figures = report.tasks_seen, report.figures
            if report.complete:
                record.infeasible = self.feasibility.after(report.to_tune()).reason
        record.status = status or record.status
        if record.status == "FINISHED" and not record.complete:
            record.status, record.stopped = "PRUNED", self.stopped.get(trial.trial_id, "by the sweep's scheduler")
        if record.config.infeasible:
            record.stopped = record.infeasible = record.config.infeasible
        record.error = _reason(trial) if record.status == "FAILED" else ""
        for listener in self.listeners:
            listener.trial_changed(record, taken)

    def _begin(self, trial: Trial) -> TrialRecord:
        record = TrialRecord(trial.trial_id, trial_config_from(trial.config))
        record.id = self.trial_ids.find(record.id, record.params, begun_as=trial.config.get(BEGUN_AS))
        self.trials[trial.trial_id] = record
        return record

    def _take(self, record: TrialRecord, finished: Sequence[int]) -> list[Step]:
        """Put down the first so many steps of each walk as finished; returns those that were not."""
        known = {key for keys in record.steps for key in keys}
        walks = zip(record.walks, finished or [0] * len(record.walks), strict=True)
        steps = [list(islice(self.graph.every_step(walk), count)) for walk, count in walks]
        record.steps = [[step.key for step in one] for one in steps]
        return list({step.key: step for one in steps for step in one if step.key not in known}.values())


_journal: TrialJournal | None = None


def listen(journal: TrialJournal | None) -> None:
    """Make `journal` the one that this process's search reports to."""
    global _journal
    _journal = journal


def listening_callback() -> Callback:
    """A Tune callback without state of its own (Tune pickles it, and restores it in another process)."""
    from ray.tune import Callback

    class ListeningCallback(Callback):
        def on_step_end(self, iteration: int, trials: list[Trial], **info: object) -> None:
            _turn()

        def on_trial_start(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
            _tell(trial, "RUNNING")

        def on_trial_result(
            self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: object
        ) -> None:
            _tell(trial, None, result)

        def on_trial_recover(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
            if isinstance(_failure(trial), StepFailed | StepError | UserError):  # it would fail again
                trial.max_failures = 0

        def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
            _tell(trial, "FINISHED")

        def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: object) -> None:
            _tell(trial, "FAILED")

    return ListeningCallback()


def tell_finished(history: SearchHistory) -> None:
    """Record the trials that had finished in earlier runs: Tune's callbacks know nothing of them."""
    if _journal is not None:
        for trial in history.trials:
            _journal.trial_ids.restored(identity(trial))
    for trial in history.finished:
        _tell(trial, "FINISHED", trial.last_result)


def _turn() -> None:
    if _journal is not None and _journal.on_turn is not None:
        _journal.on_turn()


def _tell(trial: Trial, status: TrialStatus | None, result: Mapping[str, Any] | None = None) -> None:
    if _journal is not None:
        _journal.record(trial, status, report_from(result) if result else None)


def _failure(trial: Trial) -> BaseException | None:
    """The error of a trial's last failure, as Tune keeps it on this machine: of Ray's class and of the one raised."""
    path = getattr(trial, "pickled_error_file", None)
    if not path or not Path(path).exists():
        return None
    error: BaseException = pickle.loads(Path(path).read_bytes())
    return error


def _reason(trial: Trial) -> str:
    """The last line of a trial's error file."""
    path = getattr(trial, "error_file", None)
    return (last_line(Path(path).read_text()) if path and Path(path).exists() else "") or NO_ERROR_FILE
