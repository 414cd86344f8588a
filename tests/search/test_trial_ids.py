"""Trials that Tune forgot when it was killed are the same again, by the journal that the sweep told MLflow from."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.search.callback import TrialJournal
from atlas.search.trial_ids import TrialIds, _spelt
from atlas.search.trial_record import TrialRecord
from atlas.sweep.summary import FinishedSweep
from atlas.tracking import TrialStarted
from atlas.tracking.spool import Spool
from tests.search.test_callback import as_tune, report_of

ORDER, OTHER = {"order": ["a", "b"], "rank": 4}, {"order": ["b", "a"], "rank": 4}


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    """The journal of a sweep that began one trial twice, another once, and was killed while it wrote of a third."""
    folder = tmp_path / "spool"
    journal = Spool(folder)
    for trial, params in (("t1", ORDER), ("t2", OTHER), ("t1", ORDER)):
        journal.append(TrialStarted(sweep="s", trial=trial, params=params))
    journal.close()
    with open(folder / "events.jsonl", "ab") as file:
        file.write(b'{"kind":"trial_started","key":"trial/s/t3","at"')
    return folder


def test_a_trial_that_tune_forgot_keeps_its_id_by_what_it_tries(spool: Path) -> None:
    known = TrialIds.read(spool)
    assert known.find("new", {"rank": 4, "order": ("b", "a")}) == "t2"
    assert known.find("newer", OTHER) == "newer"  # one trial has one successor


def test_a_trial_that_tune_restored_is_itself_and_nobody_else_is(spool: Path) -> None:
    known = TrialIds.read(spool)
    known.restored("t1")
    assert known.find("new", ORDER) == "new"
    assert known.find("t1", ORDER) == "t1"


def test_of_two_that_try_the_same_only_the_forgotten_one_is_taken_up() -> None:
    known = TrialIds({"kept": _spelt(ORDER), "forgotten": _spelt(ORDER)})
    known.restored("kept")
    assert [known.find(trial, ORDER) for trial in ("kept", "new", "newer")] == ["kept", "forgotten", "newer"]


def test_a_trial_of_another_kind_and_one_of_a_first_run_are_new(spool: Path, tmp_path: Path) -> None:
    assert TrialIds.read(spool).find("new", {**ORDER, "rank": 8}) == "new"
    assert TrialIds.read(tmp_path / "nothing").find("new", ORDER) == "new"


def test_the_journal_calls_a_trial_that_is_tried_again_by_its_first_id(ended: FinishedSweep, tmp_path: Path) -> None:
    first = ended.trials[0]
    spool = Spool(tmp_path / "spool")
    spool.append(TrialStarted(sweep="s", trial=first.id, params=first.params))
    spool.close()
    journal = TrialJournal(ended.inputs.graph, [], TrialIds.read(tmp_path / "spool"))
    journal.record(as_tune(TrialRecord("another", first.config)), "RUNNING")
    journal.record(as_tune(TrialRecord("another", first.config)), "FINISHED", report_of(first, 3))
    assert [(record.id, record.status) for record in journal.trials.values()] == [(first.id, "FINISHED")]
