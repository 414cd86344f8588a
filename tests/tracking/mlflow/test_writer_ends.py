"""The ends of sweeps and trials in MLflow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from atlas.tracking import RunArtifact, SweepFinished, TrialFinished
from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.writer import Writer
from tests.tracking.mlflow.told import sweep_started, trial_started


def test_figures_of_a_sweep_are_uploaded_and_a_missing_one_does_no_harm(
    writer: Writer, runs: Callable[[], dict[str, Any]], initialised: str, tmp_path: Path
) -> None:
    page = tmp_path / "report.html"
    page.write_text("<html></html>")
    artifacts = (RunArtifact(str(page), "report"), RunArtifact(str(tmp_path / "gone.png"), "report"))
    writer.apply(SweepFinished(sweep="s1", status="KILLED", artifacts=artifacts))
    run = runs()["sweep/s1"]
    assert run.info.status == "KILLED"
    assert [item.path for item in connect(initialised).list_artifacts(run.info.run_id, "report")] == [
        "report/report.html"
    ]


def test_figures_that_are_known_at_a_sweeps_end_are_its_trials_too(
    writer: Writer, runs: Callable[[], dict[str, Any]]
) -> None:
    writer.apply(trial_started())
    found = {"t1": {"test AOPD": 3.5, "other": None}, "never begun": {"test AOPD": 1.0}}
    writer.apply(SweepFinished(sweep="s1", status="FINISHED", trials=found))
    assert runs()["trial/s1/t1"].data.metrics == {"test AOPD": 3.5}
    assert set(runs()) == {"trial/s1/t1", "sweep/s1"}


def test_an_abandoned_trial_is_closed_with_its_sweep(writer: Writer, runs: Callable[[], dict[str, Any]]) -> None:
    for event in (
        sweep_started(),
        trial_started(),
        trial_started(trial="lost"),
        trial_started(sweep="s2"),
        TrialFinished(sweep="s1", trial="t1", status="FINISHED"),
        SweepFinished(sweep="s1", status="FINISHED"),
    ):
        writer.apply(event)
    status = {key: run.info.status for key, run in runs().items()}
    assert (status["trial/s1/lost"], status["trial/s1/t1"], status["sweep/s1"]) == ("KILLED", "FINISHED", "FINISHED")
    assert status["trial/s2/t1"] == "RUNNING"


def test_a_pruned_trial_is_closed_as_killed(writer: Writer, runs: Callable[[], dict[str, Any]]) -> None:
    """MLflow has no status of its own for it."""
    writer.apply(trial_started())
    writer.apply(TrialFinished(sweep="s1", trial="t1", status="PRUNED"))
    assert runs()["trial/s1/t1"].info.status == "KILLED"


def test_a_start_that_arrives_after_its_own_end_opens_nothing(
    writer: Writer, runs: Callable[[], dict[str, Any]]
) -> None:
    """Where the tracking actor was killed, Ray sends what was under way again, after what came later."""
    sweep, trial = sweep_started(), trial_started()
    for event in (sweep, trial, trial_started(trial="t2")):
        writer.apply(event)
    for late in ("t1", "t2"):
        writer.apply(TrialFinished(sweep="s1", trial=late, status="FINISHED"))
    writer.apply(trial.model_copy(update={"at": trial.at - 1}))
    writer.apply(SweepFinished(sweep="s1", status="FINISHED"))
    writer.apply(sweep.model_copy(update={"at": sweep.at - 1}))
    assert {run.info.status for run in runs().values()} == {"FINISHED"}
