"""The batch script, for real but for Slurm: `srun` and `scontrol` run on this machine what they are given."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.processes import wait_for

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).resolve().parents[2] / "clusters" / "slurm" / "sweep.sbatch"
SRUN = """#!/usr/bin/env bash
while [[ $1 == --* ]]; do
  case $1 in --output=*) exec >"${1#--output=}" 2>&1 ;; esac
  shift
done
exec "$@"
"""
SWEEP = """
import pathlib, sys, time, ray
ray.init(log_to_driver=False)
pathlib.Path(sys.argv[1]).write_text(str(ray.cluster_resources()["CPU"]))
try:
    time.sleep(300)
except KeyboardInterrupt:
    sys.exit(7)
"""


@pytest.fixture
def shell(tmp_path: Path) -> dict[str, str]:
    """The environment of a job on one node, in a cluster of its own."""
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "srun").write_text(SRUN)
    (tools / "scontrol").write_text("#!/bin/sh\necho localhost\n")
    for tool in tools.iterdir():
        tool.chmod(0o755)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "ATLAS_"))}
    return {
        **kept,
        "PATH": f"{tools}:{os.environ['PATH']}",
        "VENV": str(Path(sys.executable).parents[1]),
        "ATLAS_STORAGE": str(tmp_path),
        "SLURM_SUBMIT_DIR": str(tmp_path),
        "SLURM_JOB_ID": str(secrets.randbelow(10**6)),
        "SLURM_JOB_NODELIST": "localhost",
        "SLURM_CPUS_PER_TASK": "3",
    }


@pytest.fixture
def job(shell: dict[str, str], tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """The batch script with a sweep that waits; whatever is left of its session is ended."""
    (tmp_path / "sweep.py").write_text(SWEEP)
    process = subprocess.Popen(
        ["bash", str(SCRIPT), str(tmp_path / "sweep.py"), str(tmp_path / "began")],
        stdout=(tmp_path / "log").open("w"),
        stderr=subprocess.STDOUT,
        text=True,
        env=shell,
        start_new_session=True,
    )
    yield process
    left = subprocess.run(["ps", "-o", "pid=", "-s", str(process.pid)], capture_output=True, text=True).stdout
    for pid in map(int, left.split()):
        with contextlib.suppress(ProcessLookupError):  # it ended by itself since it was listed
            os.kill(pid, signal.SIGKILL)
    process.wait()
    shutil.rmtree(f"/tmp/atlas-{shell['SLURM_JOB_ID']}", ignore_errors=True)


def test_the_sweep_sees_the_cluster_and_is_interrupted_before_the_time_limit(
    job: subprocess.Popen[str], shell: dict[str, str], tmp_path: Path
) -> None:
    wait_for(lambda: (tmp_path / "began").exists() and (tmp_path / "began").read_text(), process=job)
    assert (tmp_path / "began").read_text() == "3.0"
    token = tmp_path / f"slurm-{shell['SLURM_JOB_ID']}" / "token"
    assert token.stat().st_mode & 0o077 == 0
    job.send_signal(signal.SIGUSR1)  # as Slurm does, to the batch script alone
    assert job.wait(timeout=120) == 7, (tmp_path / "log").read_text()
    assert not token.exists()


def test_a_job_without_a_sweep_is_refused(shell: dict[str, str]) -> None:
    done = subprocess.run(["bash", str(SCRIPT)], capture_output=True, text=True, env=shell)
    assert done.returncode == 2
    assert "give the sweep's file" in done.stderr
