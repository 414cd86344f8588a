"""The end of a sweep whose parts fail: the summary is written, the others run, and every error is shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.report import read_summary
from atlas.sweep import ending
from atlas.sweep.ending import end_sweep
from atlas.sweep.summary import FinishedSweep
from atlas.sweep.sweep_run import SweepRun
from tests.sweep.parts import Tracking, Training, console, run_of
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


def test_a_report_that_cannot_be_drawn_is_an_error_at_the_end_of_all_the_rest(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(ending, "write_report", fail)
    well, text = end(run, ended, tracking)
    assert not well
    assert "Leaderboard" in text
    assert text.rstrip().endswith("drawing the report: no such colour")
    assert tracking.ends == ["FINISHED"]
    assert read_summary(run.folder.summary).sweep.status == "FINISHED"


def test_no_error_at_the_end_buries_another(
    run: SweepRun, ended: FinishedSweep, tracking: Tracking, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no such colour")

    monkeypatch.setattr(ending, "write_report", fail)
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


def test_why_a_sweep_was_given_up_is_shown(run: SweepRun, ended: FinishedSweep, tracking: Tracking) -> None:
    _, text = end(run, ended, tracking, failure="the broker does not answer: no status")
    assert "the sweep was given up: the broker does not answer: no status" in text
