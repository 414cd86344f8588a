from __future__ import annotations

from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import RunArtifact, SweepFinished, Tracker, TrialStarted, fetch_of_sweep, logged_run, open_sink
from atlas.tracking.mlflow.address import connect


def test_a_run_is_known_by_its_tags_and_its_sweeps_files_are_fetched(initialised: str, tmp_path: Path) -> None:
    experiment, file = tmp_path.name, tmp_path / "summary.json"
    file.write_text("{}")
    tracker = Tracker(open_sink(initialised, experiment), tmp_path / "spool")
    tracker.record(TrialStarted(sweep="s1", trial="t1", params={"order": ["digits"]}))
    tracker.record(SweepFinished(sweep="s1", status="FINISHED", artifacts=(RunArtifact(str(file)),)))
    assert tracker.close()
    client = connect(initialised)
    known = client.get_experiment_by_name(experiment)
    assert known is not None
    runs = {run.data.tags["atlas.kind"]: run.info.run_id for run in client.search_runs([known.experiment_id])}
    trial, sweep = (logged_run(initialised, runs[kind]) for kind in ("trial", "sweep"))
    assert (trial.kind, trial.sweep, trial.trial) == ("trial", "s1", "t1")
    assert (sweep.kind, sweep.sweep, sweep.trial) == ("sweep", "s1", "")
    (tmp_path / "fetched").mkdir()
    assert fetch_of_sweep(initialised, trial, "summary.json", tmp_path / "fetched").read_text() == "{}"
    with pytest.raises(AtlasError, match=r"has no report\.html in MLflow"):
        fetch_of_sweep(initialised, trial, "report.html", tmp_path / "fetched")


def test_an_unknown_run_is_refused_without_the_password(initialised: str) -> None:
    with pytest.raises(AtlasError, match="has no run '0000'"):
        logged_run(initialised, "0000")


def test_an_address_without_runs_is_refused() -> None:
    with pytest.raises(AtlasError, match="it is not MLflow's"):
        logged_run("jsonl:/runs", "0000")
