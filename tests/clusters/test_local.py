"""The local scripts, for real: two nodes with a token, MLflow, the doctor's visit, and everything ended again."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.ports import lasting_port

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "clusters" / "local"
WAIT = 600


def call(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    shell = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))}
    shell |= {"HF_HUB_OFFLINE": "1", "PYTHON": sys.executable, **variables}
    return subprocess.run(command, capture_output=True, text=True, timeout=WAIT, cwd=ROOT, env=shell)


def free_ports() -> dict[str, str]:
    return {name: str(lasting_port()) for name in ("RAY_PORT", "DASHBOARD_PORT", "MLFLOW_PORT")}


def doctor(
    cluster: dict[str, str], *arguments: str, task: str = "piqa-twin", **variables: str
) -> tuple[int, dict[str, str]]:
    """The doctor's exit code and findings, by what was looked at."""
    command = (sys.executable, "-m", "atlas.cli", "doctor", "--tasks", task, *arguments)
    done = call(*command, **{**cluster, **variables})
    lines = [line.partition(": ") for line in done.stdout.splitlines()]
    return done.returncode, {head: says for head, _, says in lines} or {"stderr": done.stderr}


@pytest.fixture(scope="module")
def variables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A storage with one task prepared, and ports that nobody uses."""
    storage = tmp_path_factory.mktemp("storage")
    done = call(sys.executable, "-m", "atlas.cli", "prepare", "piqa-twin", "--storage", str(storage))
    assert done.returncode == 0, done.stderr
    return {"ATLAS_STORAGE": str(storage), "NODES": "2", **free_ports()}


@pytest.fixture(scope="module")
def cluster(variables: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment that up.sh tells to source, as it is then."""
    started = call(str(SCRIPTS / "up.sh"), **variables)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        file = Path(variables["ATLAS_STORAGE"]) / "cluster" / "env"
        assert f"source {file}" in started.stdout
        dump = "import json, os; print(json.dumps(dict(os.environ)))"
        shown = call("bash", "-c", f'source {file} && "$PYTHON" -c "{dump}"')
        yield {
            name: value
            for name, value in json.loads(shown.stdout).items()
            if name.startswith(("RAY_", "ATLAS_", "MLF"))
        }
    finally:
        call(str(SCRIPTS / "down.sh"), **variables)


def test_the_doctor_finds_everything_well(cluster: dict[str, str]) -> None:
    code, found = doctor(cluster)
    assert {head[:3] for head in found} == {"ok "}, found
    assert code == 0
    assert found["ok   cluster"].startswith("2 nodes")
    assert found["ok   token"] == "every node asks for one"
    assert cluster["MLFLOW_TRACKING_URI"] in found["ok   tracking"]


def test_the_doctor_says_what_to_do_about_data_a_plan_and_a_token(cluster: dict[str, str]) -> None:
    code, found = doctor(cluster, "--fleets", "50", "--cpus-per-worker", "1", task="digits")
    assert code == 1
    assert {head for head in found if head.startswith("FIX")} == {"FIX  data", "FIX  plan"}
    assert "atlas prepare digits" in found["FIX  data"]


def test_the_dashboard_is_on_the_loopback_and_asks_for_the_token(cluster: dict[str, str]) -> None:
    address = cluster["RAY_API_SERVER_ADDRESS"]
    assert address.startswith("http://127.0.0.1:")
    with pytest.raises(HTTPError) as refused:
        urlopen(f"{address}/api/jobs/", timeout=20)
    assert refused.value.code in (401, 403)
    token = Path(cluster["RAY_AUTH_TOKEN_PATH"])
    assert token.stat().st_mode & 0o077 == 0
    with urlopen(Request(f"{address}/api/jobs/", headers={"Authorization": f"Bearer {token.read_text()}"})) as answer:
        assert answer.status == 200


def test_a_second_cluster_over_the_first_is_refused(cluster: dict[str, str], variables: dict[str, str]) -> None:
    again = call(str(SCRIPTS / "up.sh"), **variables)
    assert again.returncode == 1
    assert "a cluster was started already" in again.stderr


def test_a_port_in_use_is_refused_before_anything_starts(variables: dict[str, str], tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = call(
            str(SCRIPTS / "up.sh"), **{**variables, **free_ports(), "ATLAS_STORAGE": str(tmp_path), "MLFLOW_PORT": port}
        )
    assert done.returncode == 1
    assert f"port {port} is in use; set" in done.stderr
    assert list((tmp_path / "cluster").iterdir()) == []


def test_a_head_that_does_not_start_is_told_and_nothing_is_left(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    fakes = {"ray": "echo no room; exit 3", "mlflow": "exec sleep 600", "python": f'exec {sys.executable} "$@"'}
    for name, does in fakes.items():
        (tools / name).write_text(f"#!/bin/sh\n{does}\n")
        (tools / name).chmod(0o755)
    done = call(str(SCRIPTS / "up.sh"), ATLAS_STORAGE=str(tmp_path), PYTHON=str(tools / "python"), **free_ports())
    assert done.returncode == 1
    assert "no room" in done.stderr
    assert "head did not start" in done.stderr
    assert sorted(path.name for path in (tmp_path / "cluster").iterdir()) == ["head.log", "mlflow.log", "token"]


def test_down_ends_what_up_started_and_nothing_else(cluster: dict[str, str], variables: dict[str, str]) -> None:
    state = Path(variables["ATLAS_STORAGE"]) / "cluster"
    started = {int(file.read_text().splitlines()[0]) for file in state.glob("*.pid")}
    assert len(started) == 3
    with subprocess.Popen(["sleep", "600"]) as bystander:
        (state / "node-9.pid").write_text(f"{bystander.pid}\nanother process's start time\n")
        done = call(str(SCRIPTS / "down.sh"), **variables)
        assert (done.returncode, bystander.poll()) == (0, None), done.stderr
        bystander.kill()
    assert "node-9" in done.stdout
    assert sorted(path.name for path in state.iterdir() if path.suffix != ".log") == ["token"]
    session = ["ps", "-o", "pid=,stat=,args=", "-s", ",".join(map(str, started))]
    lines = subprocess.run(session, capture_output=True, text=True).stdout.splitlines()
    assert [line for line in lines if not line.split()[1].startswith("Z")] == []
