from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from atlas.runtime.errors import AtlasError
from atlas.tracking import Server, free_port, run_url, server_command, ui_command
from tests.ports import lasting_port


def test_the_ui_command_names_the_database_and_a_loopback_port() -> None:
    words = shlex.split(ui_command("sqlite:////data/my sweeps/mlflow.db", port=5123))
    assert words[words.index("--backend-store-uri") + 1] == "sqlite:////data/my sweeps/mlflow.db"
    assert words[words.index("--host") + 1] == "127.0.0.1"
    assert words[-2:] == ["--port", "5123"]
    assert "http://mlflow:5000" in ui_command("http://mlflow:5000")


def test_a_run_has_a_page() -> None:
    assert run_url("http://mlflow:5000/", "3", "abc") == "http://mlflow:5000/#/experiments/3/runs/abc"
    assert run_url("sqlite:////d/mlflow.db", "3") == "http://127.0.0.1:5000/#/experiments/3"


def test_a_server_hands_artifacts_through_where_told(tmp_path: Path) -> None:
    assert str(tmp_path) in server_command("sqlite:////d/mlflow.db", port=1, artifacts=tmp_path)
    assert "--artifacts-destination" not in server_command("sqlite:////d/mlflow.db", port=1)


def test_a_free_port_is_free() -> None:
    assert 1024 <= free_port() <= 65535


@pytest.mark.slow
def test_a_server_that_cannot_start_shows_its_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    backend = f"sqlite:///{tmp_path}/file/mlflow.db"
    server = Server(backend, port=lasting_port(), artifacts=tmp_path, log=tmp_path / "log")
    try:
        with pytest.raises(AtlasError, match="did not start"):
            server.start(timeout=60)
    finally:
        server.stop()
