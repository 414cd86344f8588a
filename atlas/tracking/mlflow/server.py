"""The MLflow server as a process; the commands and addresses by which a person sees runs."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType

from atlas.runtime.errors import AtlasError, InfrastructureError
from atlas.runtime.redact import redacted
from atlas.tracking.mlflow.access import without_user
from atlas.tracking.mlflow.address import check_address, database_file
from atlas.tracking.mlflow.relocation import ARTIFACTS, artifact_address

HOST = "127.0.0.1"


def free_port() -> int:
    """A free port of the loopback."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def server_command(backend: str, *, port: int, artifacts: Path | str | None = None, host: str = HOST) -> list[str]:
    """The command of a server over `backend` (an SQLAlchemy address) that hands artifacts on.

    They go to a folder or an s3:// address.
    """
    command = [*_mlflow(), "server", "--backend-store-uri", backend, "--host", host, "--port", str(port)]
    if artifacts is not None:
        command += ["--artifacts-destination", str(artifacts)]
    return [*command, "--workers", "1"]


def ui_command(tracking_uri: str, port: int = 5000) -> str:
    """The shell command that opens the UI on these runs. A database's user and password are left out (`***`)."""
    if tracking_uri.startswith("http"):
        return shlex.join([sys.executable, "-m", "webbrowser", without_user(tracking_uri)])
    command = [*_mlflow(), "ui", "--backend-store-uri", redacted(tracking_uri)]
    if (database := database_file(tracking_uri)) is not None:
        command += ["--default-artifact-root", artifact_address(database.parent / ARTIFACTS)]
    return shlex.join([*command, "--host", HOST, "--port", str(port)])


def run_url(tracking_uri: str, experiment_id: str, run_id: str | None = None, port: int = 5000) -> str:
    """The page of a run (or of the experiment) in the UI: the server's own, or the one `ui_command` starts."""
    base = without_user(tracking_uri).rstrip("/") if tracking_uri.startswith("http") else f"http://{HOST}:{port}"
    page = f"{base}/#/experiments/{experiment_id}"
    return f"{page}/runs/{run_id}" if run_id else page


class Server:
    """An MLflow server on the loopback, as a context; stopped by its own process group."""

    def __init__(self, backend: str, *, port: int, artifacts: Path | str, log: Path) -> None:
        self.uri = f"http://{HOST}:{port}"
        self._command = server_command(backend, port=port, artifacts=artifacts)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 120.0) -> Server:
        """Start and wait until it answers. Raises InfrastructureError, with the end of its log, where it does not."""
        environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
        environment.setdefault("MLFLOW_SERVER_ENABLE_JOB_EXECUTION", "false")
        with open(self._log, "ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        deadline = time.monotonic() + timeout
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise InfrastructureError(f"the MLflow server did not start:\n{self._log.read_text()[-2000:]}")
            time.sleep(0.2)
        return self

    def stop(self) -> None:
        """End the server and its workers; harmless where it has ended."""
        if self._process is None:
            return
        for ending in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self._process.pid, ending)
                self._process.wait(timeout=10)
            except ProcessLookupError:
                break
            except subprocess.TimeoutExpired:
                continue
        self._process.wait()
        self._process = None

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _answers(self) -> bool:
        try:
            check_address(self.uri, timeout=2.0)
        except AtlasError:
            return False
        return True


def _mlflow() -> list[str]:
    """`mlflow` where the shell finds this interpreter's, else `python -m mlflow`."""
    found = shutil.which("mlflow")
    same = found is not None and Path(found).parent == Path(sys.executable).parent
    return ["mlflow"] if same else [sys.executable, "-m", "mlflow"]
