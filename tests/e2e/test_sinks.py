"""A sweep without MLflow: its events are lines of JSON, and everything else ends as it does with MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.tracking import StepFinished, SweepFinished, TrialFinished
from atlas.tracking.event_lines import from_line
from tests.e2e.commands import PRINTED, sweep_told
from tests.e2e.storages import committed, steps_of, summaries

pytestmark = pytest.mark.slow


def test_a_sweep_writes_lines_of_json_and_registers_no_model(quiet_long: Path) -> None:
    (summary,) = summaries(quiet_long)
    assert summary["sweep"]["status"] == "FINISHED"
    (file,) = (quiet_long / "lines").iterdir()
    assert file.name == f"{summary['sweep']['id']}.jsonl"
    printed = (quiet_long / PRINTED).read_text()
    assert f"see the runs: {file}" in printed
    assert "has no model registry" in printed
    assert not list(quiet_long.glob("**/mlflow.db"))
    events = [from_line(line) for line in file.read_bytes().splitlines()]
    steps = [event.key for event in events if isinstance(event, StepFinished)]
    assert len(steps) == len(set(steps))
    assert set(steps) == steps_of(summary) == set(committed(quiet_long))
    assert [event.status for event in events if isinstance(event, TrialFinished)] == ["FINISHED"]
    end = events[-1]
    assert isinstance(end, SweepFinished)
    assert end.status == "FINISHED"
    assert end.metrics["best/val/average_accuracy"] == pytest.approx(summary["best"]["val"])


def test_once_its_lines_are_written_nothing_is_left_to_resume(quiet_long: Path) -> None:
    assert "no interrupted sweep" in sweep_told("--resume", storage=quiet_long, code=2)
