"""A cluster that grows with a sweep and shrinks after it: Ray's own autoscaler, its nodes real ones on this machine.

The sweep's trials do not share their steps.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ray.autoscaler._private.fake_multi_node.node_provider import (
    FAKE_HEAD_NODE_ID,
    FAKE_HEAD_NODE_TYPE,
    FakeMultiNodeProvider,
)

from benchmarks.processes import kill, marked, title_of
from tests.e2e.commands import SMALL, WAIT, lines_in, run
from tests.e2e.nodes import cluster_shell, start_node
from tests.e2e.processes import wait_for
from tests.e2e.storages import matrices, summaries
from tests.ports import lasting_port

pytestmark = pytest.mark.slow
MOST = 2  # nodes that the autoscaler may bring, of one CPU each, beside the head and its one
AUTOSCALER = {"RAY_FAKE_CLUSTER": "1", "AUTOSCALER_UPDATE_INTERVAL_S": "1", "RAY_enable_autoscaler_v2": "1"}
HEAD = {"RAY_OVERRIDE_NODE_ID_FOR_TESTING": FAKE_HEAD_NODE_ID, "RAY_CLOUD_INSTANCE_ID": FAKE_HEAD_NODE_ID}


def cluster_file(port: int) -> dict[str, Any]:
    """The cluster file that `ray up` would leave on the head, for nodes that are processes of this machine.

    Ray's provider of such nodes is named as an external one: the file of its own defaults is not in Ray's wheel.
    """
    module = f"{FakeMultiNodeProvider.__module__}.{FakeMultiNodeProvider.__name__}"
    provider = {"type": "external", "module": module, "head_node_id": FAKE_HEAD_NODE_ID}
    provider["gcs_address"] = f"127.0.0.1:{port}"
    ways = ("use_node_id_as_ip", "disable_node_updaters", "disable_launch_config_check", "launch_multiple")
    commands = ("initialization", "setup", "head_setup", "worker_setup", "head_start_ray", "worker_start_ray")
    return {
        **{f"{name}_commands": [] for name in commands},
        "auth": {},
        "file_mounts": {},
        "cluster_synced_files": [],
        "upscaling_speed": 1.0,
        "cluster_name": "grows",
        "max_workers": MOST,
        "idle_timeout_minutes": 0.05,
        "provider": provider | dict.fromkeys(ways, True),
        "head_node_type": FAKE_HEAD_NODE_TYPE,
        "available_node_types": {
            FAKE_HEAD_NODE_TYPE: {"resources": {"CPU": 1}, "node_config": {}, "max_workers": 0},
            "worker": {"resources": {"CPU": 1}, "node_config": {}, "max_workers": MOST},
        },
    }


class Growing:
    """A head with an autoscaler, its file where the cluster launcher leaves it."""

    def __init__(self, home: Path) -> None:
        port, file = lasting_port(), home / "ray_bootstrap_config.yaml"
        file.write_text(json.dumps(cluster_file(port)))
        own = cluster_shell()
        self.mark = f"RAY_TMPDIR={own['RAY_TMPDIR']}"
        self.shell = {name: own[name] for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_TMPDIR")}
        self.shell |= {"HOME": str(home), "RAY_ADDRESS": f"127.0.0.1:{port}"}
        flags = ("--head", f"--port={port}", "--num-cpus=1", f"--autoscaling-config={file}")
        dashboard = ("--include-dashboard=false", f"--ray-client-server-port={lasting_port()}")
        self._head = (own | AUTOSCALER | HEAD, home / "head.log", *flags, *dashboard)

    def start(self) -> None:
        """Start the head."""
        self.head = start_node(*self._head)

    def nodes(self) -> int:
        """The number of nodes."""
        return sum("/raylet/raylet" in title_of(pid) for pid in marked(self.mark))

    def close(self) -> None:
        """End the head and what it brought: nodes are no children of it."""
        for pid in marked(self.mark):
            kill(pid)
        shutil.rmtree(self.shell["RAY_TMPDIR"], ignore_errors=True)


@pytest.fixture
def growing(tmp_path: Path) -> Iterator[Growing]:
    made = Growing(tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.close()


def test_a_sweep_makes_the_cluster_grow_trains_every_trials_own_steps_on_its_nodes_and_gives_them_back(
    quiet: Path, prepared: Path, background: Callable[..., Any], growing: Growing
) -> None:
    sweep = (*SMALL, "--cpus-per-worker", "1", "--fleets")
    refused = run(*sweep, "4", storage=prepared, code=2, **growing.shell)
    assert "need 4.1 CPUs (with 0.1 for the trials), the cluster has at most 3" in refused.stderr
    assert growing.nodes() == 1
    process = background(*sweep, "2", "--no-sharing", *lines_in(prepared), storage=prepared, **growing.shell)
    wait_for(lambda: growing.nodes() > 1, process=process)
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    (apart,) = summaries(prepared)
    assert matrices(apart) == matrices(summaries(quiet)[0])
    assert apart["ledger"]["steps_reused"] == 0
    assert len(list(prepared.glob("store/private/*/steps/*/*/commit.json"))) == 6
    wait_for(lambda: growing.nodes() == 1, process=growing.head)
