"""Nodes of a Ray cluster of a test's own, on the loopback."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from atlas.cluster.connect import STARTS
from atlas.cluster.ray_internals import SLOW_START
from tests.e2e.commands import environment
from tests.e2e.processes import wait_for
from tests.ports import lasting_port

# Ray notices a lost node or head after a quarter of a minute to a minute; these tests need not wait for as long.
QUICK = {
    "RAY_health_check_period_ms": "1000",
    "RAY_gcs_rpc_server_reconnect_timeout_s": "15",
    "RAY_enable_metrics_collection": "0",  # nobody looks at them, and agents add up every observation of all workers
}
RAY = str(Path(sys.executable).with_name("ray"))


def ray_folder() -> Path:
    """A new folder for Ray's logs, with a short path: its sockets lie there too, and have a limit of 107 characters."""
    folder = Path("/tmp") / f"ray-{secrets.token_hex(3)}"
    folder.mkdir()
    return folder


def cluster_shell() -> dict[str, str]:
    """The environment of a cluster of a test's own, with a token, and of what may join it."""
    return environment(
        **QUICK,
        RAY_AUTH_MODE="token",
        RAY_AUTH_TOKEN=secrets.token_hex(32),
        RAY_TMPDIR=str(ray_folder()),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )


def start_node(shell: dict[str, str], log: Path, *flags: str, within: Sequence[str] = ()) -> subprocess.Popen[str]:
    """Start a node of a cluster on the loopback, a head or one that joins it, and wait until it is up.

    `within` is the beginning of a command that runs the rest of it.

    Ray gives up after half a minute, which a busy machine may need: it is started again, as the product's own cluster.
    """
    for _ in range(STARTS - 1):
        process = _begin_node(shell, log, *flags, within=within)
        try:
            wait_for(lambda: "Ray runtime started" in log.read_text(), process=process)
        except AssertionError:
            if SLOW_START not in log.read_text():
                raise
        else:
            return process
    process = _begin_node(shell, log, *flags, within=within)
    wait_for(lambda: "Ray runtime started" in log.read_text(), process=process)
    return process


def _begin_node(shell: dict[str, str], log: Path, *flags: str, within: Sequence[str]) -> subprocess.Popen[str]:
    ports = ("dashboard-agent-listen-port", "dashboard-agent-grpc-port", "metrics-export-port")
    return subprocess.Popen(
        [*within, RAY, "start", "--block", "--node-ip-address=127.0.0.1", "--include-log-monitor=false", *flags]
        + [f"--{port}={lasting_port()}" for port in (*ports, "runtime-env-agent-port")],
        stdout=log.open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        env=shell,
    )
