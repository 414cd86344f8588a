"""The end of a sweep whose parts fail: the summary is written, the others run, and every error is shown."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest

from atlas.report import Page, Summary, page_of, read_summary
from atlas.report.summary import BudgetFacts, FusionWeights
from atlas.sweep import ending, folder
from atlas.sweep.ending import end_sweep
from atlas.sweep.folder import SweepFolder
from atlas.sweep.spending import Spending
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.sweep_run import SweepRun
from atlas.sweep.tracking_actor import Registration, TrackingEnd
from atlas.tracking import SweepFinished
from tests.sweep.parts import Tracking, Training, console, refuse_access, run_of
from tests.sweep.trials import reporter_of


@pytest.fixture(autouse=True)
def no_fusion_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is computed on a cluster."""
    monkeypatch.setattr(ending, "start_fusion_weights", lambda *_: None)


@pytest.fixture
def run(ended: FinishedSweep, tmp_path: Path) -> SweepRun:
    return run_of(ended, tmp_path / "storage")


@pytest.fixture
def tracking(tmp_path: Path) -> Tracking:
    return Tracking(tmp_path / "lines")


def end(run: SweepRun, ended: FinishedSweep, tracking: Tracking, failure: str = "") -> tuple[bool, str]:
    """Whether it ended well, and what it printed."""
    shown = console()
    reporter = reporter_of(ended, tracking)
    well = end_sweep(run, ended.trials, reporter, tracking, shown, Training(), failure=failure)  # type: ignore[arg-type]
    return well, shown.export_text()


def test_a_sweep_that_ends_well_is_written_drawn_and_recorded(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking
) -> None:
    well, text = end(run, ended, tracking)
    assert well
    assert tracking.ends == ["FINISHED"]
    assert (run.folder.path / "report.html").exists()
    assert "Leaderboard" in text


def test_a_sweep_that_its_budget_ended_is_no_failure_and_says_what_was_spent(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking
) -> None:
    first, second = ended.trials
    stopped = replace(ended, trials=[first, replace(second, status="KILLED", stopped="the budget was spent")])
    budgeted = replace(run.experiment, options=run.experiment.options.changed(budget="5steps"))
    run = replace(run, experiment=budgeted, stopped="the budget is spent", spending=Spending(steps=5))
    well, text = end(run, stopped, tracking)
    assert well
    assert tracking.ends == ["KILLED"]
    assert "Budget: 5 of 5 steps spent; it stopped 1 walk of trials that had begun. Go on by resuming" in text
    summary = read_summary(run.folder.summary)
    assert summary.sweep.budget == BudgetFacts(amount=5.0, unit="steps", spent=5.0, stopped=True)
    assert [row.stopped for row in summary.trials] == ["", "the budget was spent"]
    assert "stopped by its budget, 5 of 5 steps spent" in (run.folder.path / "report.html").read_text()


def test_a_report_that_cannot_be_drawn_is_an_error_at_the_end_of_all_the_rest(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(ending, "write_page", fail)
    well, text = end(run, ended, tracking)
    assert not well
    assert "Leaderboard" in text
    assert text.rstrip().endswith("drawing the report: no such colour")
    assert tracking.ends == ["FINISHED"]
    assert read_summary(run.folder.summary).sweep.status == "FINISHED"


def test_figures_are_drawn_while_the_fusion_weights_are_computed_and_the_page_has_both(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []

    def draft(summary: Summary) -> Page:
        drawn.append("the other sections")
        return page_of(summary)

    def weights(*_: object) -> tuple[tuple[FusionWeights, ...], str]:
        drawn.extend((run.folder.path / name).exists() for name in ("sharing.png", "report.html"))
        return (), "not ready"

    monkeypatch.setattr(ending, "page_of", draft)
    monkeypatch.setattr(ending, "await_fusion_weights", weights)
    well, text = end(run, ended, tracking)
    assert well
    assert drawn == ["the other sections", True, False]
    assert "combination weights: not ready" in text
    (end_of_sweep,) = (event for event in tracking.events if isinstance(event, SweepFinished))
    names = [Path(file.path).name for file in end_of_sweep.artifacts]
    assert names[:2] == ["summary.json", "report.html"]
    assert "sharing.png" in names


def test_no_error_at_the_end_buries_another(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(ending, "write_page", fail)
    tracking.away = ConnectionError("http://me:hunter2@host is away")
    well, text = end(run, ended, tracking)
    assert not well
    for line in (
        "drawing the report: no such colour",
        "recording the sweep's end: http://***@host is away",
        "ending the tracking: http://***@host is away",
    ):
        assert line in text
    assert "--resume" in text


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither figures nor page are drawn, which takes longest."""
    for part in ("write_figures", "page_of", "write_page"):
        monkeypatch.setattr(ending, part, lambda *_: ())


def no_space(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_disk_without_room_for_the_spending_takes_no_summary_with_it(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "write_spending", no_space)
    well, text = end(run, ended, tracking)
    assert not well
    assert "recording what the sweep has spent: " in text
    assert "No space left on device" in text
    assert read_summary(run.folder.summary).sweep.status == "FINISHED"
    assert tracking.ends == ["FINISHED"]


@pytest.mark.parametrize("parts", [("use_command", "compare_command"), ("print_next",)])
def test_an_error_of_the_last_lines_is_shown_beside_those_before(
    run: SweepRun,
    ended: FinishedSweep,
    tracking: Tracking,
    undrawn: None,
    monkeypatch: pytest.MonkeyPatch,
    parts: tuple[str, ...],
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("it breaks")

    for part in ("write_page", *parts):
        monkeypatch.setattr(ending, part, fail)
    well, text = end(run, ended, tracking)
    assert not well
    assert "drawing the report: it breaks" in text
    told = ["naming the command that uses the winner", "looking for sweeps to compare with"]
    for line in told if len(parts) > 1 else ["printing what to do next"]:
        assert f"{line}: it breaks" in text
    assert (f"summary: {run.folder.summary}" in text) == (len(parts) > 1)


def test_a_registration_that_breaks_is_an_error_among_the_others(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Registration) -> str:
        raise ValueError("no such model")

    monkeypatch.setattr(Registration, "result", fail)
    well, text = end(run, ended, tracking)
    assert not well
    assert "not registered: registering the best trial's model: no such model" in text
    assert text.rstrip().endswith("registering the best trial's model: no such model")


def test_another_users_sweep_beside_it_that_may_not_be_read_is_none_to_compare_with(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, undrawn: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = SweepFolder.new(run.folder.path.parents[1], run.experiment.sweep.name, run.experiment.options)
    refuse_access(monkeypatch, theirs.path)
    well, text = end(run, ended, tracking)
    assert well
    assert "compare the backbones" not in text


def test_why_a_sweep_was_given_up_is_shown(run: SweepRun, ended: FinishedSweep, tracking: Tracking) -> None:
    _, text = end(run, ended, tracking, failure="the broker does not answer: no status")
    assert "the sweep was given up: the broker does not answer: no status" in text


def test_what_a_sink_lacks_and_why_is_said_at_the_end(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, undrawn: None
) -> None:
    problems = tuple(f"step_finished of k{number}: refused\nin two lines" for number in range(5))
    tracking.end = TrackingEnd(complete=False, trouble="the server is away (no answer)", problems=problems)
    _, text = end(run, ended, tracking)
    told = [line.partition(": ")[2] for line in text.splitlines() if line.startswith("the folder of JSON lines: ")]
    assert told[:2] == [
        f"has not taken everything yet; the rest waits in {run.folder.spool}",
        "when last tried: the server is away (no answer)",
    ]
    assert told[2:5] == [f"lacks step_finished of k{number}: refused" for number in range(3)]
    assert told[5].startswith(f"lacks 2 more: see {run.folder.spool / 'refused.jsonl'}")
    assert "resume with" in text
