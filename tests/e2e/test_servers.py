"""A sweep over real servers: runs in PostgreSQL, artifacts and the storage itself in an S3-compatible store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas.place import Place
from atlas.tracking import Server
from tests.e2e.conftest import ROOT, SMALL, environment, run, summaries
from tests.ports import lasting_port
from tests.servers import Database, ObjectStore

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """What a sweep left in MLflow's database and bucket, and the sweep's own storage and summary."""

    server: Server
    database: Database
    objects: list[str]
    storage: Path
    summary: dict[str, Any]

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        """The rows that MLflow's own tables give."""
        import psycopg2

        connection = psycopg2.connect(self.database.address)
        try:
            with connection.cursor() as cursor:
                cursor.execute(query)
                return cursor.fetchall()
        finally:
            connection.close()


@pytest.fixture(scope="module")
def tracked(
    quiet: Path, s3: ObjectStore, postgres: Database, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tracked]:
    """The quiet sweep walked again, all its steps known, and told to a server over PostgreSQL and a bucket."""
    folder = tmp_path_factory.mktemp("tracked")
    storage = folder / "storage"
    for name in ("data", "store"):
        shutil.copytree(quiet / name, storage / name)
    destination = s3.bucket("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.environment["AWS_ENDPOINT_URL"])
        port, log = lasting_port(), folder / "server.log"
        with Server(postgres.uri, port=port, artifacts=destination, log=log) as server:
            run(*SMALL, "--tracking-uri", server.uri, storage=storage)
            (summary,) = summaries(storage)
            objects = s3.names("mlflow")
            yield Tracked(server=server, database=postgres, objects=objects, storage=storage, summary=summary)


def test_postgresql_holds_every_run_once_and_finished(tracked: Tracked) -> None:
    kinds = tracked.ask(
        "select value, count(*), count(distinct runs.run_uuid) from tags join runs using (run_uuid) "
        "where key = 'atlas.kind' and status = 'FINISHED' group by value"
    )
    steps, trials = tracked.summary["plan"]["distinct_steps"], len(tracked.summary["trials"])
    counted = {kind: rows for kind, rows, _ in kinds}
    assert {kind: counted[kind] for kind in ("sweep", "trial", "step")} == {"sweep": 1, "trial": trials, "step": steps}
    assert tracked.ask("select value from tags where key = 'atlas.key' group by value having count(*) > 1") == []
    assert tracked.ask("select count(*) from runs where status <> 'FINISHED'") == [(0,)]


def test_postgresql_holds_the_trials_figures(tracked: Tracked) -> None:
    (best,) = tracked.ask(
        "select metrics.value from metrics join tags using (run_uuid) "
        "where tags.key = 'atlas.kind' and tags.value = 'sweep' and metrics.key = 'best/test/average_accuracy'"
    )
    assert best[0] == pytest.approx(tracked.summary["best"]["test"])


def test_the_bucket_holds_the_page_and_each_adapter_once(tracked: Tracked) -> None:
    assert sum(name.endswith("/report.html") for name in tracked.objects) == 1
    adapters = [name for name in tracked.objects if name.endswith("/artifacts/adapter/adapter_model.safetensors")]
    used = {key for trial in tracked.summary["trials"] for key in trial["step_keys"]}
    used |= set(tracked.summary["reference_keys"])
    stored = list(tracked.storage.glob("store/steps/*/*/*/adapter/adapter_model.safetensors"))
    assert len(adapters) == len([path for path in stored if path.parents[2].name in used]) > 0


def test_the_champion_is_registered_in_the_database_and_loads_from_the_bucket(tracked: Tracked) -> None:
    assert tracked.ask("select name, alias from registered_model_aliases") == [("atlas-task-order", "champion")]
    script = "import mlflow; print(type(mlflow.pyfunc.load_model('models:/atlas-task-order@champion')).__name__)"
    shell = environment(MLFLOW_TRACKING_URI=tracked.server.uri, PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=shell, timeout=240)
    assert done.returncode == 0, done.stderr
    assert "PyFuncModel" in done.stdout


def sweep_at(address: str, *arguments: str) -> str:
    """Run the small sweep on a storage in a bucket."""
    command = [sys.executable, str(ROOT / "sweeps" / "task_order.py"), *SMALL, "--storage", address, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def atlas(*arguments: str) -> str:
    """Run a command of `atlas`."""
    command = [sys.executable, "-m", "atlas.cli", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment(), timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_sweep_lives_in_a_bucket_and_again_trains_nothing_from_another_machine(
    bucket: str, quiet: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = f"{bucket}/prefix"
    sweep_at(storage)
    monkeypatch.setenv("ATLAS_CACHE", str(tmp_path / "another machine"))
    assert "nothing to train" in sweep_at(storage)
    sweeps = Place.at(storage) / "sweeps"
    sweeps.pull(only=("summary.json",))
    found = [json.loads((sweeps.local / name / "summary.json").read_text()) for name in sweeps.folders()]
    assert {summary["ledger"]["steps_trained"] > 0 for summary in found} == {True, False}
    (there,) = summaries(quiet)[:1]
    for summary in found:
        assert {tuple(trial["order"]): trial["R"] for trial in summary["trials"]} == {
            tuple(trial["order"]): trial["R"] for trial in there["trials"]
        }
    for name in sweeps.folders():
        assert (sweeps / name).has("report.html")
        assert "tune" in (sweeps / name).folders()
    steps = there["plan"]["distinct_steps"]
    assert f"{steps} steps" in atlas("store", "list", "--storage", storage)
    assert f"{steps} of {steps} steps are whole" in atlas("store", "verify", "--storage", storage)
    assert "nothing was removed" not in atlas("store", "collect", "--storage", storage)
    atlas("store", "export", sweeps.folders()[0], str(tmp_path / "stack"), "--storage", storage)
    assert (tmp_path / "stack" / "README.md").is_file()
    assert "report.html" in atlas("report", sweeps.folders()[0], "--storage", storage)
