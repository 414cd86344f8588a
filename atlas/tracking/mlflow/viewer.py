"""The viewer of a sweep: the address of its leaderboard, and the command of a server where none serves it yet."""

from __future__ import annotations

import contextlib
import json
import socket
import sqlite3
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from atlas.tracking.events import sweep_key
from atlas.tracking.mlflow.access import authorisation, without_user
from atlas.tracking.mlflow.address import KEY_TAG, database_file
from atlas.tracking.mlflow.server import HOST, free_port, ui_command
from atlas.tracking.mlflow.views import trials_key, view_page

PORT = 5000  # on which MLflow listens by itself
ANSWER_SECONDS = 5.0
API = "/api/2.0/mlflow"


class _Run(NamedTuple):
    run_id: str
    experiment_id: str


def viewer(tracking_uri: str, experiment: str, sweep: str, port: int = PORT) -> list[str]:
    """What shows the sweep's leaderboard: an address, where a server is up, else the command of one and the address.

    An SQLite database that a server on `port` of this machine serves is seen there; the command takes another port
    where something else listens on that one. Where the runs cannot be looked up, the address or command alone.
    """
    if tracking_uri.startswith("http"):
        base = without_user(tracking_uri)
        found = _experiment_id(base, experiment)
        return [view_page(base, found, trials_key(sweep)) if found else base]
    database = database_file(tracking_uri)
    run = _run_in(database, sweep) if database is not None else None
    if run is None:
        return [ui_command(tracking_uri, _usable(port))]
    if _serves(f"http://{HOST}:{port}", run):
        return [view_page(f"http://{HOST}:{port}", run.experiment_id, trials_key(sweep))]
    port = _usable(port)
    page = view_page(f"http://{HOST}:{port}", run.experiment_id, trials_key(sweep))
    return [ui_command(tracking_uri, port), page]


def _run_in(database: Path, sweep: str) -> _Run | None:
    """The sweep's run in an SQLite database; None where it has none, or cannot be read."""
    query = "SELECT run_uuid, experiment_id FROM tags JOIN runs USING (run_uuid) WHERE tags.key = ? AND value = ?"
    try:
        uri = f"{database.resolve().as_uri()}?mode=ro"
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=ANSWER_SECONDS)) as file:
            row = file.execute(query, (KEY_TAG, sweep_key(sweep))).fetchone()
    except sqlite3.Error:
        return None
    return _Run(str(row[0]), str(row[1])) if row else None


def _serves(base: str, run: _Run) -> bool:
    """Whether the server knows the run, by its id: then it serves the same database. It is shown no credentials."""
    answer = _asked(f"{base}{API}/runs/get?run_id={run.run_id}")
    return answer.get("run", {}).get("info", {}).get("run_id") == run.run_id


def _experiment_id(base: str, name: str) -> str:
    """The id of an experiment on a server; empty where it does not answer or has none of that name."""
    page = f"{base.rstrip('/')}{API}/experiments/get-by-name?experiment_name={urllib.parse.quote(name, safe='')}"
    answer = _asked(page, authorisation())
    return str(answer.get("experiment", {}).get("experiment_id", ""))


def _asked(address: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The JSON that an address answers with; empty where it does not, or answers something else."""
    try:
        request = urllib.request.Request(address, headers=dict(headers or {}))
        with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
            found = json.load(answer)
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _usable(port: int) -> int:
    """The port, or a free one where something listens on it."""
    with socket.socket() as probe:
        return port if probe.connect_ex((HOST, port)) else free_port()
