"""A long step whose worker is killed goes on from its checkpoint, to the same numbers."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import LONG, UPDATES, WAIT, children, committed, matrices, summaries, title_of, wait_for

pytestmark = pytest.mark.slow


def test_a_worker_killed_in_a_long_step_resumes_from_its_checkpoint(
    quiet_long: Path, without_last: Path, background: Callable[..., Any]
) -> None:
    process = background(*LONG, "--fleets", "1", "--checkpoint-every", "0.5", storage=without_last)
    wait_for(lambda: list(without_last.glob("store/underway/steps/*/*/commit.json")), process=process)
    workers = [pid for pid in children(process.pid) if "RayTrainWorker" in title_of(pid)]
    assert workers, [title_of(pid) for pid in children(process.pid)]
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(timeout=WAIT) == 0, process.communicate()[0]
    resumed = [
        marker["facts"]["resumed_at"] for marker in committed(without_last).values() if "resumed_at" in marker["facts"]
    ]
    assert len(resumed) == 1
    assert 0 < resumed[0][0] < UPDATES
    assert not [path for path in (without_last / "store" / "underway").rglob("*") if path.is_file()]
    assert matrices(summaries(without_last)[-1]) == matrices(summaries(quiet_long)[-1])
