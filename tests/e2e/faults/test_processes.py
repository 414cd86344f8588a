"""Each kind of process of one sweep killed by its id, one after another: nothing committed is lost or learnt again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import called, kill, living
from tests.e2e.commands import SMALL, WAIT
from tests.e2e.processes import expect_nothing_left, wait_for
from tests.e2e.storages import committed, expect_undisturbed
from tests.losses import Losses

pytestmark = pytest.mark.slow
MARK = "ATLAS_MARK=processes"
FAULTS = {
    "trial": "trial killed (its process or node)",
    "worker": "fleet worker killed",
    "broker": "broker killed",
    "controller": "fleet controller killed",
    "tracking actor": "MLflow's writer killed",
}


def test_worker_broker_controller_trial_and_writer_killed_in_turn(
    quiet: Path, prepared: Path, background: Callable[..., Any], losses: Losses
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared, ATLAS_MARK="processes", **losses.shell)
    before: dict[str, Any] = {}
    for number, (what, name) in enumerate(FAULTS.items()):
        # two steps each: the second is begun only once the sweep is over the fault
        wait_for(lambda number=number: len(committed(prepared)) > 2 * number, process=process)
        found = wait_for(lambda what=what: called(what, MARK), process=process)
        before |= committed(prepared)
        below = called("worker", MARK) if what == "controller" else []
        with losses.fault(name):
            kill(found[0])
            wait_for(lambda below=below: not living(below), process=process)  # Ray ends them a little later
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)
    expect_nothing_left(MARK)
