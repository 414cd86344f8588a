"""A sweep over real servers: runs in PostgreSQL, artifacts in an S3-compatible store. MLflow's server goes and comes
back, and its address has a password, which reaches MLflow and nothing else.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import Server
from tests.e2e.commands import ROOT, SMALL, WAIT, environment, run, sweep_told
from tests.e2e.nodes import ray_folder
from tests.e2e.processes import sweeps_in_background, wait_for
from tests.e2e.storages import committed, copy_of, logged, matrices, summaries
from tests.losses import Losses
from tests.ports import lasting_port
from tests.servers import Database, ObjectStore

pytestmark = pytest.mark.slow


@dataclass(frozen=True, kw_only=True)
class Tracked:
    """A sweep's records in MLflow's database and bucket, what it left itself, and what it printed.

    `summary` is of the first run, for whose end the server was away; `secret` is the password in its address, `logs`
    are Ray's.
    """

    server: Server
    database: Database
    secret: str
    storage: Path
    logs: Path
    summary: dict[str, Any]
    printed: str
    printed_on_resuming: str
    away_seconds: float
    objects: list[str]

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
    """The quiet sweep walked again, all its steps known, told to a server that is away for a while, and resumed."""
    folder, secret, logs = tmp_path_factory.mktemp("tracked"), secrets.token_hex(8), ray_folder()
    storage = copy_of(quiet, folder / "storage", "data", "store")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_S3_ENDPOINT_URL", s3.environment["AWS_ENDPOINT_URL"])
        files, log = s3.bucket("mlflow"), folder / "server.log"
        with Server(postgres.uri, port=lasting_port(), artifacts=files, log=log) as server:
            address = server.uri.replace("http://", f"http://me:{secret}@")
            printed, away = walk_without_server_at_the_end(storage, server, address, logs)
            (summary,) = summaries(storage)
            server.start()
            shell = {"MLFLOW_TRACKING_URI": address, "RAY_TMPDIR": str(logs)}
            done = run(*SMALL, "--resume", storage=storage, **shell)
            yield Tracked(
                server=server,
                database=postgres,
                secret=secret,
                storage=storage,
                logs=logs,
                summary=summary,
                printed=printed,
                printed_on_resuming=done.stdout + done.stderr,
                away_seconds=away,
                objects=s3.names("mlflow"),
            )
    shutil.rmtree(logs, ignore_errors=True)


def walk_without_server_at_the_end(storage: Path, server: Server, address: str, logs: Path) -> tuple[str, float]:
    """Stop the server once the sweep has told it something; gives what was printed, and how long it went on for."""
    with sweeps_in_background() as start:
        process = start(*SMALL, "--fleets", "1", "--tracking-uri", address, storage=storage, RAY_TMPDIR=str(logs))
        wait_for(lambda: list(storage.glob("sweeps/*/spool/events.jsonl")), process=process)
        server.stop()
        stopped = time.monotonic()
        out, _ = process.communicate(timeout=WAIT)
        assert process.returncode == 0, out
        return out, time.monotonic() - stopped


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


def test_the_sweep_ends_well_while_the_server_is_away_and_everything_is_there_on_resuming(
    quiet: Path, tracked: Tracked, losses: Losses
) -> None:
    assert "has not taken everything yet" in tracked.printed
    assert "not registered" in tracked.printed
    assert "--resume task-order-" in tracked.printed
    assert matrices(tracked.summary) == matrices(summaries(quiet)[0])
    assert "models:/atlas-task-order/1" in tracked.printed_on_resuming
    runs = logged(tracked.server.uri)
    assert set(committed(tracked.storage)) <= set(runs)
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
    losses.note("MLflow's server away and back", begun=0, lost=0, from_its_going_to_the_sweeps_end=tracked.away_seconds)
    sweep_told(*SMALL, "--resume", storage=tracked.storage, code=2)  # there is nothing left to go on with


def test_the_same_sweep_again_trains_nothing_and_gives_the_same_matrices(quiet: Path, tracked: Tracked) -> None:
    assert committed(tracked.storage) == committed(quiet)
    assert tracked.summary["ledger"]["steps_trained"] == 0
    assert matrices(tracked.summary) == matrices(summaries(quiet)[0])
    assert "nothing to train" in tracked.printed


def test_the_password_in_the_tracking_address_is_written_nowhere(tracked: Tracked) -> None:
    assert list(tracked.logs.rglob("raylet.out"))
    assert list(tracked.storage.rglob("tuner.pkl"))
    places = (tracked.storage.parent, tracked.logs, tracked.database.folder)
    assert holding(tracked.summary["sweep"]["id"], tracked.database.folder)  # its files can be read
    assert [file for folder in places for file in holding(tracked.secret, folder)] == []
    assert tracked.secret not in tracked.printed + tracked.printed_on_resuming


def test_the_server_is_named_without_its_password(tracked: Tracked) -> None:
    assert tracked.summary["settings"]["tracking_uri"] == tracked.server.uri
    assert "***@" in tracked.summary["sweep"]["command"]
    assert tracked.server.uri in tracked.printed


def holding(text: str, folder: Path) -> list[str]:
    """The files below `folder` that hold the text."""
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return [str(path) for path in files if text.encode() in path.read_bytes()]


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
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=shell, timeout=WAIT)
    assert done.returncode == 0, done.stderr
    assert "PyFuncModel" in done.stdout
