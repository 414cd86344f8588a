"""Two sweeps at once on one storage: two drivers, two clusters, one store, one tracking database."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from atlas.storage.store import Store
from atlas.tracking import default_tracking_uri
from tests.e2e.commands import SMALL, WAIT
from tests.e2e.storages import committed, logged, matrices, summaries
from tests.losses import Losses

pytestmark = pytest.mark.slow


def test_two_sweeps_on_one_store_end_alike_with_one_entry_and_one_run_a_step(
    quiet: Path, half_learnt: Path, background: Callable[..., Any], losses: Losses
) -> None:
    (half_learnt / "mlflow.db").unlink()  # they make it together
    known = committed(half_learnt)
    with losses.fault("two sweeps on one storage"):
        processes = [background(*SMALL, "--fleets", "1", storage=half_learnt, **losses.shell) for _ in range(2)]
        for process in processes:
            out, _ = process.communicate(timeout=WAIT)
            assert process.returncode == 0, out
    expected = matrices(summaries(quiet)[0])
    assert [matrices(summary) for summary in summaries(half_learnt)] == [expected, expected]
    steps = committed(half_learnt)
    assert losses.begun() == len(steps) - len(known) > 1  # each by one of the two
    store = Store.open(str(half_learnt / "store"))
    assert len(steps) == summaries(quiet)[0]["plan"]["distinct_steps"]
    assert all(store.verify(key) for key in steps)
    runs = logged(default_tracking_uri(half_learnt))
    assert set(steps) <= set(runs)
    assert sum(key.startswith("sweep/") for key in runs) == 2
    assert {run.info.status for run in runs.values()} == {"FINISHED"}
