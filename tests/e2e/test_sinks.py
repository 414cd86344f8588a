"""A sweep without MLflow: its events are lines of JSON, and everything else ends as it does with MLflow."""

from __future__ import annotations

from pathlib import Path

import pytest

from atlas.tracking import StepFinished, SweepFinished, TrialFinished
from atlas.tracking.event_lines import from_line
from tests.e2e.commands import SMALL, lines_in, run
from tests.e2e.storages import committed, copy_of, matrices, steps_of, summaries

pytestmark = pytest.mark.slow


def test_a_sweep_writes_lines_of_json_and_registers_no_model(quiet: Path, tmp_path: Path) -> None:
    storage = copy_of(quiet, tmp_path / "storage", "data", "store")
    done = run(*SMALL, *lines_in(tmp_path), storage=storage)
    (summary,) = summaries(storage)
    assert matrices(summary) == matrices(summaries(quiet)[0])
    (file,) = (tmp_path / "lines").iterdir()
    assert file.name == f"{summary['sweep']['id']}.jsonl"
    assert f"see the runs: {file}" in done.stdout
    assert "has no model registry" in done.stdout
    assert not list(storage.glob("**/mlflow.db"))
    events = [from_line(line) for line in file.read_bytes().splitlines()]
    steps = [event.key for event in events if isinstance(event, StepFinished)]
    assert len(steps) == len(set(steps))
    assert set(steps) == steps_of(summary) <= set(committed(storage))
    assert [event.status for event in events if isinstance(event, TrialFinished)] == ["FINISHED", "FINISHED"]
    end = events[-1]
    assert isinstance(end, SweepFinished)
    assert end.status == "FINISHED"
    assert end.metrics["best/val/average_accuracy"] == pytest.approx(summary["best"]["val"])
    run(*SMALL, "--resume", storage=storage, code=2)  # the journal is settled: nothing is left to resume
