"""Each kind of process of one sweep killed by its id, one after another: nothing committed is lost or learnt again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import called, kill
from tests.e2e.conftest import SMALL, committed, expect_nothing_left, expect_undisturbed, wait_for

pytestmark = pytest.mark.slow
MARK = "ATLAS_MARK=processes"


def test_worker_broker_controller_trial_and_writer_killed_in_turn(
    quiet: Path, prepared: Path, background: Callable[..., Any]
) -> None:
    process = background(*SMALL, "--fleets", "1", storage=prepared, ATLAS_MARK="processes")
    before: dict[str, Any] = {}
    for number, what in enumerate(("trial", "worker", "broker", "controller", "scribe"), start=1):
        wait_for(lambda number=number: len(committed(prepared)) >= number, process=process)
        found = wait_for(lambda what=what: called(what, MARK), process=process)
        before |= committed(prepared)
        kill(found[0])
    assert process.wait(timeout=400) == 0, process.communicate()[0]
    after = committed(prepared)
    assert {key: after[key] for key in before} == before
    expect_undisturbed(prepared, quiet)
    expect_nothing_left(MARK)
