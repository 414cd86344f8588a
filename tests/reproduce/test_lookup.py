from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from atlas.reproduce.lookup import find_run, summary_of
from atlas.reproduce.recorded_run import RecordedRun
from atlas.runtime.errors import AtlasError
from atlas.storage.filesystem import StoragePath
from atlas.tracking import (
    RunArtifact,
    StepFinished,
    SweepFinished,
    SweepStarted,
    Tracker,
    TrialStarted,
    default_tracking_uri,
    open_sink,
)
from atlas.tracking.mlflow.address import connect
from tests.report.conftest import typed
from tests.reproduce.conftest import keep


def found(run: str, storage: Path, tracking_uri: str = "") -> RecordedRun:
    return find_run(run, storage=str(storage), tracking_uri=tracking_uri)


def test_a_sweep_is_found_in_its_storage_and_a_trial_in_it(summary: dict[str, Any], tmp_path: Path) -> None:
    path = keep(summary, tmp_path / "storage")
    whole = found("a-sweep", tmp_path / "storage")
    assert (whole.name, len(whole.trials)) == ("a-sweep", 2)
    assert whole.storages[0] == tmp_path / "storage"
    assert found("a-sweep/t1", tmp_path / "storage").trials == whole.trials[1:]
    elsewhere = found(str(path), tmp_path / "elsewhere")
    assert elsewhere.storages == (tmp_path / "storage", tmp_path / "elsewhere")
    assert summary_of("a-sweep", tmp_path / "storage") == path


def test_an_unknown_run_names_the_nearest(summary: dict[str, Any], tmp_path: Path) -> None:
    keep(summary, tmp_path)
    for look in (lambda: found("a-sweeq", tmp_path), lambda: summary_of("a-sweeq", tmp_path)):
        with pytest.raises(AtlasError, match="Did you mean 'a-sweep'"):
            look()


def test_a_sweep_that_has_not_ended_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sweeps" / "open").mkdir(parents=True)
    with pytest.raises(AtlasError, match="has not ended. Go on with it by --resume"):
        found("open", tmp_path)


def test_ones_own_tasks_and_learner_are_known_from_the_folder_or_from_the_command(
    summary: dict[str, Any], tmp_path: Path
) -> None:
    keep(summary, tmp_path / "a", {"tasks": ["digits", "/home/me/mine.py:TASK"], "learner": "/home/me/it.py:Mine"})
    kept = found("a-sweep", tmp_path / "a")
    assert (kept.own, kept.learner) == (("/home/me/mine.py:TASK",), "/home/me/it.py:Mine")
    summary["sweep"]["command"] += " --tasks digits mine.py:TASK --tracking-uri http://***@host --learner it.py:Mine"
    keep(summary, tmp_path / "b")
    kept = found("a-sweep", tmp_path / "b")
    assert (kept.own, kept.learner) == (("mine.py:TASK",), "it.py:Mine")
    keep(summary, tmp_path / "c", {"learner": "atlas"})
    assert found("a-sweep", tmp_path / "c").learner == ""


def test_a_run_in_an_object_store_is_found_from_another_machine(
    summary: dict[str, Any], bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = StoragePath.at(bucket)
    keep(summary, place.local)
    place.upload()
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "another machine"))
    assert find_run("a-sweep", storage=bucket, tracking_uri="").summary == typed(summary)


@pytest.fixture
def logged(summary: dict[str, Any], tmp_path: Path) -> dict[str, str]:
    """The sweep, its second trial and a step of its first in MLflow alone: kind → run id."""
    step = summary["trials"][0]["step_keys"][0]
    path = keep(summary, tmp_path / "made")
    uri = default_tracking_uri(tmp_path)
    tracker = Tracker(open_sink(uri), tmp_path / "spool")
    tracker.record(SweepStarted(sweep="a-sweep", name="a-sweep", params={}))
    tracker.record(TrialStarted(sweep="a-sweep", trial="t1", params={"order": summary["trials"][1]["order"]}))
    tracker.record(StepFinished(key=step, name="a step", sweep="a-sweep"))
    tracker.record(SweepFinished(sweep="a-sweep", status="FINISHED", artifacts=(RunArtifact(str(path)),)))
    assert tracker.close()
    client = connect(uri)
    experiment = client.get_experiment_by_name("atlas")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    other = client.create_run(experiment.experiment_id).info.run_id
    return {"uri": uri, "other": other, **{run.data.tags["atlas.kind"]: run.info.run_id for run in runs}}


def test_runs_of_a_sweep_a_trial_and_a_step_are_found_in_mlflow(
    logged: dict[str, str], summary: dict[str, Any], tmp_path: Path
) -> None:
    def look(kind: str) -> RecordedRun:
        return found(logged[kind], tmp_path / "empty", logged["uri"])

    assert look("sweep").summary == typed(summary)
    assert look("trial").name == "a-sweep/t1"
    assert look("step").name == "a-sweep/t0"
    with pytest.raises(AtlasError, match="none of a sweep, a trial or a step"):
        look("other")
    with pytest.raises(AtlasError, match="has no run"):
        found("0" * 32, tmp_path / "empty", logged["uri"])


def test_a_run_is_not_looked_for_in_a_database_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AtlasError, match="there is no database"):
        found("0" * 32, tmp_path)
    assert not (tmp_path / "mlflow.db").exists()
