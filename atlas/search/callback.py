"""What happens to trials, as it happens: kept for the view and the summary, and told to the tracker."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from atlas.search.trial_ids import TrialIds
from atlas.search.trial_record import TrialRecord
from atlas.steps.step import Step, StepInputs


class Listener(Protocol):
    """Who wants to know of a change to a trial; `taken` are the steps that it has taken since the last."""

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        """Called in the driver, on the thread that runs Tune."""


@dataclass
class TrialJournal:
    """The trials of the sweep that this process runs, by Tune's ids."""

    step_inputs: StepInputs
    listeners: list[Listener] = field(default_factory=list)
    trial_ids: TrialIds = field(default_factory=TrialIds)
    trials: dict[str, TrialRecord] = field(default_factory=dict)

    def record(self, trial: Any, status: str | None = None, result: dict[str, Any] | None = None) -> None:
        """Take in what Tune says of a trial, and tell the listeners."""
        record = self.trials.get(trial.trial_id) or self._begin(trial)
        record.status = status or record.status
        record.error = _reason(trial) if record.status == "FAILED" else ""
        taken: list[Step] = []
        if result and "steps" in result:
            taken = self._new_steps(record, result["steps"])
            record.steps, record.objective = result["steps"], result["objective"]
            record.tasks_seen, record.figures = result["tasks_seen"], result["figures"]
        for listener in self.listeners:
            listener.trial_changed(record, taken)

    def _begin(self, trial: Any) -> TrialRecord:
        record = TrialRecord(trial.trial_id, dict(trial.config))
        record.id = self.trial_ids.find(record.id, record.params)
        self.trials[trial.trial_id] = record
        return record

    def _new_steps(self, record: TrialRecord, keys: list[list[str]]) -> list[Step]:
        known = {key for walk in record.steps for key in walk}
        new = {key for walk in keys for key in walk} - known
        steps = (step for walk in record.walks for step in walk.every_step(self.step_inputs))
        return [step for step in steps if step.key in new]


_journal: TrialJournal | None = None


def listen(journal: TrialJournal | None) -> None:
    """Make `journal` the one that this process's search reports to."""
    global _journal
    _journal = journal


def listening_callback() -> Any:
    """A Tune callback without state of its own (Tune pickles it, and restores it in another process)."""
    from ray.tune import Callback

    class ListeningCallback(Callback):
        def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            _tell(trial, "RUNNING")

        def on_trial_result(
            self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
        ) -> None:
            _tell(trial, None, result)

        def on_trial_recover(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            if "StepFailed" in _reason(trial):  # its process is well, and the step will not fare better often
                trial.max_failures = 0

        def on_trial_complete(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            _tell(trial, "FINISHED")

        def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
            _tell(trial, "FAILED")

    return ListeningCallback()


def tell_restored(trials: Sequence[Any]) -> None:
    """Tell of the trials as Tune restores them; of those that had finished before its callbacks are silent."""
    if _journal is not None:
        for trial in trials:
            _journal.trial_ids.restored(trial.trial_id)
    for trial in trials:
        if trial.status == "TERMINATED":
            _tell(trial, "FINISHED", trial.last_result)


def _tell(trial: Any, status: str | None, result: dict[str, Any] | None = None) -> None:
    if _journal is not None:
        _journal.record(trial, status, result)


def _reason(trial: Any) -> str:
    """The last line of what a trial's error file says."""
    path = getattr(trial, "error_file", None)
    lines = Path(path).read_text().strip().splitlines() if path and Path(path).exists() else []
    return lines[-1] if lines else "the trial ended without an error file"
