from __future__ import annotations

import json
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import cloudpickle
from ray.exceptions import RayTaskError

from atlas.config.trial import TrialConfig, trial_config_from
from atlas.execution.job import StepFailed
from atlas.runtime.errors import UserError
from atlas.search.callback import TrialJournal, listen, listening_callback
from atlas.search.trial_record import TrialRecord
from atlas.search.trial_report import TrialReport, report_from
from atlas.steps import step
from atlas.steps.graph import WalkGraph
from atlas.steps.step import Step
from atlas.sweep.summary import FinishedSweep
from tests.small import atlas


class Notes:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, list[Step]]] = []

    def trial_changed(self, record: TrialRecord, taken: list[Step]) -> None:
        self.heard.append((record.id, record.status, taken))


class Turn:
    """A turn of the journal; like a driver's it cannot be pickled."""

    def __init__(self, turns: list[str]) -> None:
        self.turns, self.lock = turns, threading.RLock()

    def __call__(self) -> None:
        self.turns.append("turn")


def as_tune(record: TrialRecord, **other: Any) -> Any:
    """The trial as Tune hands it to callbacks."""
    return SimpleNamespace(trial_id=record.id, config=record.config.to_tune(), **other)


def report_of(record: TrialRecord, taken: int) -> TrialReport:
    return TrialReport(
        objective=40.0 + taken,
        tasks_seen=taken,
        finished=[taken],
        figures={"val/latest/average_accuracy": 40.0},
        complete=taken == 3,
    )


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def journal(ended: FinishedSweep, notes: Notes) -> TrialJournal:
    return TrialJournal(ended.inputs.graph, [notes])


def test_listeners_hear_of_each_step_once_and_in_order(
    ended: FinishedSweep, journal: TrialJournal, notes: Notes
) -> None:
    record = ended.trials[0]
    journal.record(as_tune(record), "RUNNING")
    journal.record(as_tune(record), None, report_of(record, 1))
    journal.record(as_tune(record), None, report_of(record, 3))
    journal.record(as_tune(record), "FINISHED")
    assert [status for _, status, _ in notes.heard] == ["RUNNING", "RUNNING", "RUNNING", "FINISHED"]
    assert [[step.key for step in taken] for _, _, taken in notes.heard] == [
        [],
        record.steps[0][:1],
        record.steps[0][1:],
        [],
    ]
    kept = journal.trials[record.id]
    assert (kept.objective, kept.tasks_seen, kept.steps) == (43.0, 3, record.steps)


def test_a_report_of_an_earlier_version_says_the_keys_of_the_finished_steps(
    ended: FinishedSweep, journal: TrialJournal, notes: Notes
) -> None:
    record = ended.trials[0]
    now = report_of(record, 2).to_tune()
    older = {name: value for name, value in now.items() if name != "finished"} | {"steps": [record.steps[0][:2]]}
    journal.record(as_tune(record), None, report_from(older))
    assert journal.trials[record.id].steps == [record.steps[0][:2]]
    assert [step.key for step in notes.heard[-1][-1]] == record.steps[0][:2]
    assert report_from({"objective": 1.0}) is None


def test_a_report_counts_the_finished_steps_and_names_none(ended: FinishedSweep) -> None:
    sizes = [len(json.dumps(report_of(ended.trials[0], taken).to_tune())) for taken in (1, 2)]
    assert sizes[0] == sizes[1]


def test_the_journal_hashes_no_step_of_a_walk_that_was_planned(
    ended: FinishedSweep, notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph = WalkGraph(ended.inputs.step_inputs)
    graph.distinct(ended.trials[0].walks)
    monkeypatch.setattr(step, "text_sha256", lambda text: pytest.fail("a step was hashed again"))
    journal = TrialJournal(graph, [notes])
    journal.record(as_tune(ended.trials[0]), None, report_of(ended.trials[0], 3))
    assert [one is graph[one.key] for one in notes.heard[-1][-1]] == [True] * 3


def test_a_failed_trial_keeps_the_last_line_of_its_error(
    ended: FinishedSweep, journal: TrialJournal, tmp_path: Path
) -> None:
    (tmp_path / "error.txt").write_text("Traceback …\n  File …\nStepFailed: digits (expansion): the loss became nan\n")
    journal.record(as_tune(ended.trials[0], error_file=str(tmp_path / "error.txt")), "FAILED")
    assert journal.trials[ended.trials[0].id].error == "StepFailed: digits (expansion): the loss became nan"


def test_a_failed_trial_without_an_error_file_says_that(ended: FinishedSweep, journal: TrialJournal) -> None:
    journal.record(as_tune(ended.trials[0]), "FAILED")
    assert "without an error file" in journal.trials[ended.trials[0].id].error


def test_a_trial_that_is_tried_again_has_no_error_any_more(ended: FinishedSweep, journal: TrialJournal) -> None:
    journal.record(as_tune(ended.trials[0]), "FAILED")
    journal.record(as_tune(ended.trials[0]), "RUNNING")
    assert journal.trials[ended.trials[0].id].error == ""


def test_the_settings_are_what_was_searched_beside_the_order() -> None:
    config = TrialConfig(learner=atlas(), orders=(("a", "b"),), seeds=(0,)).to_tune()
    record = TrialRecord("x", trial_config_from({**config, "after nothing": "a", "rank": 4, "learner": "ewc"}))
    assert record.settings == {"rank": 4, "learner": "ewc"}


def test_a_trial_that_shares_nothing_has_a_scope_of_its_own() -> None:
    record = TrialRecord("x", TrialConfig(learner=atlas(), orders=(("a",),), seeds=(0,)))
    assert (record.scope(sharing=True), record.scope(sharing=False)) == ("", "private/x")


def test_tunes_callback_tells_the_journal_that_listens(
    ended: FinishedSweep, journal: TrialJournal, notes: Notes
) -> None:
    callback, trial = listening_callback(), as_tune(ended.trials[0])
    callback.on_trial_start(0, [], trial)
    assert notes.heard == []
    listen(journal)
    try:
        callback.on_trial_start(0, [], trial)
        callback.on_trial_result(0, [], trial, report_of(ended.trials[0], 3).to_tune())
        callback.on_trial_complete(0, [], trial)
        callback.on_trial_error(0, [], as_tune(ended.trials[1]))
    finally:
        listen(None)
    assert [status for _, status, _ in notes.heard] == ["RUNNING", "RUNNING", "FINISHED", "FAILED"]


def test_the_journal_that_listens_has_a_turn_at_each_turn_of_tunes_loop(journal: TrialJournal) -> None:
    turns: list[str] = []
    callback = listening_callback()
    listen(journal)
    try:
        callback.on_step_end(0, [])
        journal.on_turn = Turn(turns)
        callback.on_step_end(1, [])
        cloudpickle.dumps(callback)  # as Tune does, without what the journal holds
    finally:
        listen(None)
    callback.on_step_end(2, [])
    assert turns == ["turn"]


@pytest.mark.parametrize(
    ("error", "left"),
    [
        (StepFailed("digits (expansion): the loss became nan"), 0),
        (UserError("rank is 0"), 0),
        (ValueError("StepFailed in name only"), 10),
        (RuntimeError("the process died"), 10),
    ],
    ids=repr,
)
def test_a_trial_is_not_tried_again_after_an_error_that_would_come_again(
    ended: FinishedSweep, tmp_path: Path, error: Exception, left: int
) -> None:
    (tmp_path / "error.txt").write_text(f"Traceback …\n{type(error).__name__}: {error}\n")
    passed_on = RayTaskError("train", "Traceback …", error).as_instanceof_cause()
    (tmp_path / "error.pkl").write_bytes(cloudpickle.dumps(passed_on))
    files = {"error_file": str(tmp_path / "error.txt"), "pickled_error_file": str(tmp_path / "error.pkl")}
    trial = as_tune(ended.trials[0], max_failures=10, **files)
    listening_callback().on_trial_recover(0, [], trial)
    assert trial.max_failures == left
