"""A long step whose worker is killed goes on from its waypoint, to the same numbers."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import children, committed, matrices, run, summaries, title_of, wait_for

pytestmark = pytest.mark.slow
LONG = ("--tasks", "digits", "piqa-twin", "--orders", "digits,piqa-twin", "--steps", "150", "--evaluate", "40", "60")


def test_a_worker_killed_in_a_long_step_goes_on_from_its_waypoint(
    quiet: Path, prepared: Path, tmp_path: Path, background: Callable[..., Any]
) -> None:
    process = background(*LONG, "--fleets", "1", "--checkpoint-every", "0.5", storage=prepared)
    wait_for(lambda: list(prepared.glob("store/underway/steps/*/*/commit.json")), process=process)
    workers = [pid for pid in children(process.pid) if "RayTrainWorker" in title_of(pid)]
    assert workers, [title_of(pid) for pid in children(process.pid)]
    os.kill(workers[0], signal.SIGKILL)
    assert process.wait(timeout=300) == 0, process.communicate()[0]
    resumed = [
        marker["facts"]["resumed_at"] for marker in committed(prepared).values() if "resumed_at" in marker["facts"]
    ]
    assert len(resumed) == 1
    assert 0 < resumed[0][0] < 150
    assert not [path for path in (prepared / "store" / "underway").rglob("*") if path.is_file()]
    undisturbed = tmp_path / "undisturbed"
    shutil.copytree(quiet / "data", undisturbed / "data")
    run(*LONG, "--fleets", "1", storage=undisturbed)
    assert matrices(summaries(prepared)[-1]) == matrices(summaries(undisturbed)[-1])
