from __future__ import annotations

import http.server
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.entities import Experiment
from mlflow.exceptions import MlflowException

from atlas.runtime.errors import AtlasError
from atlas.tracking import check_tracking, default_tracking_uri, find_step_runs, initialise
from atlas.tracking.mlflow.address import connect, database_file, database_uri, key_filter
from tests.forks import Forks
from tests.losses import Losses
from tests.ports import lasting_port


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A server that answers everything with the status and text of the test's parameter."""
    status, words = request.param

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(words)

        def log_message(self, *words: object) -> None:
            """Quiet."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("answering", [(200, b"OK"), (404, b"behind a path")], indirect=True)
def test_a_server_that_answers_passes(answering: str) -> None:
    check_tracking(answering)


@pytest.mark.parametrize("answering", [(500, b"")], indirect=True)
def test_a_server_in_trouble_is_refused(answering: str) -> None:
    with pytest.raises(AtlasError, match="500"):
        check_tracking(answering)


@pytest.mark.parametrize("answering", [(403, b"Invalid Host header")], indirect=True)
def test_a_server_that_refuses_its_name_says_how_to_allow_it(answering: str) -> None:
    with pytest.raises(AtlasError, match="--allowed-hosts"):
        check_tracking(answering)


def test_a_server_that_is_away_is_refused() -> None:
    with pytest.raises(AtlasError, match="does not answer"):
        check_tracking(f"http://127.0.0.1:{lasting_port()}", timeout=2)


def test_a_server_that_takes_connections_and_never_answers_is_refused_after_the_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(AtlasError, match="does not answer"):
        check_tracking(f"http://127.0.0.1:{silent.getsockname()[1]}", timeout=0.5)


@pytest.mark.parametrize("uri", ["./mlruns", "file:///tmp/mlruns", "sqlite:///relative.db", "ftp://host/mlruns"])
def test_an_address_of_another_kind_is_refused(uri: str) -> None:
    with pytest.raises(AtlasError, match="sqlite:////absolute"):
        check_tracking(uri)


def test_a_database_that_cannot_be_used_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(AtlasError, match="cannot be used"):
        check_tracking(f"sqlite:///{tmp_path}/file/mlflow.db")
    (tmp_path / "mlflow.db").write_text("this is no database at all")
    with pytest.raises(AtlasError, match="not a database"):
        check_tracking(default_tracking_uri(tmp_path))
    with pytest.raises(AtlasError, match="does not answer"):
        check_tracking(f"postgresql://user@127.0.0.1:{lasting_port()}/mlflow", timeout=2)


def test_a_missing_database_passes_and_is_not_created_by_the_check(tmp_path: Path) -> None:
    check_tracking(default_tracking_uri(tmp_path / "new"))
    assert not (tmp_path / "new" / "mlflow.db").exists()


def test_an_experiment_is_made_once_with_its_artifacts_beside_the_database(initialised: str, tmp_path: Path) -> None:
    check_tracking(initialised)
    made = initialise(initialised, "an experiment")
    assert initialise(initialised, "an experiment") == made
    client, folder = connect(initialised), Path(str(database_file(initialised))).parent
    (tmp_path / "x.txt").write_text("x")
    client.log_artifact(client.create_run(made).info.run_id, str(tmp_path / "x.txt"))
    (artifact,) = (folder / "mlartifacts").rglob("x.txt")
    assert artifact.relative_to(folder).parts[:2] == ("mlartifacts", "an%20experiment")


def test_an_experiment_that_another_tracker_makes_meanwhile_is_the_one(
    initialised: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, seen = initialise(initialised, "both"), MlflowClient.get_experiment_by_name
    looks: list[str] = []

    def late(client: MlflowClient, name: str) -> Experiment | None:
        looks.append(name)
        return seen(client, name) if len(looks) > 1 else None

    monkeypatch.setattr(MlflowClient, "get_experiment_by_name", late)
    assert initialise(initialised, "both") == made
    assert len(looks) == 2


def test_an_experiment_that_cannot_be_made_is_an_error(initialised: str) -> None:
    with pytest.raises(MlflowException, match="exceeds the maximum length"):
        initialise(initialised, "x" * 600)


def test_a_deleted_experiment_is_restored(initialised: str) -> None:
    made = initialise(initialised, "deleted")
    connect(initialised).delete_experiment(made)
    assert initialise(initialised, "deleted") == made
    assert connect(initialised).get_experiment(made).lifecycle_stage == "active"


def test_a_run_id_in_the_environment_does_not_survive(initialised: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_RUN_ID", "somebody-elses")
    connect(initialised)
    assert "MLFLOW_RUN_ID" not in os.environ


def test_looking_for_runs_in_an_experiment_that_is_not_there_finds_none(initialised: str) -> None:
    assert find_step_runs(initialised, "never made", ["k"]) == {}


def test_a_key_with_a_quote_is_refused() -> None:
    with pytest.raises(AtlasError, match="quote"):
        key_filter("k' OR '1")


def test_importing_the_package_does_not_import_mlflow() -> None:
    program = "import sys, atlas.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.slow
def test_processes_that_open_a_fresh_database_at_once_all_succeed(tmp_path: Path, forks: Forks) -> None:
    uri = default_tracking_uri(tmp_path)
    program = f"from atlas.tracking import initialise; assert initialise({uri!r}, 'e') == '1'"
    started = [forks.start(program) for _ in range(2)]
    assert [forks.wait(process) for process in started] == [0] * 2


@pytest.mark.slow
def test_a_process_killed_while_it_makes_a_database_leaves_none_and_the_next_makes_it(
    tmp_path: Path, forks: Forks, losses: Losses
) -> None:
    """MLflow itself would leave half a database, which it refuses for good."""
    uri = default_tracking_uri(tmp_path)
    program = f"from atlas.tracking import initialise; initialise({uri!r}, 'e')"
    process = forks.start(program)
    while not any(half.stat().st_size for half in tmp_path.glob(".mlflow.db.half-*[!l]")):
        time.sleep(0.001)
    os.kill(process, signal.SIGKILL)
    killed = time.monotonic()
    assert forks.wait(process) == -signal.SIGKILL
    assert not (tmp_path / "mlflow.db").exists()
    assert initialise(uri, "e") == "1"
    made = {"from_the_kill_until_the_next_had_made_it": time.monotonic() - killed}
    losses.note("MLflow's writer killed while it makes a new database", begun=losses.begun(), lost=0, **made)
    assert list(tmp_path.glob(".mlflow.db.half-*")) == []


@pytest.mark.parametrize("name", ["a#b c", "a%41", "a?b=c&d", "100%", "ü'\"%3F"])
def test_a_database_may_lie_under_any_path(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    uri = default_tracking_uri(folder)
    assert database_file(uri) == folder / "mlflow.db"
    check_tracking(uri)
    experiment = initialise(uri, "atlas")
    client = connect(uri)
    run = client.create_run(experiment)
    (tmp_path / "x.txt").write_text("x")
    client.log_artifact(run.info.run_id, str(tmp_path / "x.txt"))
    assert [one.path for one in client.list_artifacts(run.info.run_id)] == ["x.txt"]
    files = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()} - {"x.txt"}
    assert files == {name}
    check_tracking(uri)
    assert initialise(uri, "atlas") == experiment


@pytest.mark.parametrize("path", ["/a/mlflow.db", "/a b/#c/mlflow.db", "/ü'\"/x"])
def test_addresses_of_ordinary_paths_stay_as_they_were(path: str) -> None:
    assert database_uri(Path(path)) == f"sqlite:///{path}"
