"""A long step whose worker is killed goes on from its checkpoint, to the same numbers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.processes import children, title_of
from tests.e2e.commands import LONG, LONG_SWEEP, WAIT, lines_in
from tests.e2e.long_step import UPDATES
from tests.e2e.processes import wait_for
from tests.e2e.storages import committed, matrices, summaries

pytestmark = pytest.mark.slow


def test_a_worker_killed_in_a_long_step_resumes_from_its_checkpoint(
    quiet_long: Path, without_last: Path, tmp_path: Path, background: Callable[..., Any]
) -> None:
    often = ("--fleets", "1", "--checkpoint-every", "0.5")
    process = background(*LONG, *often, *lines_in(tmp_path), storage=without_last, sweep=LONG_SWEEP)
    wait_for(lambda: list(without_last.glob("store/underway/steps/*/*/commit.json")), process=process)
    titles = {pid: title_of(pid) for pid in children(process.pid)}
    workers = [pid for pid, title in titles.items() if "RayTrainWorker" in title]
    assert workers, titles
    assert not [title for title in titles.values() if "log_monitor.py" in title or "/dashboard.py" in title]
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    resumed = [
        marker["facts"]["resumed_at"] for marker in committed(without_last).values() if "resumed_at" in marker["facts"]
    ]
    assert len(resumed) == 1
    assert 0 < resumed[0][0] < UPDATES
    assert not [path for path in (without_last / "store" / "underway").rglob("*") if path.is_file()]
    assert matrices(summaries(without_last)[-1]) == matrices(summaries(quiet_long)[-1])
