"""A database of MLflow that was moved with its artifacts, as MLflow itself reads it."""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import mlflow
import pytest

from atlas.tracking import RunArtifact, SweepFinished, SweepStarted, default_tracking_uri, fetch_of_sweep, sweep_run
from atlas.tracking.mlflow.address import connect
from atlas.tracking.mlflow.relocation import COLUMNS, relocate
from atlas.tracking.mlflow.writer import Writer


def doubled(model_input: list[float]) -> list[float]:
    return [2 * value for value in model_input]


@pytest.fixture
def storage(mlflow_tables: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Makes a storage of that name with a logged sweep, and a model of that in the registry."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        folder.mkdir(parents=True)
        shutil.copy(mlflow_tables, folder / "mlflow.db")
        (tmp_path / "summary.json").write_text("{}")
        address = default_tracking_uri(folder)
        writer = Writer(address, "atlas")
        writer.apply(SweepStarted(sweep="s", name="s", params={}))
        writer.apply(
            SweepFinished(sweep="s", status="FINISHED", artifacts=(RunArtifact(str(tmp_path / "summary.json")),))
        )
        mlflow.set_tracking_uri(address)
        mlflow.set_registry_uri(address)
        with mlflow.start_run(run_id=sweep_run(address, "s").run_id):
            mlflow.pyfunc.log_model(name="m", python_model=doubled, registered_model_name="m", pip_requirements=[])
        return folder

    return make


def expect_whole(folder: Path, into: Path) -> None:
    """Artifacts and model are read at that place, and new runs go there."""
    address = default_tracking_uri(folder)
    into.mkdir()
    assert fetch_of_sweep(address, sweep_run(address, "s"), "summary.json", into).read_text() == "{}"
    mlflow.set_tracking_uri(address)
    mlflow.set_registry_uri(address)
    assert mlflow.pyfunc.load_model("models:/m/1").predict([3.0]) == [6.0]
    client = connect(address)
    experiment = client.get_experiment_by_name("atlas")
    run = client.create_run(experiment.experiment_id)
    client.log_text(run.info.run_id, "new", "new.txt")
    assert [path.read_text() for path in (folder / "mlartifacts").rglob("new.txt")] == ["new"]


@pytest.mark.parametrize(("was", "now"), [("old", "new place/b"), ("o%41 d", "new"), ("old", "n #b?c")])
def test_a_moved_database_names_its_artifacts_where_they_are(
    storage: Callable[[str], Path], tmp_path: Path, was: str, now: str
) -> None:
    folder = storage(was)
    (tmp_path / now).parent.mkdir(exist_ok=True)
    shutil.move(folder, tmp_path / now)
    expect_whole(tmp_path / now, tmp_path / "into")
    assert not folder.exists()


def test_a_copy_is_a_storage_of_its_own_and_a_link_is_the_same(storage: Callable[[str], Path], tmp_path: Path) -> None:
    folder = storage("old")
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "link").symlink_to(folder)
    expect_whole(tmp_path / "copy", tmp_path / "into")
    assert not list(folder.rglob("new.txt"))
    before = addresses(folder / "mlflow.db")
    relocate((tmp_path / "link").resolve() / "mlflow.db")
    assert addresses(folder / "mlflow.db") == before


def addresses(database: Path) -> set[str]:
    with sqlite3.connect(database) as file:
        return {row[0] for table, column in COLUMNS for row in file.execute(f"SELECT {column} FROM {table}")}


def test_other_places_are_left_alone(storage: Callable[[str], Path], tmp_path: Path) -> None:
    folder = storage("old")
    with sqlite3.connect(folder / "mlflow.db") as file:
        file.execute("UPDATE runs SET artifact_uri = '/somebody/elses'")
        file.execute("UPDATE model_versions SET source = ?", (f"{folder}/mlartifacts-2/x",))
    shutil.move(folder, tmp_path / "new")
    relocate(tmp_path / "new" / "mlflow.db")
    found = addresses(tmp_path / "new" / "mlflow.db")
    assert {"/somebody/elses", f"{folder}/mlartifacts-2/x", f"{tmp_path}/new/mlartifacts/atlas"} <= found


def test_a_database_that_was_copied_alone_keeps_the_artifacts_of_the_other(
    storage: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = storage("old")
    (tmp_path / "alone").mkdir()
    shutil.copy(folder / "mlflow.db", tmp_path / "alone")
    relocate(tmp_path / "alone" / "mlflow.db")
    assert addresses(tmp_path / "alone" / "mlflow.db") == addresses(folder / "mlflow.db")


def test_one_that_cannot_be_changed_is_told_and_read_as_it_is(
    storage: Callable[[str], Path], tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = storage("old")
    shutil.move(folder, tmp_path / "new")
    database = tmp_path / "new" / "mlflow.db"
    with sqlite3.connect(database, isolation_level=None) as busy:
        busy.execute("BEGIN IMMEDIATE")
        monkeypatch.setattr("atlas.tracking.mlflow.relocation.BUSY_SECONDS", 0.1)
        with caplog.at_level(logging.WARNING):
            relocate(database)
        busy.execute("ROLLBACK")
    assert "may name artifacts where they were before it was moved" in caplog.text
    assert f"{folder}/mlartifacts/atlas" in addresses(database)


def test_a_file_without_tables_is_left_alone(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "mlflow.db").close()
    relocate(tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").stat().st_size == 0
