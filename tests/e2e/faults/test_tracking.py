"""MLflow's server gone while a sweep runs, and back later: the sweep ends well, and nothing is lost or doubled."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.tracking import Server, default_tracking_uri
from tests.e2e.conftest import SMALL, WAIT, committed, logged, matrices, run, summaries, wait_for
from tests.losses import Losses
from tests.ports import lasting_port

pytestmark = pytest.mark.slow


def test_a_server_that_is_away_at_the_sweeps_end_gets_everything_on_resuming(
    quiet: Path, tmp_path: Path, background: Callable[..., Any], losses: Losses
) -> None:
    storage = tmp_path / "storage"
    for part in ("data", "store"):
        shutil.copytree(quiet / part, storage / part)
    database, port = default_tracking_uri(tmp_path), lasting_port()
    server = Server(database, port=port, artifacts=tmp_path / "artifacts", log=tmp_path / "server.log")
    server.start()
    try:
        process = background(*SMALL, "--tracking-uri", server.uri, storage=storage)
        wait_for(lambda: list(storage.glob("sweeps/*/spool/events.jsonl")), process=process)
        server.stop()
        stopped = time.monotonic()
        out, _ = process.communicate(timeout=WAIT)
        waited = time.monotonic() - stopped
        assert process.returncode == 0, out
        assert "has not taken everything yet" in out
        assert "not registered" in out
        assert "--resume task-order-" in out
        (summary,) = summaries(storage)
        assert matrices(summary) == matrices(summaries(quiet)[0])
        server.start()
        done = run(*SMALL, "--resume", storage=storage, MLFLOW_TRACKING_URI=server.uri)
        assert "models:/atlas-task-order/1" in done.stdout
        runs = logged(database)
        assert set(committed(storage)) <= set(runs)
        assert {run.info.status for run in runs.values()} == {"FINISHED"}
        losses.note("MLflow's server away and back", begun=0, lost=0, from_its_going_to_the_sweeps_end=waited)
    finally:
        server.stop()
    run(*SMALL, "--resume", storage=storage, code=2)  # there is nothing left to go on with
