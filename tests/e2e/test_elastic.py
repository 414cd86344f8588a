"""A fleet with as many workers as the cluster has room for: a long step goes on when it grows and when it shrinks."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import called, kill
from tests.e2e.cluster import Cluster
from tests.e2e.commands import LONG, LONG_SWEEP, WAIT
from tests.e2e.long_step import UPDATES
from tests.e2e.processes import wait_for
from tests.e2e.storages import committed, expect_tracked, matrices, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow
ELASTIC = ("--fleets", "1", "--workers-per-fleet", "2", "--min-workers-per-fleet", "1", "--cpus-per-worker", "0.9")
RECORD = 100 / 30  # one record of those that score a task on `test` is answered otherwise


def test_a_fleet_grows_and_shrinks_in_mid_step_and_learns_what_a_steady_one_does(
    quiet_long: Path, without_last: Path, background: Callable[..., Any], cluster: Cluster, losses: Losses
) -> None:
    losses.look_in(Path(cluster.shell["RAY_TMPDIR"]))
    before = committed(without_last)
    cluster.head(cpus=1)
    process = background(
        *LONG, *ELASTIC, "--checkpoint-every", "0.5", storage=without_last, sweep=LONG_SWEEP, **cluster.address
    )
    wait_for(lambda: 1 in waypoint_sizes(without_last), process=process)
    alone = pause(cluster)
    cluster.join(cpus=1)
    wait_for(lambda: set(workers(cluster)) - set(alone), process=process)
    wait_for(lambda: 2 in waypoint_sizes(without_last), process=process)
    pause(cluster)
    cluster.lose()
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    after = committed(without_last)
    assert {key: after[key] for key in before} == before
    (facts,) = (marker["facts"] for key, marker in after.items() if key not in before)
    assert facts["workers"] == [1, 2, 1]
    assert 0 < facts["resumed_at"][0] < facts["resumed_at"][1] < UPDATES
    found, expected = (matrices(summaries(storage)[0]) for storage in (without_last, quiet_long))
    assert found.keys() == expected.keys()
    assert farthest(found, expected) <= RECORD
    expect_tracked(without_last)
    begun = losses.begun()
    fault = "node joins and is lost under an elastic fleet"
    losses.note(fault, begun=begun, lost=begun - 1 - len(facts["resumed_at"]))  # what goes on is not lost


def workers(cluster: Cluster) -> list[int]:
    """The workers of all fleets of the cluster."""
    return called("worker", cluster.shell["RAY_TMPDIR"])


def pause(cluster: Cluster) -> list[int]:
    """Have them stand still, so that the step is not over before the cluster has changed; gives them."""
    found = workers(cluster)
    for pid in found:
        kill(pid, signal.SIGSTOP)
    return found


def waypoint_sizes(storage: Path) -> set[int]:
    """By how many workers the waypoints that there are now were kept."""
    found = set()
    for path in storage.glob("store/underway/steps/*/*/commit.json"):
        try:
            found.add(json.loads(path.read_text())["facts"]["workers"])
        except FileNotFoundError:  # it gave way to the next
            continue
    return found


def farthest(one: Any, other: Any) -> float:
    """The largest absolute difference between two results of the same shape."""
    if isinstance(one, dict):
        return max((farthest(value, other[name]) for name, value in one.items()), default=0.0)
    if isinstance(one, list):
        return max(map(farthest, one, other), default=0.0)
    return abs(one - other) if one is not None else 0.0
