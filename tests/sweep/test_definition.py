"""A resumed sweep whose file has changed: refused with what was and what is, or gone on with."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from atlas.config.experiment import Experiment
from atlas.config.options import Options
from atlas.config.sweep import Sweep
from atlas.runtime.errors import UserError
from atlas.search.definition import define_search
from atlas.steps.step import StepInputs
from atlas.sweep.definition import define
from atlas.sweep.folder import SweepFolder
from atlas.tracking import TrialFinished
from atlas.tracking.spool import Spool

INPUTS = StepInputs(backbone="weights", data={"a": "1", "b": "2", "c": "3"})
OPTIONS = Options.of(tasks=("a", "b", "c"), resume="latest")
SWEEP = Sweep(name="order", question="?", searches_orders=True, trials=4)


@pytest.fixture
def folder(tmp_path: Path) -> SweepFolder:
    made = SweepFolder.new(tmp_path, "order", OPTIONS)
    made.write_definition(define_search(Experiment(sweep=SWEEP, options=OPTIONS), INPUTS))
    return made


@pytest.fixture
def console() -> Console:
    return Console(record=True, width=200, file=io.StringIO())


def of(trials: int, *, changed: bool = False) -> Experiment:
    return Experiment(sweep=replace(SWEEP, trials=trials), options=OPTIONS.changed(changed=changed))


def test_the_same_goes_on_without_a_word(folder: SweepFolder, console: Console) -> None:
    assert define(of(4), INPUTS, folder, console).changes == ()
    assert console.export_text() == ""


def test_a_change_is_refused_and_gone_on_with_where_that_is_asked(folder: SweepFolder, console: Console) -> None:
    with pytest.raises(
        UserError, match=r"has changed since it was started: trials: was 4, is 6\. Undo that, or add --ch"
    ):
        define(of(6), INPUTS, folder, console)
    found = define(of(6, changed=True), INPUTS, folder, console)
    assert (found.trials, found.changes) == (6, ("trials: was 4, is 6",))
    assert console.export_text().count("changed since the sweep was started: trials: was 4, is 6") == 2
    folder.write_definition(found)
    assert define(of(6), INPUTS, folder, console).changes == ("trials: was 4, is 6",)  # once gone on with, it stays


def test_what_cannot_be_compared_is_refused_in_any_case(folder: SweepFolder, console: Console) -> None:
    with pytest.raises(UserError, match=r"cannot go on: the backbone has other weights than it had\. Trials that have"):
        define(of(4, changed=True), replace(INPUTS, backbone="others"), folder, console)


def test_a_sweep_of_an_earlier_version_goes_on_and_says_that_it_cannot_be_compared(
    folder: SweepFolder, console: Console
) -> None:
    (folder.path / "definition.json").unlink()
    assert define(of(6), INPUTS, folder, console).trials == 6
    assert "whether its file has changed since cannot be compared" in console.export_text()


def test_fewer_trials_than_have_finished_are_refused(folder: SweepFolder, console: Console) -> None:
    journal = Spool(folder.spool)
    for trial in ("1", "2", "2", "3"):
        journal.append(TrialFinished(sweep=folder.id, trial=trial, status="PRUNED" if trial == "1" else "FINISHED"))
    journal.append(TrialFinished(sweep=folder.id, trial="4", status="KILLED"))
    journal.close()
    assert define(of(3, changed=True), INPUTS, folder, console).trials == 3
    with pytest.raises(UserError, match=r"2 trials are asked for, but 3 of the sweep order-.* have finished"):
        define(of(2, changed=True), INPUTS, folder, console)
