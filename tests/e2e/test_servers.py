"""A sweep over real servers: runs in PostgreSQL, artifacts and the storage itself in an S3-compatible store."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from atlas.storage.filesystem import StoragePath
from atlas.tracking import Server
from tests.e2e.conftest import (
    ROOT,
    SMALL,
    WAIT,
    environment,
    expect_nothing_left,
    logged,
    run,
    summaries,
    wait_for,
)
from tests.losses import Losses
from tests.ports import lasting_port
from tests.servers import Database, ObjectStore

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class MlflowReporter:
    """A sweep's records in MLflow's database and bucket, and the sweep's own storage and summary."""

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
) -> Iterator[MlflowReporter]:
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
            yield MlflowReporter(server=server, database=postgres, objects=objects, storage=storage, summary=summary)


def test_postgresql_holds_every_run_once_and_finished(tracked: MlflowReporter) -> None:
    kinds = tracked.ask(
        "select value, count(*), count(distinct runs.run_uuid) from tags join runs using (run_uuid) "
        "where key = 'atlas.kind' and status = 'FINISHED' group by value"
    )
    steps, trials = tracked.summary["plan"]["distinct_steps"], len(tracked.summary["trials"])
    counted = {kind: rows for kind, rows, _ in kinds}
    assert {kind: counted[kind] for kind in ("sweep", "trial", "step")} == {"sweep": 1, "trial": trials, "step": steps}
    assert tracked.ask("select value from tags where key = 'atlas.key' group by value having count(*) > 1") == []
    assert tracked.ask("select count(*) from runs where status <> 'FINISHED'") == [(0,)]


def test_postgresql_holds_the_trials_figures(tracked: MlflowReporter) -> None:
    (best,) = tracked.ask(
        "select metrics.value from metrics join tags using (run_uuid) "
        "where tags.key = 'atlas.kind' and tags.value = 'sweep' and metrics.key = 'best/test/average_accuracy'"
    )
    assert best[0] == pytest.approx(tracked.summary["best"]["test"])


def test_the_bucket_holds_the_page_and_each_adapter_once(tracked: MlflowReporter) -> None:
    assert sum(name.endswith("/report.html") for name in tracked.objects) == 1
    adapters = [name for name in tracked.objects if name.endswith("/artifacts/adapter/adapter_model.safetensors")]
    used = {key for trial in tracked.summary["trials"] for key in trial["step_keys"]}
    used |= set(tracked.summary["reference_keys"])
    stored = list(tracked.storage.glob("store/steps/*/*/*/adapter/adapter_model.safetensors"))
    assert len(adapters) == len([path for path in stored if path.parents[2].name in used]) > 0


def test_the_champion_is_registered_in_the_database_and_loads_from_the_bucket(tracked: MlflowReporter) -> None:
    assert tracked.ask("select name, alias from registered_model_aliases") == [("atlas-task-order", "champion")]
    script = "import mlflow; print(type(mlflow.pyfunc.load_model('models:/atlas-task-order@champion')).__name__)"
    shell = environment(MLFLOW_TRACKING_URI=tracked.server.uri, PYTHONPATH=str(ROOT))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=shell, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert "PyFuncModel" in done.stdout


def sweep_at(storage: str, machine: Path, *arguments: str, **more: str) -> str:
    """Run the small sweep on a storage in a bucket, on the machine whose copies are in that folder."""
    command = [sys.executable, str(ROOT / "sweeps" / "task_order.py"), *SMALL, "--storage", storage, *arguments]
    return said(command, environment(ATLAS_CACHE=str(machine), **more))


def atlas(machine: Path, *arguments: str, code: int = 0, **more: str) -> str:
    """Run a command of `atlas` on that machine, with `more` in its environment, and check its exit code."""
    command = [sys.executable, "-m", "atlas.cli", *arguments]
    return said(command, environment(ATLAS_CACHE=str(machine), **more), code)


def said(command: list[str], shell: dict[str, str], code: int = 0) -> str:
    """Run a command, check its exit code, and return its output, stderr last."""
    done = subprocess.run(command, capture_output=True, text=True, env=shell, timeout=600)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def lose(storage: str, machine: Path, s3: ObjectStore, start: Callable[..., subprocess.Popen[str]]) -> list[str]:
    """Start the small sweep on a machine, and lose the machine once three steps are committed; gives their markers."""
    bucket = storage.removeprefix("s3://").partition("/")[0]

    def there() -> list[str]:
        names = s3.names(bucket)
        begun = any("/tune/experiment_state" in name for name in names)
        markers = [name for name in names if name.endswith("commit.json")]
        return markers if begun and len(markers) >= 3 else []

    process = start(*SMALL, "--fleets", "1", storage=storage, ATLAS_CACHE=str(machine), ATLAS_MARK="lost")
    markers: list[str] = wait_for(there, process=process)
    process.kill()
    expect_nothing_left("ATLAS_MARK=lost")
    shutil.rmtree(machine)
    return markers


def written(s3: ObjectStore, bucket: str, names: list[str]) -> dict[str, Any]:
    """The time of each object's last write: a step that is trained again writes its marker again."""
    client = s3.client()
    return {name: client.head_object(Bucket=bucket, Key=name)["LastModified"] for name in names}


def expect_well_seen(storage: str, machine: Path) -> None:
    """`atlas tasks` and `atlas doctor` see all of the storage from a fresh machine, and bring no data there."""
    table = atlas(machine, "tasks", "--storage", storage)
    assert f"under {storage}/data" in table
    assert table.count("train") == 2
    asked = ("doctor", "--tasks", "digits", "piqa-twin", "--storage", storage)
    lines = atlas(machine, *asked).splitlines()
    for line in (
        f"ok   storage: {storage} can be written here",
        "ok   data: digits, piqa-twin are prepared",
        "ok   shared storage: every node reads and writes it",
        "ok   data on the nodes: every node sees digits, piqa-twin",
    ):
        assert line in lines
    assert list(machine.rglob("*.arrow")) == []
    told = atlas(machine, *asked, code=1, AWS_SECRET_ACCESS_KEY="another")
    assert "FIX  storage:" in told
    assert "AWS Error SIGNATURE_DOES_NOT_MATCH" in told


def test_a_sweep_in_a_bucket_goes_on_on_another_machine_and_again_trains_nothing_on_a_third(
    bucket: str,
    s3: ObjectStore,
    quiet: Path,
    tmp_path: Path,
    background: Callable[..., subprocess.Popen[str]],
    monkeypatch: pytest.MonkeyPatch,
    losses: Losses,
) -> None:
    storage, second, third = f"{bucket}/prefix", tmp_path / "second", tmp_path / "third"
    name = bucket.removeprefix("s3://")
    markers = lose(storage, tmp_path / "first", s3, partial(background, **losses.shell))
    before = written(s3, name, markers)
    resumed = time.monotonic()
    sweep_at(storage, second, "--resume", **losses.shell)
    took = time.monotonic() - resumed
    assert written(s3, name, markers) == before
    begun, steps = losses.begun(), summaries(quiet)[0]["plan"]["distinct_steps"]
    fault = "the driver's machine lost, storage in a bucket"
    losses.note(fault, begun=begun, lost=begun - steps, from_resuming_to_the_sweeps_end=took)
    runs = logged(f"sqlite:///{second / 's3' / name / 'prefix' / 'mlflow.db'}")
    assert Counter(run.data.tags["atlas.kind"] for run in runs.values() if run.info.status == "FINISHED") == {
        "sweep": 1,
        "trial": 2,
        "step": steps,
    }
    assert "nothing to train" in sweep_at(storage, third)
    monkeypatch.setenv("ATLAS_CACHE", str(third))
    sweeps = StoragePath.at(storage) / "sweeps"
    sweeps.download(only=("summary.json",))
    found = [json.loads((sweeps.local / one / "summary.json").read_text()) for one in sweeps.folders()]
    assert {summary["ledger"]["steps_trained"] > 0 for summary in found} == {True, False}
    (there,) = summaries(quiet)[:1]
    for summary in found:
        assert {tuple(trial["order"]): trial["R"] for trial in summary["trials"]} == {
            tuple(trial["order"]): trial["R"] for trial in there["trials"]
        }
    for one in sweeps.folders():
        assert (sweeps / one).has("report.html")
        assert "tune" in (sweeps / one).folders()
    assert f"{steps} steps" in atlas(third, "store", "list", "--storage", storage)
    assert f"{steps} of {steps} steps are whole" in atlas(third, "store", "verify", "--storage", storage)
    assert "nothing was removed" not in atlas(third, "store", "collect", "--storage", storage)
    atlas(third, "store", "export", sweeps.folders()[0], str(tmp_path / "stack"), "--storage", storage)
    assert (tmp_path / "stack" / "README.md").is_file()
    assert "report.html" in atlas(third, "report", sweeps.folders()[0], "--storage", storage)
    expect_well_seen(storage, tmp_path / "fourth")
