from __future__ import annotations

import contextlib
import json
import shlex
import socket
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from atlas.tracking.mlflow.address import database_uri
from atlas.tracking.mlflow.viewer import viewer

VIEW = "#/experiments/7/runs?workflowType=machine_learning&viewStateShareKey=s1"


@pytest.fixture
def address(tmp_path: Path) -> str:
    """An SQLite database with the run of the sweep `s1`, as far as it is looked at."""
    database = tmp_path / "mlflow.db"
    with contextlib.closing(sqlite3.connect(database)) as file:
        file.execute("CREATE TABLE runs (run_uuid TEXT, experiment_id INTEGER)")
        file.execute("CREATE TABLE tags (run_uuid TEXT, key TEXT, value TEXT)")
        file.execute("INSERT INTO runs VALUES ('the-run', 7)")
        file.execute("INSERT INTO tags VALUES ('the-run', 'atlas.key', 'sweep/s1')")
        file.commit()
    return database_uri(database)


@contextlib.contextmanager
def serving(run_id: str) -> Iterator[tuple[int, list[str | None]]]:
    """A server that knows one run and the experiment `atlas`; its port, and the credentials that it was shown."""
    shown: list[str | None] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            shown.append(self.headers.get("Authorization"))
            known = {
                f"/api/2.0/mlflow/runs/get?run_id={run_id}": {"run": {"info": {"run_id": run_id}}},
                "/api/2.0/mlflow/experiments/get-by-name?experiment_name=atlas": {"experiment": {"experiment_id": "7"}},
            }
            found = known.get(self.path)
            self.send_response(404 if found is None else 200)
            self.end_headers()
            self.wfile.write(json.dumps(found or {}).encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_port, shown
        server.shutdown()


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_database_that_nothing_serves_has_a_command_and_then_the_leaderboards_address(address: str) -> None:
    port = closed_port()
    command, page = viewer(address, "atlas", "s1", port)
    words = shlex.split(command)
    assert words[words.index("--backend-store-uri") + 1] == address
    assert words[-2:] == ["--port", str(port)]
    assert page == f"http://127.0.0.1:{port}/{VIEW}"


def test_a_server_that_serves_the_database_already_is_what_is_named(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by the run's id; whatever listens there is shown no credentials."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    with serving("the-run") as (port, shown):
        assert viewer(address, "atlas", "s1", port) == [f"http://127.0.0.1:{port}/{VIEW}"]
    assert shown == [None]


def test_where_another_server_has_the_port_the_command_takes_a_free_one(address: str) -> None:
    with serving("another-run") as (taken, _):
        command, page = viewer(address, "atlas", "s1", taken)
    port = shlex.split(command)[-1]
    assert port != str(taken)
    assert page == f"http://127.0.0.1:{port}/{VIEW}"


def test_a_server_that_is_logged_to_is_named_with_the_view_and_without_a_password(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "me")
    with serving("the-run") as (port, shown):
        assert viewer(f"http://me:hunter2@127.0.0.1:{port}", "atlas", "s1") == [f"http://127.0.0.1:{port}/{VIEW}"]
        assert viewer(f"http://127.0.0.1:{port}/", "another", "s1") == [f"http://127.0.0.1:{port}/"]
    assert None not in shown


def test_a_server_that_is_away_is_named_alone() -> None:
    port = closed_port()
    assert viewer(f"http://me:hunter2@127.0.0.1:{port}", "atlas", "s1") == [f"http://127.0.0.1:{port}"]


def test_a_sweep_that_is_not_in_the_database_has_the_command_alone(address: str, tmp_path: Path) -> None:
    assert len(viewer(address, "atlas", "s2", closed_port())) == 1
    assert len(viewer(database_uri(tmp_path / "none.db"), "atlas", "s1", closed_port())) == 1
    assert not (tmp_path / "none.db").exists()
