"""A cluster of two nodes on this machine: one of them lost, then the head, which is started again."""

from __future__ import annotations

import secrets
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import lasting_port

from benchmarks.processes import children, kill, title_of
from tests.e2e.conftest import (
    SMALL,
    cluster_shell,
    committed,
    end,
    expect_nothing_left,
    expect_undisturbed,
    run,
    start_node,
    wait_for,
)
from tests.losses import Losses

pytestmark = pytest.mark.slow
SWEEP = (*SMALL, "--fleets", "2", "--cpus-per-worker", "0.9")  # one fleet a node


class Cluster:
    """A head and what joins it, each of one CPU."""

    def __init__(self, folder: Path) -> None:
        self.shell, self.folder, self.port = cluster_shell(), folder, lasting_port()
        self.nodes: list[Any] = []
        self.address = {name: self.shell[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_TMPDIR")}
        self.address["RAY_ADDRESS"] = f"127.0.0.1:{self.port}"

    def head(self, cpus: int) -> None:
        """Start the head."""
        dashboard = ("--include-dashboard=false", f"--ray-client-server-port={lasting_port()}")
        self._start("--head", f"--port={self.port}", f"--num-cpus={cpus}", *dashboard)

    def join(self) -> None:
        """Start a node that joins the head."""
        self._start(f"--address=127.0.0.1:{self.port}", "--num-cpus=1")

    def _start(self, *flags: str) -> None:
        self.nodes.append(start_node(self.shell, self.folder / f"node-{secrets.token_hex(2)}.log", *flags))

    def lose(self) -> None:
        """Kill the raylet of the newest node; `ray start --block` then ends what is left of it."""
        node = self.nodes.pop()
        (raylet,) = (pid for pid in children(node.pid) if "/raylet/raylet" in title_of(pid))
        kill(raylet)
        node.wait(timeout=60)

    def close(self) -> None:
        """End all nodes."""
        while self.nodes:
            end(self.nodes.pop(), signal.SIGKILL)
        shutil.rmtree(self.shell["RAY_TMPDIR"], ignore_errors=True)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path)
    yield made
    made.close()


def test_a_node_lost_and_then_the_head_cost_no_committed_step(
    quiet: Path, prepared: Path, background: Callable[..., Any], cluster: Cluster, losses: Losses
) -> None:
    losses.look_in(Path(cluster.shell["RAY_TMPDIR"]))
    cluster.head(cpus=1)
    cluster.join()
    process = background(*SWEEP, storage=prepared, ATLAS_MARK="nodes", **cluster.address)
    wait_for(lambda: len(committed(prepared)) >= 2, process=process)
    before = committed(prepared)
    with losses.fault("worker node lost"):
        cluster.lose()
    wait_for(lambda: len(committed(prepared)) > len(before) + 1, process=process)  # the other fleet goes on
    before |= committed(prepared)
    with losses.fault("head lost and started again"):
        cluster.lose()  # the head
        process.wait(timeout=240)
        assert process.returncode != 0
        expect_nothing_left("ATLAS_MARK=nodes")
    cluster.head(cpus=2)
    losses.resumed()
    run(*SMALL, "--resume", storage=prepared, **cluster.address)
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)
