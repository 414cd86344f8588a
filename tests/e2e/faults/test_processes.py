"""Each kind of process of one sweep killed by its id, one after another: nothing committed is lost or learnt again.

The worker is killed last, in a long step, which goes on from its checkpoint.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import called, children, kill, living, title_of
from tests.e2e.commands import LAST, LONG, LONG_SWEEP, WAIT
from tests.e2e.long_step import UPDATES
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import committed, expect_undisturbed
from tests.losses import Losses

pytestmark = pytest.mark.slow
MARK = "ATLAS_MARK=processes"
OFTEN = ("--fleets", "1", "--checkpoint-every", "0.5")
FAULTS = {
    "trial": "trial killed (its process or node)",
    "broker": "broker killed",
    "controller": "fleet controller killed",
    "tracking actor": "MLflow's writer killed",
    "worker": "fleet worker killed",
}


def test_trial_broker_controller_writer_and_worker_killed_in_turn(
    quiet_long: Path, prepared: Path, background: Callable[..., Any], losses: Losses
) -> None:
    process = background(*LONG, *OFTEN, storage=prepared, sweep=LONG_SWEEP, ATLAS_MARK="processes", **losses.shell)
    before: dict[str, Any] = {}
    for number, (what, name) in enumerate(FAULTS.items()):
        # two steps each: the second is begun only once the sweep is over the fault
        wait_for(lambda number=number: is_due(number, prepared, quiet_long), process=process)
        found = wait_for(lambda what=what: called(what, MARK), process=process)
        expect_no_more_than_is_used(process)
        before |= committed(prepared)
        below = called("worker", MARK) if what == "controller" else []
        with losses.fault(name):
            kill(found[0])
            wait_for(lambda below=below: not living(below), process=process)  # Ray ends them a little later
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_resumed(prepared)
    expect_undisturbed(prepared, quiet_long)
    expect_nothing_left(MARK)


def is_due(number: int, storage: Path, quiet: Path) -> bool:
    """Whether so many faults are over; for the last, that nothing but the long step is left, and has a checkpoint."""
    steps = len(committed(storage))
    if number < len(FAULTS) - 1:
        return steps > 2 * number
    return steps == len(committed(quiet)) - 1 and bool(list(storage.glob("store/underway/steps/*/*/commit.json")))


def expect_no_more_than_is_used(process: subprocess.Popen[str]) -> None:
    """The sweep's own cluster has neither a reader of logs nor a dashboard's server, nor where one worker waits."""
    titles = [title_of(pid) for pid in children(process.pid)]
    unused = ("log_monitor.py", "/dashboard.py", "SynchronizationActor")
    assert not [title for title in titles if any(name in title for name in unused)]


def expect_resumed(storage: Path) -> None:
    """The long step went on from its checkpoint, and no checkpoint is left."""
    (facts,) = (marker["facts"] for marker in committed(storage).values() if marker["facts"]["title"] == LAST)
    (at,) = facts["resumed_at"]
    assert 0 < at < UPDATES
    assert not [path for path in (storage / "store" / "underway").rglob("*") if path.is_file()]
