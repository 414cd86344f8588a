"""A sweep as a Ray job: uploaded from the project's folder to a head with token authentication."""

from __future__ import annotations

import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ports import lasting_port

from tests.e2e.conftest import ROOT, SMALL, children, environment, matrices, summaries, wait_for

pytestmark = pytest.mark.slow
RAY = str(Path(sys.executable).with_name("ray"))


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that reaches a head of this test's own, which ends with it."""
    folder = Path("/tmp") / f"ray-{secrets.token_hex(3)}"  # short: Ray's sockets have a limit of 107 characters
    port, dashboard, *others = (lasting_port() for _ in range(6))
    shell = environment(
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_TMPDIR=str(folder),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    folder.mkdir()
    log = tmp_path_factory.mktemp("head") / "log"
    flags = [
        "ray-client-server-port",
        "dashboard-agent-listen-port",
        "dashboard-agent-grpc-port",
        "metrics-export-port",
    ]
    process = subprocess.Popen(
        [RAY, "start", "--head", "--block", "--node-ip-address=127.0.0.1", f"--port={port}", "--num-cpus=2"]
        + ["--dashboard-host=127.0.0.1", f"--dashboard-port={dashboard}"]
        + [f"--{flag}={number}" for flag, number in zip(flags, others, strict=True)],
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        env=shell,
    )
    wait_for(lambda: "Ray runtime started" in log.read_text(), process=process)
    yield {**shell, "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{dashboard}"}
    below = children(process.pid)
    process.send_signal(signal.SIGTERM)
    process.wait(timeout=60)
    for pid in below:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue  # it went with the head


def submit(head: dict[str, str], storage: Path) -> subprocess.CompletedProcess[str]:
    """Submit the small sweep, from another folder than the project's, and wait for it."""
    sweep = ("python", "sweeps/task_order.py", *SMALL)
    return subprocess.run(
        [RAY, "job", "submit", "--working-dir", str(ROOT), "--", *sweep, "--storage", str(storage)],
        capture_output=True,
        text=True,
        cwd=storage,
        env=head,
        timeout=400,
    )


def test_a_submitted_sweep_runs_on_the_head_and_the_upload_is_small(
    head: dict[str, str], quiet: Path, prepared: Path
) -> None:
    done = submit(head, prepared)
    text = done.stdout + done.stderr
    assert done.returncode == 0, text
    assert "succeeded" in text
    assert "Leaderboard" in text
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(quiet)[0])
    packages = list(Path(head["RAY_TMPDIR"]).glob("ray/session_*/runtime_resources/working_dir_files/_ray_pkg_*"))
    sizes = [sum(file.stat().st_size for file in package.rglob("*") if file.is_file()) for package in packages]
    assert sizes, text
    assert max(sizes) < 5 * 2**20, sizes


@pytest.mark.parametrize("token", [secrets.token_hex(32), None], ids=["wrong", "missing"])
def test_without_the_right_token_it_is_refused_and_says_what_to_set(
    token: str | None, head: dict[str, str], prepared: Path
) -> None:
    shell = {name: value for name, value in head.items() if name != "RAY_AUTH_TOKEN"}
    done = submit(shell if token is None else {**shell, "RAY_AUTH_TOKEN": token}, prepared)
    assert done.returncode != 0
    assert "RAY_AUTH_TOKEN" in done.stdout + done.stderr, done.stdout + done.stderr
    assert not (prepared / "sweeps").exists()
