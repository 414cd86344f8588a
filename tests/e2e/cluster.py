"""A cluster of real nodes on this machine, with a token, whose nodes come and go as a test wants."""

from __future__ import annotations

import secrets
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.processes import children, kill, marked, title_of
from tests.e2e.nodes import QUICK, RAY, cluster_shell, start_node
from tests.e2e.processes import end
from tests.ports import lasting_port


def hidden(folder: Path) -> tuple[str, ...]:
    """The beginning of a command which sees that folder empty, in a mount namespace of its own."""
    return ("unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs none "$0" && exec "$@"', str(folder))


def may_hide() -> bool:
    """Whether this machine lets its users have mount namespaces."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            return subprocess.run([*hidden(Path(folder)), "true"], capture_output=True).returncode == 0
        except FileNotFoundError:
            return False


class Cluster:
    """A head and what joins it."""

    def __init__(self, folder: Path) -> None:
        self.shell, self.folder, self.port = cluster_shell(), folder, lasting_port()
        self.nodes: list[Any] = []
        self.address = {name: self.shell[name] for name in (*QUICK, "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_TMPDIR")}
        self.address["RAY_ADDRESS"] = f"127.0.0.1:{self.port}"

    def head(self, cpus: int) -> None:
        """Start the head."""
        dashboard = ("--include-dashboard=false", f"--ray-client-server-port={lasting_port()}")
        self._start("--head", f"--port={self.port}", f"--num-cpus={cpus}", *dashboard)

    def join(self, cpus: int, *, without: Path | None = None) -> None:
        """Start a node that joins the head; what lies in the folder `without` is not there on it."""
        self._start(f"--address=127.0.0.1:{self.port}", f"--num-cpus={cpus}", without=without)

    def _start(self, *flags: str, without: Path | None = None) -> None:
        log = self.folder / f"node-{secrets.token_hex(2)}.log"
        self.nodes.append(start_node(self.shell, log, *flags, within=hidden(without) if without else ()))

    def _raylet(self) -> int:
        """The raylet of the newest node."""
        (raylet,) = (pid for pid in children(self.nodes[-1].pid) if "/raylet/raylet" in title_of(pid))
        return raylet

    def lose(self) -> None:
        """Kill the raylet of the newest node; `ray start --block` then ends what is left of it."""
        kill(self._raylet())
        self.nodes.pop().wait(timeout=60)

    def drain(self) -> None:
        """Tell Ray that the newest node will be taken away, as its cloud's notice does, in ten minutes."""
        (node,) = {word for word in title_of(self._raylet()).split() if word.startswith("--node_id=")}
        why = ("--reason=DRAIN_NODE_REASON_PREEMPTION", "--reason-message=spot", "--deadline-remaining-seconds=600")
        command = [RAY, "drain-node", f"--address=127.0.0.1:{self.port}", node.replace("_", "-"), *why]
        subprocess.run(command, env=self.shell, check=True, timeout=60)

    def close(self) -> None:
        """End all nodes, and what outlives them: a stopped worker of a node that was lost has no parent of its own."""
        while self.nodes:
            end(self.nodes.pop(), signal.SIGKILL)
        for pid in marked(self.shell["RAY_TMPDIR"]):
            kill(pid)
        shutil.rmtree(self.shell["RAY_TMPDIR"], ignore_errors=True)
