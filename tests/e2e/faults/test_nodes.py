"""A cluster of two nodes on this machine: one lost, then the head; one taken away after a notice, as spot nodes are.

The node that joins the new head has not the files of a user's own task, learner and sweep, which train there.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster import Cluster, may_hide
from tests.e2e.commands import LAST, LONG, LONG_SWEEP, SMALL, WAIT, environment, lines_in, run
from tests.e2e.long_step import UPDATES
from tests.e2e.own_files import write_own_files
from tests.e2e.processes import expect_nothing_left, wait_for, wait_slowly_for
from tests.e2e.storages import committed, expect_undisturbed, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow
NOTICE = "node taken away after a notice (spot, `ray drain-node`, SIGTERM to `ray start --block`)"
SWEEP = (*SMALL, "--fleets", "2", "--cpus-per-worker", "0.9")  # one fleet a node


def test_a_node_lost_and_then_the_head_cost_no_committed_step_and_own_files_travel_to_the_next_node(
    quiet: Path, prepared: Path, background: Callable[..., Any], cluster: Cluster, losses: Losses, tmp_path: Path
) -> None:
    losses.look_in(Path(cluster.shell["RAY_TMPDIR"]))
    cluster.head(cpus=1)
    cluster.join(cpus=1)
    process = background(*SWEEP, storage=prepared, ATLAS_MARK="nodes", **cluster.address)
    wait_for(lambda: len(committed(prepared)) >= 2, process=process)
    before = committed(prepared)
    with losses.fault("worker node lost"):
        cluster.lose()
    wait_for(lambda: len(committed(prepared)) > len(before) + 1, process=process)  # the other fleet goes on
    before |= committed(prepared)
    with losses.fault("head lost and started again"):
        cluster.lose()  # the head
        process.wait(timeout=WAIT)
        assert process.returncode != 0
        expect_nothing_left("ATLAS_MARK=nodes")
    own = write_own_files(tmp_path / "own files")
    cluster.head(cpus=0)
    cluster.join(cpus=2, without=own if may_hide() else None)
    losses.resumed()
    run(*SMALL, "--fleets", "1", "--resume", storage=prepared, **cluster.address)
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)
    expect_own_files_travel(own, tmp_path / "own-storage", cluster)


def expect_own_files_travel(own: Path, storage: Path, cluster: Cluster) -> None:
    """The node prepares the task by Ray Data, and trains the learner: the head has no CPUs."""
    task, learner = f"{own / 'task.py'}:TASK", f"{own / 'learner.py'}:SpringAdapter"
    prepare = [sys.executable, "-m", "atlas", "prepare", task, "--ray", "--storage", str(storage)]
    done = subprocess.run(prepare, capture_output=True, text=True, timeout=WAIT, env=environment(**cluster.address))
    assert done.returncode == 0, done.stdout + done.stderr
    fleet = ("--fleets", "1", "--cpus-per-worker", "1.1", *lines_in(storage))
    short = ("--steps", "2", "--batch-size", "4", "--evaluate", "4", "4")
    sweep = str(own / "sweep.py")
    done = run("--tasks", task, "--learner", learner, *short, *fleet, storage=storage, sweep=sweep, **cluster.address)
    assert "not loaded here" not in done.stdout
    (summary,) = summaries(storage)
    assert [trial["status"] for trial in summary["trials"]] == ["FINISHED"]
    assert summary["settings"]["learner"] == "spring-adapter"


def test_a_node_taken_away_after_a_notice_is_a_planned_stop_its_step_goes_on_from_there_on_the_next_node(
    quiet_long: Path, without_last: Path, background: Callable[..., Any], cluster: Cluster, losses: Losses
) -> None:
    losses.look_in(Path(cluster.shell["RAY_TMPDIR"]))
    before = committed(without_last)
    cluster.head(cpus=1)
    cluster.join(cpus=2)
    sparing = ("--fleets", "1", "--cpus-per-worker", "1.1", "--checkpoint-every", "3600")  # too large for the head
    process = background(*LONG, *sparing, storage=without_last, sweep=LONG_SWEEP, **cluster.address)
    worker = wait_for(lambda: learning(cluster.shell, LAST), process=process)
    begun, noticed = losses.begun(), time.monotonic()
    cluster.drain()
    wait_slowly_for(lambda: list(without_last.glob("store/underway/steps/*/*/commit.json")), of=worker, process=process)
    cluster.lose()
    cluster.join(cpus=2)
    wait_for(lambda: losses.begun() > begun, process=process)
    stood = time.monotonic() - noticed
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    after = committed(without_last)
    assert {key: after[key] for key in before} == before
    (resumed,) = (marker["facts"]["resumed_at"] for marker in after.values() if "resumed_at" in marker["facts"])
    assert 0 < resumed[0] < UPDATES
    expect_undisturbed(without_last, quiet_long)
    lost = losses.begun() - len(after.keys() - before.keys()) - len(resumed)  # what goes on from its waypoint is not
    losses.note(NOTICE, begun=losses.begun(), lost=lost, from_the_notice_until_its_step_went_on=stood)


def learning(shell: dict[str, str], title: str) -> int | None:
    """The worker's process of this cluster that says that it learns the step."""
    logs = Path(shell["RAY_TMPDIR"]).glob("ray/session_latest/logs/worker*.out")
    return next((int(log.stem.rpartition("-")[2]) for log in logs if f" {title}\n" in log.read_text()), None)
